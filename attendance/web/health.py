"""What the admin's page about the queue shows; how long something waits is told by the database's clock."""

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

from django.db.models import Count, DurationField, ExpressionWrapper, Max, Min, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy

from attendance.models import UNFINISHED, FaceModelChange, Heartbeat, Priority, Selfie, Snapshot, WorkState
from attendance.services import health, heartbeats, pace, queue

LAST_FAILURES: Final = 20
_DAY: Final = dt.timedelta(days=1)
PARTS: Final = {
    "database": gettext_lazy("database"),
    "broker": gettext_lazy("broker (wakes workers)"),
    "weights": gettext_lazy("face models"),
    "disk": gettext_lazy("free disk space"),
    "worker": gettext_lazy("worker (finds faces)"),
    "sweeper": gettext_lazy("sweeper (tidies up)"),
    "master_key": gettext_lazy("master key"),
    "files": gettext_lazy("stored photos"),
    "release": gettext_lazy("one release"),
}
SIGNS: Final = {
    heartbeats.WORKER: gettext_lazy("Worker"),
    heartbeats.SWEEPER: gettext_lazy("Sweeper"),
    heartbeats.RETENTION: gettext_lazy("Daily deletion"),
    heartbeats.BACKUP: gettext_lazy("Backup"),
}


def queue_health() -> dict[str, Any]:
    """Give the checks, the signs of life, what waits by course, and what was set aside."""
    waiting = Snapshot.objects.unfinished().order_by()
    selfies = Selfie.objects.filter(state__in=UNFINISHED).order_by()
    done = Snapshot.objects.filter(state=WorkState.DONE, finished_at__gte=Now() - _DAY)
    count = waiting.count() + selfies.count()
    checks = health.readiness()
    slowest_ms = done.aggregate(slowest=Max("processing_ms"))["slowest"]
    return {
        "checks": checks,
        "parts": [(PARTS.get(name, name), works) for name, works in checks.items()],
        "beats": [_sign(beat) for beat in health.beats()],
        "waiting": waiting.aggregate(**_waits()),
        "selfies_waiting": selfies.aggregate(**_waits()),
        "courses": [one | {"oldest": _told(one["waited"])} for one in _by_course(waiting)],
        "minutes_left": -(-pace.seconds_for(count) // 60) if count else 0,
        "change_runs": FaceModelChange.objects.filter(state__in=UNFINISHED).exists(),
        "done": done.count(),
        "slowest_seconds": "" if slowest_ms is None else f"{slowest_ms / 1000:.1f}",
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


def _sign(beat: Heartbeat) -> dict[str, Any]:
    """Say who was heard of, on which machine and when; a process names itself ``kind@machine``."""
    return {
        "who": SIGNS.get(beat.kind, beat.kind),
        "where": beat.name.removeprefix(f"{beat.kind}@"),
        "at": beat.at,
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
