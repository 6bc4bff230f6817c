"""Runs all tests in groups and ends with their counts: `python -m scripts.run_tests [GROUP ...]`.

The fast group runs in parallel. The slow ones start real servers, workers and browsers and hold a neural network in
memory each, so they run one after another; the fault suite runs twice, on SQLite and on a real PostgreSQL. A group that
fails does not keep the next from running.
"""

import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
BUILD: Final = ROOT / "build"
NO_TESTS: Final = 5  # pytest's exit code when a marker selects nothing
CHROMIUM_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
SLOW: Final = ("real_faces", "postgres", "faults", "stack", "browser")
GROUPS: Final = {
    # Each worker begins with a stretch of neighbours, which share fixtures, and ends with what others have left.
    "fast": [" and ".join(f"not {name}" for name in SLOW), "-n", str(min(os.cpu_count() or 1, 8)), "--dist=worksteal"],
    "slow": [" or ".join(name for name in SLOW if name != "faults")],
    "faults": ["faults"],
    # The rehearsal of a restore starts a database of each kind by itself.
    "faults-postgres": ["faults", "--ignore=tests/faults/test_restore_faults.py"],
}
RUNNERS: Final = {"faults-postgres": "tests.on_postgresql"}
"""What starts pytest, where it is not pytest itself."""


@dataclass(slots=True)
class Counts:
    """What became of the tests of a group."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0


def read_counts(report: Path) -> Counts:
    """Read the counts from a JUnit report; a report that is missing counts nothing."""
    counts = Counts()
    if not report.exists():
        return counts
    for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314  pytest wrote it a moment ago
        wrong = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        counts.failed += wrong
        counts.skipped += skipped
        counts.passed += int(suite.get("tests", 0)) - wrong - skipped
    return counts


def ensure_chromium() -> None:
    """Install Debian's Chromium where that is possible; elsewhere its tests skip and say why."""
    if any(shutil.which(name) for name in CHROMIUM_NAMES):
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print("No Chromium here, so the browser tests will be skipped (Debian: apt install chromium).", flush=True)
        return
    print("Installing Chromium for the browser tests ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
        done = subprocess.run(["apt-get", *arguments], env=environment, capture_output=True, text=True, check=False)  # noqa: S607
        if done.returncode:
            print(f"Chromium could not be installed: {(done.stderr.strip() or done.stdout.strip())[-300:]}", flush=True)
            return


def run_group(name: str) -> tuple[Counts, int]:
    """Run one group; give its counts and pytest's exit code."""
    report = BUILD / f"tests-{name}.xml"
    report.unlink(missing_ok=True)
    marks, *options = GROUPS[name]
    command = [sys.executable, "-m", RUNNERS.get(name, "pytest"), "-q", "-m", marks, *options, f"--junitxml={report}"]
    started = time.monotonic()
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    print(f"[{name}: {time.monotonic() - started:.0f} s]", flush=True)
    return read_counts(report), code


def main(names: list[str]) -> int:
    """Run the named groups, or all; print the sum as the last line."""
    BUILD.mkdir(exist_ok=True)
    ensure_chromium()
    total, is_good = Counts(), True
    for name in names or list(GROUPS):
        counts, code = run_group(name)
        total = Counts(total.passed + counts.passed, total.failed + counts.failed, total.skipped + counts.skipped)
        is_good = is_good and code in {0, NO_TESTS}
    if not is_good and not total.failed:
        print("A group of tests did not run to its end (see above).")
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped", flush=True)
    return 0 if is_good and total.passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
