"""Is everything there that a photo needs? Each check is short, so that a page or a probe never hangs on it."""

import datetime as dt
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Max
from django.utils import timezone
from redis import Redis
from redis.exceptions import RedisError

from attendance.models import UNFINISHED, Heartbeat, Selfie, Snapshot, WorkState
from attendance.services import files, heartbeats, keys, release
from attendance.services.sealing import KeyNotAtHand

BROKER_SECONDS: Final = 1.0
ALIVE_SECONDS: Final = 90.0
LAST_FAILURES: Final = 20


def database_answers() -> bool:
    """Whether the database answers."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def broker_answers() -> bool:
    """Whether Valkey or Redis answers within a second."""
    try:
        client = Redis.from_url(
            settings.REDIS_URL, socket_timeout=BROKER_SECONDS, socket_connect_timeout=BROKER_SECONDS
        )
        with client:
            return bool(client.ping())
    except (RedisError, ValueError):
        return False


def is_alive(kind: str) -> bool:
    """Whether a worker or sweeper was heard of lately."""
    return heartbeats.alive(kind, within_seconds=ALIVE_SECONDS).exists()


def weights_present() -> bool:
    """Whether the folder of the models' weights has anything in it; the worker checks the bytes."""
    folder = settings.WEIGHTS_DIR
    return folder.is_dir() and any(folder.iterdir())


def master_key_fits() -> bool:
    """Whether the master key opens what was sealed before."""
    try:
        keys.require_master_key()
    except (KeyNotAtHand, ValueError):  # a wrong one, or not 32 bytes in base64
        return False
    return True


def readiness() -> dict[str, bool]:
    """Give each check by name."""
    checks = {"database": database_answers(), "broker": broker_answers(), "weights": weights_present()}
    checks["worker"] = checks["database"] and is_alive(heartbeats.WORKER)
    checks["sweeper"] = checks["database"] and is_alive(heartbeats.SWEEPER)
    checks["master_key"] = checks["database"] and master_key_fits()
    checks["files"] = checks["database"] and not files.rows_are_missing()
    checks["release"] = checks["database"] and not release.is_outdated()
    return checks


def queue_health() -> dict[str, Any]:
    """What the admin's page about the queue shows."""
    waiting = Snapshot.objects.unfinished()
    oldest = waiting.order_by("queued_at").values_list("queued_at", flat=True).first()
    day = timezone.now() - dt.timedelta(days=1)
    done = Snapshot.objects.filter(state=WorkState.DONE, finished_at__gte=day)
    return {
        "checks": readiness(),
        "beats": Heartbeat.objects.order_by("kind", "name"),
        "waiting": waiting.count(),
        "oldest": oldest,
        "selfies_waiting": Selfie.objects.filter(state__in=UNFINISHED).count(),
        "done": done.count(),
        "slowest_ms": done.aggregate(slowest=Max("processing_ms"))["slowest"],
        "failures": Snapshot.objects.filter(state=WorkState.FAILED)
        .select_related("session__course")
        .order_by("-finished_at")[:LAST_FAILURES],
    }
