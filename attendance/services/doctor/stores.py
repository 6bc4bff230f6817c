"""What the site stands on: database, broker, clocks, photos' store."""

import datetime as dt
import uuid
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from redis import Redis
from redis.exceptions import RedisError

from attendance import sqlite
from attendance.services import clocks, files, health, release
from attendance.services.doctor import advice
from attendance.services.doctor.finding import Finding, ok, warning, wrong
from attendance.storage import private_storage

OLDEST_POSTGRESQL: Final = 14
LATE_SECONDS: Final = 2.0
WRONG_SECONDS: Final = 30.0


def database() -> Finding:
    """The database answers and is set up as it should be."""
    about = "Database"
    try:
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute("PRAGMA journal_mode")
                mode = str(cursor.fetchone()[0]).lower()
                return _sqlite(mode)
            cursor.execute("SHOW server_version_num")
            version = int(cursor.fetchone()[0]) // 10_000
    except DatabaseError as error:
        return wrong(
            about,
            f"It does not answer ({type(error.__cause__ or error).__name__}).",
            "Start it, and see that DATABASE_URL names its host, user, password and database.",
        )
    if version < OLDEST_POSTGRESQL:
        return warning(about, f"PostgreSQL {version} is out of care.", f"Use {OLDEST_POSTGRESQL} or later.")
    return ok(about, f"PostgreSQL {version} answers.")


def _sqlite(mode: str) -> Finding:
    if mode != "wal":
        return wrong(
            "Database",
            f"SQLite keeps its journal as {mode}, not as WAL: readers and writers will block each other.",
            "Put DATA_DIR on a disk of this machine; network folders cannot do it.",
        )
    if shown := sqlite.readable_by_others(str(connection.settings_dict["NAME"])):
        names = " ".join(str(path) for path in shown)
        return warning("Database", f"Other users of this machine may read {names}.", f"Run: chmod 600 {names}")
    return ok("Database", "SQLite answers, with WAL: right for one machine; take PostgreSQL for several.")


def migrations() -> Finding:
    """The tables are those of this release."""
    about = "Tables"
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        return wrong(
            about,
            f"{len(missing)} changes of this release are missing.",
            "Run: python manage.py upgrade (it makes and verifies a backup first)",
        )
    if release.is_outdated():
        return wrong(
            about,
            "A newer release has upgraded the database: workers and sweeper of this one do nothing.",
            "Replace this release by the newer one on every machine.",
        )
    return ok(about, "All changes of this release are made.")


def broker() -> Finding:
    """The broker answers, keeps its log on disk, and never drops a wake-up for want of memory."""
    about = "Broker"
    seconds = health.BROKER_SECONDS
    try:
        with Redis.from_url(settings.REDIS_URL, socket_timeout=seconds, socket_connect_timeout=seconds) as client:
            client.ping()
            return _broker_setup(_asked(client, "appendonly"), _asked(client, "maxmemory-policy"))
    except (RedisError, ValueError) as error:
        return wrong(about, f"{_broker_address()} does not answer ({type(error).__name__}).", advice.for_broker())


def _broker_address() -> str:
    """Give host and port, without the password that the address may hold."""
    try:
        parts = urlsplit(settings.REDIS_URL)
        return f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else "The address without a host in REDIS_URL"
    except ValueError:
        return "The address without a port that is a number in REDIS_URL"


def _broker_setup(appendonly: str, policy: str) -> Finding:
    about = "Broker"
    if appendonly == "no":
        return warning(
            about,
            "It keeps nothing on disk: after a restart photos wait until the sweeper calls again.",
            "Start it with --appendonly yes.",
        )
    if policy not in {"", "noeviction"}:
        return warning(
            about,
            f"It forgets keys when its memory is full (maxmemory-policy {policy}).",
            "Start it with --maxmemory-policy noeviction.",
        )
    if not appendonly:
        return warning(about, "It answers, but does not say how it is set up.", "See that appendonly is on.")
    return ok(about, "It answers, keeps its log on disk, and drops nothing.")


def _asked(client: "Redis", name: str) -> str:
    try:
        answer = client.config_get(name)
    except RedisError:
        return ""  # a hosted one may forbid the question
    return str(dict(answer).get(name, "")) if isinstance(answer, dict) else ""


def clock() -> Finding:
    """This machine, the database and the broker agree on the time."""
    apart = {"the database": _seconds_apart(clocks.database_now())}
    try:
        seconds = health.BROKER_SECONDS
        with Redis.from_url(settings.REDIS_URL, socket_timeout=seconds, socket_connect_timeout=seconds) as client:
            whole, micro = client.time()
            apart["the broker"] = _seconds_apart(dt.datetime.fromtimestamp(whole + micro / 1e6, tz=dt.UTC))
    except (RedisError, ValueError):
        pass  # the broker's own check says so
    return _clock(apart)


def _clock(apart: dict[str, float]) -> Finding:
    whose, most = max(apart.items(), key=lambda pair: abs(pair[1]))
    remedy = "Let every machine take its time from the network (chrony or systemd-timesyncd)."
    sentence = f"This machine's and {whose}'s are {abs(most):.1f} seconds apart."
    if abs(most) > WRONG_SECONDS:
        return wrong("Clock", sentence, remedy)
    if abs(most) > LATE_SECONDS:
        return warning("Clock", sentence, remedy)
    return ok("Clock", f"{timezone.localtime():%Y-%m-%d %H:%M} {settings.TIME_ZONE}, and all agree.")


def _seconds_apart(other: dt.datetime) -> float:
    return (timezone.now() - other).total_seconds()


def photo_store() -> Finding:
    """Photos can be written, read and deleted, and belong to this database."""
    about = "Photos"
    if files.rows_are_missing():
        return wrong(about, files.WRONG_DATABASE, "Set DATABASE_URL and DATA_DIR to what belongs together.")
    storage = private_storage()
    try:
        name = storage.save(f"doctor-{uuid.uuid4().hex}", ContentFile(b"here"))
        try:
            with storage.open(name) as file:
                same = file.read() == b"here"
        finally:
            storage.delete(name)
    # Whatever a store's client can raise.
    except Exception as error:
        return wrong(
            about,
            f"The store of photos refuses ({type(error).__name__}).",
            "See that the disk or the bucket is there, and that this user may write to it and delete from it.",
        )
    if not same:
        return wrong(about, "The store gives back other bytes than it was given.", "Replace the disk or the store.")
    return ok(about, "The store takes, gives back and deletes.")
