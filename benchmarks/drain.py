"""Photos drained while workers, sweepers and the broker are killed at random: how many go in, and how many come out.

    python -m benchmarks.drain --photos 1000 --kill-every 5 [--database postgresql]
    python -m benchmarks.drain --minutes 60

With ``--photos`` all are uploaded at once; with ``--minutes`` uploads go on for that long, and each minute has its
line. Two workers with the simulated engine; what is killed gets SIGKILL and is started again soon after. In the end
everything must be done, or failed with a reason, and the fault suite's invariant must hold: nothing lost, nothing done
twice under one claim, no mark wrong, no file without a row. Ends with 1 otherwise.
"""

import argparse
import contextlib
import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks import real_site
from tests.stack import Stack, wait_until

LEASE_SECONDS: Final = 10
MOST_WAITING: Final = 60
LONGEST_DRAIN_SECONDS: Final = 3600
WHAT_DIES: Final = {"a worker's child": 50, "a whole worker": 30, "the sweeper": 10, "the broker": 10}
"""How often each is chosen, in percent."""


@dataclass
class Reaper:
    """Kills, and starts again what it killed.

    Attributes:
        stack: the site.
        random: seeded, so that a run can be had again.
        kill_every: seconds between two kills, on average.
        killed: how often what was killed.
    """

    stack: Stack
    random: random.Random
    kill_every: float
    killed: Counter[str] = field(default_factory=Counter)
    _next: float = 0.0
    _dead: dict[str, float] = field(default_factory=dict)

    def tick(self) -> None:
        """Start what has been dead for long enough, and kill if it is time to."""
        now = time.monotonic()
        for name in [name for name, until in self._dead.items() if until <= now]:
            del self._dead[name]
            self._start(name)
        if self._next == 0.0:
            self._next = now + self.kill_every
        if now >= self._next:
            self._next = now + self.random.uniform(0.5, 1.5) * self.kill_every
            self._kill(self.random.choices(list(WHAT_DIES), weights=list(WHAT_DIES.values()))[0])

    def start_all(self) -> None:
        """Start what is dead still."""
        for name in list(self._dead):
            del self._dead[name]
            self._start(name)

    def _kill(self, what: str) -> None:
        worker = self.random.choice(("one", "two"))
        name = {"the sweeper": "sweeper", "the broker": "valkey"}.get(what, worker)
        if name in self._dead:
            return
        if what == "a worker's child":
            victims = real_site.children(self.stack.processes[name].pid)
            if not victims:
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.random.choice(victims), signal.SIGKILL)
        else:
            real_site.kill(self.stack, name)
            self._dead[name] = time.monotonic() + self.random.uniform(0.5, 3.0)
        self.killed[what] += 1

    def _start(self, name: str) -> None:
        if name == "valkey":
            self.stack.start_valkey()
        elif name == "sweeper":
            self.stack.start_sweeper()
        else:
            self.stack.start_worker(name)


def main() -> int:
    """Upload, kill, drain, count and check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--minutes", type=float, help="upload for so long instead")
    parser.add_argument("--kill-every", type=float, default=5.0, help="seconds, on average")
    parser.add_argument("--engine-seconds", type=float, default=0.2, help="of the simulated engine, a photo")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="postgresql")
    options = parser.parse_args()
    settings = {
        **real_site.SIMULATED,
        "FAKE_ENGINE_SECONDS": str(options.engine_seconds),
        "LEASE_SECONDS": str(LEASE_SECONDS),
        "SWEEP_SECONDS": "1",
    }
    with real_site.running(options.database, settings) as stack:
        return _run(stack, options)


def _run(stack: Stack, options: argparse.Namespace) -> int:
    from tests.faults import invariant  # noqa: PLC0415  needs Django set up

    school = real_site.School()
    invariant.start_watch()
    reaper = Reaper(stack, random.Random(options.seed), options.kill_every)  # noqa: S311  for repetition, not secrecy
    for name in ("one", "two"):
        stack.start_worker(name)
    stack.start_sweeper()
    started = time.monotonic()
    if options.minutes is None:
        accepted = _upload_all(school, reaper, options.photos)
    else:
        accepted = _upload_for(school, reaper, options.minutes * 60)
    deadline = time.monotonic() + LONGEST_DRAIN_SECONDS
    while real_site.unfinished() and time.monotonic() < deadline:
        reaper.tick()
        time.sleep(0.1)
    seconds = time.monotonic() - started
    reaper.start_all()
    wait_until(lambda: not real_site.unfinished(), seconds=120, what="the last photos are done")
    for name in ("one", "two", "sweeper"):
        stack.end(name)
    _print_table(len(accepted), seconds, reaper)
    finished = real_site.states()
    if finished.get("DONE", 0) + finished.get("FAILED", 0) != len(accepted):
        print(f"PHOTOS ARE LOST: {finished}")
        return 1
    try:
        invariant.check_invariant(Path(stack.environment["DATA_DIR"]) / "private", accepted=accepted)
    except AssertionError as error:
        print(f"THE INVARIANT DOES NOT HOLD: {error}")
        return 1
    print("nothing lost, nothing done twice, no mark wrong, no file without a row")
    return 0


def _upload_all(school: real_site.School, reaper: Reaper, photos: int) -> list[int]:
    accepted = []
    for _photo in range(photos):
        accepted.append(school.upload().pk)
        reaper.tick()
    return accepted


def _upload_for(school: real_site.School, reaper: Reaper, seconds: float) -> list[int]:
    """Keep some photos waiting all the time, and print a line a minute."""
    accepted: list[int] = []
    begin = minute = time.monotonic()
    print(f"{'minute':>6}{'in':>8}{'done':>8}{'failed':>8}{'waiting':>9}{'kills':>7}", flush=True)
    while time.monotonic() < begin + seconds:
        if real_site.unfinished() < MOST_WAITING:
            accepted.append(school.upload().pk)
        else:
            time.sleep(0.1)
        reaper.tick()
        if time.monotonic() >= minute + 60:
            minute += 60
            now = real_site.states()
            print(
                f"{(minute - begin) / 60:>6.0f}{len(accepted):>8}{now.get('DONE', 0):>8}{now.get('FAILED', 0):>8}"
                f"{now.get('QUEUED', 0) + now.get('PROCESSING', 0):>9}{reaper.killed.total():>7}",
                flush=True,
            )
    return accepted


def _print_table(accepted: int, seconds: float, reaper: Reaper) -> None:
    """Print what went in and came out; a photo that is neither done nor failed with a reason would be a lost one."""
    from django.db.models import Sum  # noqa: PLC0415  needs Django set up

    from attendance.models import AttendanceRecord, Snapshot  # noqa: PLC0415

    counted = real_site.states()
    failures = Counter(Snapshot.objects.filter(state="FAILED").values_list("failure_code", flat=True))
    attempts = Snapshot.objects.aggregate(Sum("attempts"))["attempts__sum"]
    rows = [
        ("photos in", accepted),
        ("done", counted.get("DONE", 0)),
        *((f"failed: {code}", number) for code, number in failures.items()),
        ("neither", accepted - sum(counted.get(state, 0) for state in ("DONE", "FAILED"))),
        ("attempts", attempts),
        ("marks made", AttendanceRecord.objects.count()),
        *((f"killed: {what}", number) for what, number in sorted(reaper.killed.items())),
        ("seconds", round(seconds)),
    ]
    for label, number in rows:
        print(f"{label:<28}{number:>8}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
