"""How things stand: what waits, and who was heard of."""

import datetime as dt
from collections.abc import Iterator
from typing import Final

from django.db.models import Count, Max, Min
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from attendance.models import UNFINISHED, Heartbeat, Priority, WorkState
from attendance.services import clocks, health, heartbeats
from attendance.services import queue as queue_of_record

STATES: Final = (*UNFINISHED, WorkState.FAILED)


def queue() -> Iterator[Metric]:
    """How much waits, is being done, or has failed, and since when the oldest waits."""
    depth = GaugeMetricFamily(
        "rollcall_queue_depth", "Pieces of work by where they stand.", labels=["kind", "state", "priority"]
    )
    age = GaugeMetricFamily(
        "rollcall_queue_oldest_seconds",
        "How long the oldest unfinished piece of work has waited; 0 with none.",
        labels=["kind", "priority"],
    )
    now = clocks.database_now()
    for kind, model in queue_of_record.NAMED.items():
        rows = model._default_manager.filter(state__in=STATES).order_by()
        counts = {
            (state, priority): (number, oldest)
            for state, priority, number, oldest in rows.values_list("state", "priority").annotate(
                number=Count("pk"), oldest=Min("queued_at")
            )
        }
        for priority in Priority:
            label = priority.name.lower()
            for state in STATES:
                depth.add_metric([kind, state.lower(), label], counts.get((state, priority), (0, None))[0])
            since = [counts[state, priority][1] for state in UNFINISHED if (state, priority) in counts]
            age.add_metric([kind, label], max((now - oldest).total_seconds() for oldest in since) if since else 0)
    yield depth
    yield age


def signs_of_life() -> Iterator[Metric]:
    """When each kind was last heard of, and how many were lately."""
    age = GaugeMetricFamily(
        "rollcall_heartbeat_age_seconds",
        "Time since the last sign of life of any worker or sweeper, the last retention, the last backup.",
        labels=["kind"],
    )
    number = GaugeMetricFamily("rollcall_heartbeats", "How many of a kind were heard of lately.", labels=["kind"])
    now = clocks.database_now()
    lately = now - dt.timedelta(seconds=health.ALIVE_SECONDS)
    for kind, last in Heartbeat.objects.order_by().values_list("kind").annotate(last=Max("at")):
        age.add_metric([kind], max((now - last).total_seconds(), 0))
    for kind in (heartbeats.WORKER, heartbeats.SWEEPER):
        number.add_metric([kind], Heartbeat.objects.filter(kind=kind, at__gte=lately).count())
    yield age
    yield number
