"""What the admin's page about the queue shows; how long something waits is told by the database's clock."""

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

from django.db.models import Count, DurationField, ExpressionWrapper, Max, Min, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.timesince import timesince

from attendance.models import UNFINISHED, FaceModelChange, Priority, Selfie, Snapshot, WorkState
from attendance.services import health, pace, queue

LAST_FAILURES: Final = 20
_DAY: Final = dt.timedelta(days=1)


def queue_health() -> dict[str, Any]:
    """Give the checks, the signs of life, what waits by course, and what was set aside."""
    waiting = Snapshot.objects.unfinished().order_by()
    selfies = Selfie.objects.filter(state__in=UNFINISHED).order_by()
    done = Snapshot.objects.filter(state=WorkState.DONE, finished_at__gte=Now() - _DAY)
    count = waiting.count() + selfies.count()
    return {
        "checks": health.readiness(),
        "beats": health.beats(),
        "waiting": waiting.aggregate(**_waits()),
        "selfies_waiting": selfies.aggregate(**_waits()),
        "courses": [one | {"oldest": _told(one["waited"])} for one in _by_course(waiting)],
        "minutes_left": -(-pace.seconds_for(count) // 60) if count else 0,
        "change_runs": FaceModelChange.objects.filter(state__in=UNFINISHED).exists(),
        "done": done.count(),
        "slowest_ms": done.aggregate(slowest=Max("processing_ms"))["slowest"],
        "failures": Snapshot.objects.filter(state=WorkState.FAILED)
        .select_related("session__course")
        .order_by("-finished_at")[:LAST_FAILURES],
        # A selfie that cannot be used is its student's to retake; here are those that broke the worker.
        "broken_selfies": Selfie.objects.filter(
            state=WorkState.FAILED, failure_code__in=[queue.GAVE_UP, queue.WORKER_LOST]
        )
        .select_related("student")
        .order_by("-finished_at")[:LAST_FAILURES],
    }


def _waits() -> dict[str, Count]:
    return {
        "urgent": Count("pk", filter=Q(priority=Priority.URGENT)),
        "bulk": Count("pk", filter=Q(priority=Priority.BULK)),
    }


def _by_course(waiting: QuerySet[Snapshot]) -> Iterable[dict[str, Any]]:
    waited = ExpressionWrapper(Now() - Min("queued_at"), output_field=DurationField())
    courses = waiting.values("session__course", "session__course__name")
    return [dict(one) for one in courses.annotate(waited=waited, **_waits()).order_by("-waited")]


def _told(waited: dt.timedelta) -> str:
    now = timezone.now()
    return timesince(now - waited, now)
