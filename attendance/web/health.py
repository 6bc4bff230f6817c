"""What the admin's page about the queue shows."""

import datetime as dt
from typing import Any, Final

from django.db.models import Max
from django.utils import timezone

from attendance.models import UNFINISHED, Selfie, Snapshot, WorkState
from attendance.services import health

LAST_FAILURES: Final = 20


def queue_health() -> dict[str, Any]:
    """Give the checks, the signs of life, what waits, and the last failures."""
    waiting = Snapshot.objects.unfinished()
    oldest = waiting.order_by("queued_at").values_list("queued_at", flat=True).first()
    day = timezone.now() - dt.timedelta(days=1)
    done = Snapshot.objects.filter(state=WorkState.DONE, finished_at__gte=day)
    return {
        "checks": health.readiness(),
        "beats": health.beats(),
        "waiting": waiting.count(),
        "oldest": oldest,
        "selfies_waiting": Selfie.objects.filter(state__in=UNFINISHED).count(),
        "done": done.count(),
        "slowest_ms": done.aggregate(slowest=Max("processing_ms"))["slowest"],
        "failures": Snapshot.objects.filter(state=WorkState.FAILED)
        .select_related("session__course")
        .order_by("-finished_at")[:LAST_FAILURES],
    }
