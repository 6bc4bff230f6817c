"""What was done in the last quarter of an hour."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from django.db.models import Count, Q, QuerySet, Sum
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from attendance.models import AuditEvent, DetectedFace, QueuedWork, Snapshot, Source, WorkState
from attendance.services import clocks, queue
from attendance.services.marks import CLEARED, SET

WINDOW: Final = dt.timedelta(minutes=15)
MOST_PHOTOS: Final = 1000
"""The newest so many photos stand for all: a scrape must stay short on the busiest morning."""
MEASURED: Final = ("decode", "detect", "embed", "match", "write")
QUANTILES: Final = (0.5, 0.95, 1.0)
MEMORY: Final = "memory_mb"


def work() -> Iterator[Metric]:
    """What became of work, with how many attempts, and for which reasons it failed."""
    finished = GaugeMetricFamily(
        "rollcall_recent_work", "Work that came to its end in the last 15 minutes.", labels=["kind", "outcome"]
    )
    attempts = GaugeMetricFamily("rollcall_recent_attempts", "How often that work was tried, in sum.", labels=["kind"])
    reasons = GaugeMetricFamily(
        "rollcall_recent_failures", "Work that failed in the last 15 minutes, by reason.", labels=["kind", "code"]
    )
    for kind, model in queue.NAMED.items():
        rows = _finished(model).order_by()
        counts = dict(rows.values_list("state").annotate(Count("pk")))
        for state in (WorkState.DONE, WorkState.FAILED, WorkState.CANCELLED):
            finished.add_metric([kind, state.lower()], counts.get(state, 0))
        attempts.add_metric([kind], rows.aggregate(sum=Sum("attempts"))["sum"] or 0)
        failed = rows.filter(state=WorkState.FAILED).values_list("failure_code").annotate(Count("pk"))
        for code, number in failed:
            reasons.add_metric([kind, code or "none"], number)
    yield from (finished, attempts, reasons)


def stages() -> Iterator[Metric]:
    """How long each stage of a photo took, from its upload to its end, and what its worker held in memory."""
    took = GaugeMetricFamily(
        "rollcall_stage_seconds",
        "Time of a stage over the photos of the last 15 minutes: the middle one, the 95th of a hundred, the slowest.",
        labels=["stage", "quantile"],
    )
    memory = GaugeMetricFamily("rollcall_worker_memory_bytes", "Resident memory of the largest worker process lately.")
    seconds: dict[str, list[float]] = defaultdict(list)
    largest_mb = 0.0
    for photo in _newest_photos().only("uploaded_at", "claimed_at", "finished_at", "cost"):
        if photo.finished_at is not None:
            seconds["total"].append((photo.finished_at - photo.uploaded_at).total_seconds())
        if photo.claimed_at is not None:
            seconds["wait"].append(max((photo.claimed_at - photo.uploaded_at).total_seconds(), 0))
        cost = photo.cost or {}
        for stage in MEASURED:
            if stage in cost:
                seconds[stage].append(cost[stage] / 1000)
        largest_mb = max(largest_mb, cost.get(MEMORY, 0))
    for stage, values in seconds.items():
        values.sort()
        for quantile in QUANTILES:
            took.add_metric([stage, f"{quantile:g}"], values[round(quantile * (len(values) - 1))])
    memory.add_metric([], largest_mb * 1_000_000)
    yield from (took, memory)


def faces() -> Iterator[Metric]:
    """What the machine said of the faces that it found."""
    found = GaugeMetricFamily(
        "rollcall_recent_faces",
        "Faces in the photos of the last 15 minutes: marked, uncertain (a teacher is asked), unknown.",
        labels=["outcome"],
    )
    photos = list(_newest_photos().values_list("pk", flat=True))
    counts = dict(
        DetectedFace.objects.filter(snapshot__in=photos).order_by().values_list("outcome").annotate(Count("pk"))
    )
    for outcome in DetectedFace.Outcome:
        found.add_metric([outcome.lower()], counts.get(outcome, 0))
    yield found


def marks() -> Iterator[Metric]:
    """Who made marks, and how many of the machine's a person changed or took away."""
    made = GaugeMetricFamily(
        "rollcall_recent_marks",
        "Marks of the last 15 minutes: made by the machine, set by a person, corrected (the machine's, by a person).",
        labels=["by"],
    )
    events = AuditEvent.objects.filter(at__gte=clocks.database_now() - WINDOW, action__in=[SET, CLEARED])
    person = Q(actor_id__isnull=False)
    counts = events.aggregate(
        machine=Count("pk", filter=~person & Q(action=SET)),
        person=Count("pk", filter=person & Q(action=SET)),
        corrected=Count("pk", filter=person & Q(old__source=Source.RECOGNISED)),
    )
    for by, number in counts.items():
        made.add_metric([by], number)
    yield made


def _finished(model: type[QueuedWork]) -> QuerySet[QueuedWork]:
    return model._default_manager.filter(finished_at__gte=clocks.database_now() - WINDOW)


def _newest_photos() -> QuerySet[Snapshot]:
    since = clocks.database_now() - WINDOW
    done = Snapshot.objects.filter(finished_at__gte=since, state=WorkState.DONE)
    return done.order_by("-finished_at")[:MOST_PHOTOS]
