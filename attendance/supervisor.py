"""One supervisor for several processes: starts them in order, restarts what falls, and leaves nothing behind.

Each process leads a group of its own, so that Ctrl-C in the terminal reaches only the supervisor, which then stops the
processes last to first: first by their own signal, then the whole group by force. On Linux the kernel also stops them
should the supervisor itself be killed. (Honcho, tried first, neither orders its processes nor restarts one.)
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Final

PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
POLL_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 30.0
LAST_LINES_SECONDS: Final = 2.0

Say = Callable[[str], None]


class CannotRun(Exception):
    """What ends the run, as a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One process to keep alive.

    Attributes:
        name: shown before each of its lines.
        command: program and arguments, no shell.
        is_ready: asked until it says yes, before the next one is started; None: do not wait.
        ready_seconds: how long to ask.
        if_late: said when that time is over, and the run goes on; None: the run ends.
        when_ready: said when one that was late is ready.
        stop_seconds: how long it may take to end by itself.
    """

    name: str
    command: Sequence[str]
    is_ready: Callable[[], bool] | None = None
    ready_seconds: float = 30.0
    if_late: str | None = None
    when_ready: str | None = None
    stop_seconds: float = 10.0


@dataclass(slots=True)
class _Running:
    service: Service
    process: subprocess.Popen[str]
    relay: threading.Thread
    started_at: float
    falls: int = 0
    restart_at: float | None = None
    is_late: bool = False


@dataclass(slots=True)
class Supervisor:
    """Runs services until a signal comes or one of them cannot be kept alive.

    Attributes:
        environment: of every process.
        folder: where they run.
        say: takes each line of output; called from several threads, one at a time.
        most_falls: a process that ends so often in a row, each time before steady_seconds, ends the run.
    """

    environment: Mapping[str, str]
    folder: Path
    say: Say
    most_falls: int = 5
    steady_seconds: float = 60.0
    first_pause_seconds: float = 1.0
    _running: list[_Running] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lines: threading.Lock = field(default_factory=threading.Lock)

    def run(self, services: Sequence[Service], *, when_ready: Callable[[], None]) -> None:
        """Start all, call when_ready once, and watch until SIGINT, SIGTERM or SIGHUP.

        Raises:
            CannotRun: a process did not get ready, or fell too often; all others are stopped by then.
        """
        before = {number: signal.signal(number, self._on_signal) for number in _ENDING_SIGNALS}
        try:
            for service in services:
                self._running.append(self._start(service))
                self._await_ready(self._running[-1])
                if self._stop.is_set():
                    return
            when_ready()
            while not self._stop.wait(POLL_SECONDS):
                for running in self._running:
                    self._look_after(running)
                    self._greet(running)
        finally:
            self._stop_all()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def _start(self, service: Service) -> _Running:
        process = subprocess.Popen(  # noqa: S603  fixed commands, no shell
            list(service.command),
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
        relay = threading.Thread(target=self._relay, args=(service.name, process.stdout), daemon=True)
        relay.start()
        return _Running(service, process, relay, started_at=time.monotonic())

    def _relay(self, name: str, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self._tell(f"{name:>8} | {line.rstrip()}")

    def _tell(self, line: str) -> None:
        with self._lines:
            self.say(line)

    def _await_ready(self, running: _Running) -> None:
        service = running.service
        if service.is_ready is None:
            return
        deadline = time.monotonic() + service.ready_seconds
        while not service.is_ready():
            if running.process.poll() is not None:
                raise CannotRun(f"The {service.name} process ended at its start (see its lines above).")
            if time.monotonic() > deadline and service.if_late is not None:
                self._tell(service.if_late)
                running.is_late = True
                return
            if time.monotonic() > deadline:
                raise CannotRun(f"The {service.name} process did not answer in {service.ready_seconds:.0f} seconds.")
            if self._stop.wait(POLL_SECONDS):
                return

    def _look_after(self, running: _Running) -> None:
        """Restart a process that ended, after a pause that doubles with each fall in a row."""
        if running.process.poll() is None:
            return
        now = time.monotonic()
        if running.restart_at is None:
            self._note_fall(running, now)
        elif now >= running.restart_at:
            fresh = self._start(running.service)
            running.process, running.relay, running.started_at = fresh.process, fresh.relay, fresh.started_at
            running.restart_at = None

    def _greet(self, running: _Running) -> None:
        """Say that one which was late is ready, once."""
        is_ready = running.service.is_ready
        if running.is_late and is_ready is not None and is_ready():
            running.is_late = False
            if running.service.when_ready is not None:
                self._tell(running.service.when_ready)

    def _note_fall(self, running: _Running, now: float) -> None:
        name, code = running.service.name, running.process.returncode
        _end_group(running.process.pid)
        running.relay.join(LAST_LINES_SECONDS)
        running.falls = running.falls + 1 if now - running.started_at < self.steady_seconds else 1
        if running.falls >= self.most_falls:
            raise CannotRun(f"The {name} process ended {running.falls} times in a row ({_how(code)}); all was stopped.")
        pause = min(self.first_pause_seconds * 2 ** (running.falls - 1), LONGEST_PAUSE_SECONDS)
        running.restart_at = now + pause
        self._tell(f"The {name} process {_how(code)}; it starts again in {pause:.0f} s.")

    def _stop_all(self) -> None:
        """Stop last to first, so that what others need goes last."""
        for running in reversed(self._running):
            process = running.process
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(running.service.stop_seconds)
                except subprocess.TimeoutExpired:
                    self._tell(f"The {running.service.name} process did not end by itself and is killed.")
            _end_group(process.pid)
            process.wait()
            running.relay.join(LAST_LINES_SECONDS)


_ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_libc: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


def _end_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _end_group(pid: int) -> None:
    """Kill whatever is left of a process's group; its leader may be gone already."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS answers PermissionError for a group of zombies
        return


def _how(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
