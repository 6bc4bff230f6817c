"""The supervisor against real processes: order, readiness, restarts, and nothing left behind."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from attendance.supervisor import CannotRun, Service, Supervisor

SLEEP = "import time; time.sleep(60)"


def nothing() -> None:
    """Nobody waits for the moment when all are ready."""


def wait_until_gone(*pids: int) -> None:
    deadline = time.monotonic() + 5
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline, "processes are left"
        time.sleep(0.05)


def python(source: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(source)]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc").exists() else True


class Run:
    """A supervisor's run, ended by a signal to this process once `seconds` are over or a line is seen."""

    def __init__(self, folder: Path, **settings: float) -> None:
        self.lines: list[str] = []
        self.supervisor = Supervisor(
            environment=dict(os.environ),
            folder=folder,
            say=self.lines.append,
            first_pause_seconds=0.05,
            most_falls=int(settings.get("most_falls", 5)),
        )

    def until(self, fact: str, services: Sequence[Service], *, number: signal.Signals = signal.SIGINT) -> None:
        def end_when_seen() -> None:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline and not any(fact in line for line in self.lines):
                time.sleep(0.02)
            os.kill(os.getpid(), number)

        watcher = threading.Thread(target=end_when_seen)
        watcher.start()
        try:
            self.supervisor.run(services, when_ready=lambda: self.lines.append("all ready"))
        finally:
            watcher.join()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_every_process_and_its_children(tmp_path: Path, number: signal.Signals) -> None:
    parent = f"""
        import os, subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "{SLEEP}"])
        print("pids", os.getpid(), child.pid, flush=True)
        time.sleep(60)
    """
    run = Run(tmp_path)
    run.until("pids", [Service(name="parent", command=python(parent))], number=number)
    pids = [int(word) for line in run.lines if "pids" in line for word in line.split()[-2:]]
    assert len(pids) == 2
    wait_until_gone(*pids)


def test_a_process_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    stubborn = """
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("pid", os.getpid(), flush=True)
        time.sleep(60)
    """
    run = Run(tmp_path)
    run.until("pid", [Service(name="stubborn", command=python(stubborn), stop_seconds=0.3)])
    pid = next(int(line.split()[-1]) for line in run.lines if " pid " in line)
    assert not is_alive(pid)
    assert any("is killed" in line for line in run.lines)


def test_services_start_in_order_and_stop_in_reverse(tmp_path: Path) -> None:
    log = tmp_path / "order.log"

    def noisy(name: str) -> Service:
        source = f"""
            import pathlib, signal, sys, time
            log = pathlib.Path("order.log").open("a", buffering=1)
            def end(*_):
                log.write("{name} stops\\n"); sys.exit(0)
            signal.signal(signal.SIGTERM, end)
            log.write("{name} starts\\n")
            print("{name} up", flush=True)
            time.sleep(60)
        """
        return Service(
            name=name,
            command=python(source),
            is_ready=lambda: log.exists() and f"{name} starts" in log.read_text(),
        )

    run = Run(tmp_path)
    run.until("all ready", [noisy("first"), noisy("second")])
    assert log.read_text().splitlines() == [
        "first starts",
        "second starts",
        "second stops",
        "first stops",
    ]


def test_a_fallen_process_is_started_again(tmp_path: Path) -> None:
    falls_once = """
        import pathlib, time
        mark = pathlib.Path("fell")
        if not mark.exists():
            mark.touch()
            raise SystemExit(3)
        print("second life", flush=True)
        time.sleep(60)
    """
    run = Run(tmp_path)
    run.until("second life", [Service(name="worker", command=python(falls_once))])
    assert any("ended with code 3; it starts again" in line for line in run.lines)


def test_a_process_that_keeps_falling_ends_the_run_and_all_others(tmp_path: Path) -> None:
    steady = """
        import os, time
        print("steady", os.getpid(), flush=True)
        time.sleep(60)
    """
    run = Run(tmp_path, most_falls=3)
    steady_service = Service(
        name="steady", command=python(steady), is_ready=lambda: any("steady " in line for line in run.lines)
    )
    with pytest.raises(
        CannotRun, match=r"worker process ended 3 times in a row \(ended with code 9\); all was stopped"
    ):
        run.supervisor.run(
            [steady_service, Service(name="worker", command=python("raise SystemExit(9)"))], when_ready=nothing
        )
    pid = next(int(line.split()[-1]) for line in run.lines if "steady" in line)
    assert not is_alive(pid)


def test_a_process_that_is_late_may_be_named_instead_of_ending_the_run(tmp_path: Path) -> None:
    run = Run(tmp_path)
    up = "import time; print('up', flush=True); time.sleep(60)"
    late = Service(
        name="worker",
        command=python(SLEEP),
        is_ready=lambda: any("gets ready" in line for line in run.lines),
        ready_seconds=0.3,
        if_late="The worker still loads.",
        when_ready="The worker gets ready",
    )

    def become_ready() -> None:
        time.sleep(1)
        run.lines.append("the worker gets ready")

    threading.Thread(target=become_ready).start()
    run.until("The worker gets ready", [late, Service(name="sweeper", command=python(up))])
    said = [line for line in run.lines if "up" not in line]
    assert said == ["The worker still loads.", "all ready", "the worker gets ready", "The worker gets ready"]


def test_a_process_that_is_late_and_dies_at_its_start_ends_the_run_all_the_same(tmp_path: Path) -> None:
    run = Run(tmp_path)
    dead = Service(name="worker", command=python("1/0"), is_ready=lambda: False, if_late="It still loads.")
    with pytest.raises(CannotRun, match="The worker process ended at its start"):
        run.supervisor.run([dead], when_ready=nothing)


def test_a_process_that_dies_at_its_start_is_named(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with pytest.raises(CannotRun, match="The valkey process ended at its start"):
        run.supervisor.run([Service(name="valkey", command=python("1/0"), is_ready=lambda: False)], when_ready=nothing)


def test_a_process_that_never_answers_is_named_and_stopped(tmp_path: Path) -> None:
    run = Run(tmp_path)
    silent = Service(name="web", command=python(SLEEP), is_ready=lambda: False, ready_seconds=0.5)
    with pytest.raises(CannotRun, match="The web process did not answer"):
        run.supervisor.run([silent], when_ready=nothing)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_processes_end_when_the_supervisor_itself_is_killed(tmp_path: Path) -> None:
    source = """
        import os, sys
        from pathlib import Path
        from attendance.supervisor import Service, Supervisor
        child = [sys.executable, "-c", "import os, time; print('child', os.getpid(), flush=True); time.sleep(60)"]
        say = lambda line: print(line, flush=True)
        supervisor = Supervisor(environment=dict(os.environ), folder=Path("."), say=say)
        supervisor.run([Service(name="child", command=child)], when_ready=lambda: None)
    """
    with subprocess.Popen(python(source), stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        child = int(supervisor.stdout.readline().split()[-1])
        supervisor.kill()
        wait_until_gone(child)
