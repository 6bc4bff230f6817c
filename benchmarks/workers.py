"""One worker against two on the same photos: real processes, the real engine or a simulated one.

    python -m benchmarks.workers [--photos 40] [--engine simulated real] [--database postgresql]

The simulated engine waits half a second a photo instead of computing, as if each worker had a machine of its own: it
shows that broker, database and claims let workers work side by side. The real one shares the cores of this machine,
which TensorFlow's threads fill with one worker already. The clock runs from the moment all photos are called for, with
warm workers, until the last is done.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from benchmarks import real_site
from tests.stack import PROJECT, wait_until

_DATA: Final = Path(os.environ.get("SHARED_DATA", "../shared/data"))
ENGINE_SECONDS: Final = 0.5
WARM_UP_PHOTOS: Final = 3
PATIENCE_SECONDS: Final = 900
GOAL: Final = 1.8


def main() -> int:
    """Measure each engine with one worker and with two, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--engine", nargs="+", choices=("simulated", "real"), default=["simulated", "real"])
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="postgresql")
    parser.add_argument("--workers", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.workers is not None:
        print(json.dumps({"seconds": _measure(options)}))
        return 0
    print(f"{'engine':<12}{'photos':>8}{'one, s':>9}{'two, s':>9}{'times':>8}   {os.cpu_count()} cores", flush=True)
    reached = True
    for engine in options.engine:
        one, two = (_in_its_own_process(options, engine, count) for count in (1, 2))
        print(f"{engine:<12}{options.photos:>8}{one:>9.1f}{two:>9.1f}{one / two:>8.2f}", flush=True)
        reached = reached and (engine == "real" or one / two >= GOAL)
    return 0 if reached else 1


def _in_its_own_process(options: argparse.Namespace, engine: str, workers: int) -> float:
    command = [sys.executable, "-m", "benchmarks.workers", "--photos", str(options.photos), "--engine", engine]
    command += ["--database", options.database, "--workers", str(workers)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"{workers} workers failed:\n{done.stdout}\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return float(answer["seconds"])


def _measure(options: argparse.Namespace) -> float:
    real = options.engine == ["real"]
    simulated = {**real_site.SIMULATED, "FAKE_ENGINE_SECONDS": str(ENGINE_SECONDS)}
    with real_site.running(options.database, {} if real else simulated) as stack:
        school = real_site.School(recognisable=not real)
        pictures = sorted((_DATA / "class_photos/class-01").glob("*.jpg")) if real else []
        names = [f"worker{number}" for number in range(options.workers)]
        for name in names:
            stack.start_worker(name)
        count = 0

        def upload(photos: int, *, wake: bool) -> list[Any]:
            nonlocal count
            first, count = count, count + photos
            return [
                school.upload(pictures[number % len(pictures)].read_bytes() if real else None, wake=wake)
                for number in range(first, count)
            ]

        upload(WARM_UP_PHOTOS * options.workers * 2, wake=True)
        wait_until(_all_done(), seconds=PATIENCE_SECONDS, what="the workers are warm")
        waiting = upload(options.photos, wake=False)
        return _drained(waiting)


def _all_done() -> Any:
    return lambda: real_site.unfinished() == 0


def _drained(waiting: list[Any]) -> float:
    """Call for all photos at once; give the seconds until the last is done."""
    from attendance import tasks  # noqa: PLC0415  needs Django set up

    started = time.monotonic()
    for snapshot in waiting:
        tasks.wake(snapshot)
    wait_until(_all_done(), seconds=PATIENCE_SECONDS, what="all photos are done", every=0.05)
    seconds = time.monotonic() - started
    failed = real_site.states().get("FAILED", 0)
    if failed:
        raise RuntimeError(f"{failed} photos failed")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
