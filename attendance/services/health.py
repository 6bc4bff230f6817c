"""Is everything there that a photo needs? The answer comes within seconds, whatever is frozen or away."""

import threading
import time
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection
from redis import Redis
from redis.exceptions import RedisError

from attendance.models import Heartbeat
from attendance.services import bounded, disk, files, heartbeats, keys, release
from attendance.services.sealing import KeyNotAtHand
from attendance.storage import private_storage

BROKER_SECONDS: Final = 1.0
STATEMENT_SECONDS: Final = 2.0
WAIT_SECONDS: Final = 3.0
"""How long an answer may take in all: probes give up after five."""
ALIVE_SECONDS: Final = 90.0
CHECKS: Final = (
    *("database", "broker", "weights", "disk", "worker", "sweeper"),
    *("master_key", "files", "release"),
)


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
    """Whether the models can be loaded, as the workers say, or as the folder here looks.

    The site's own image holds no weights, and then its missing folder says nothing: the workers verify theirs.
    """
    alive = heartbeats.alive(heartbeats.WORKER, within_seconds=ALIVE_SECONDS)
    said = heartbeats.said_of_engine(alive)
    if said:
        return heartbeats.READY in said
    folder = settings.WEIGHTS_DIR
    return any(folder.iterdir()) if folder.is_dir() else alive.exists()


def master_key_fits() -> bool:
    """Whether the master key opens what was sealed before."""
    try:
        keys.require_master_key()
    except (KeyNotAtHand, ValueError):  # a wrong one, or not 32 bytes in base64
        return False
    return True


def readiness() -> dict[str, bool]:
    """Give each check by name, at most as old as READINESS_KEPT_SECONDS; what does not answer counts as missing."""
    return _latest.get()


def _ask_database(notes: dict[str, bool]) -> None:
    try:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET statement_timeout = %s", [int(STATEMENT_SECONDS * 1000)])
            cursor.execute("SELECT 1")
        notes["database"] = True
        notes["worker"] = is_alive(heartbeats.WORKER)
        notes["sweeper"] = is_alive(heartbeats.SWEEPER)
        notes["release"] = not release.is_outdated()
        notes["master_key"] = master_key_fits()
        notes["weights"] = weights_present()
    except (DatabaseError, OSError):
        return  # what was not answered is missing


def _ask_broker(notes: dict[str, bool]) -> None:
    notes["broker"] = broker_answers()


def _ask_disk(notes: dict[str, bool]) -> None:
    try:
        notes["disk"] = not any(disk.is_full(place) for place in disk.places_written())
    except OSError:
        return


def _ask_files(notes: dict[str, bool]) -> None:
    try:
        private_storage().exists(f"{files.SNAPSHOTS}/is-the-store-there")
        notes["files"] = not files.rows_are_missing()
    # Whatever a store's client can raise: a store that cannot be asked is missing.
    except Exception:
        notes["files"] = False


class _Latest:
    """The last answers, so that a flood of probes asks once a second, and never twice at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._round = bounded.Round(
            {"database": _ask_database, "broker": _ask_broker, "disk": _ask_disk, "files": _ask_files}
        )
        self._answers: dict[str, bool] = {}
        self._good_until = 0.0

    def get(self) -> dict[str, bool]:
        with self._lock:
            if time.monotonic() >= self._good_until:
                found = self._round.ask(seconds=WAIT_SECONDS)
                self._answers = {name: found.get(name, False) for name in CHECKS}
                self._good_until = time.monotonic() + settings.READINESS_KEPT_SECONDS
            return dict(self._answers)


_latest: Final = _Latest()


def beats() -> list[Heartbeat]:
    """Give every sign of life, by kind."""
    return list(Heartbeat.objects.order_by("kind", "name"))
