"""Backup and restore of a school of 10,000 students and 4.5 million marks: times, sizes and memory.

    python -m benchmarks.backup_at_scale [--students 10000] [--from sqlite] [--into postgresql]

Makes the school in an empty database, backs it up by `manage.py backup`, restores that into an empty database of the
other kind by `manage.py restore`, and counts the rows of both. Each command is a process, whose highest memory is told.
Ends with 1 where a count differs or a command takes more than 300 MB.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.stack import PROJECT, Database, Stack

MOST_MEMORY_MB: Final = 300


def main() -> int:
    """Make the school, back up, restore, and print a line a step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=10_000)
    parser.add_argument("--meetings", type=int, default=90)
    parser.add_argument("--from", dest="source", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--into", dest="target", choices=("sqlite", "postgresql"), default="postgresql")
    parser.add_argument("--inside", choices=("fill", "count"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return _inside(options)
    with tempfile.TemporaryDirectory(prefix="rollcall-backup-") as folder:
        return measure(Path(folder), options)


def measure(folder: Path, options: argparse.Namespace) -> int:
    """Do each step, and give 1 where something is wrong."""
    source = _site(folder / "source", options.source)
    target = _site(folder / "target", options.target, keys_of=source)
    copies = folder / "backups"
    copies.mkdir()
    print(f"{'step':<28}{'seconds':>9}{'peak MB':>9}  of it")
    try:
        source.manage("migrate", "--verbosity", "0")
        size = ["--students", str(options.students), "--meetings", str(options.meetings)]
        _step("school made", source, ["-m", "benchmarks.backup_at_scale", "--inside", "fill", *size])
        rows = _count(source)
        total = f"{sum(rows.values()):,} rows"
        heaviest = _step("backup and verification", source, ["manage.py", "backup", str(copies)], lambda: total)
        (made,) = (entry for entry in copies.iterdir() if (entry / "manifest.json").exists())
        restore = ["manage.py", "restore", str(made), "--no-erasures-known"]
        heaviest = max(heaviest, _step("restore", target, restore, lambda: f"{_size_mb(made):,.1f} MB of backup"))
        restored = _count(target)
    finally:
        source.stop()
        target.stop()
    rows["attendance_auditevent"] += 1  # the restore's own
    differ = [f"{name}: {rows[name]} and {restored.get(name)}" for name in rows if rows[name] != restored.get(name)]
    if differ:
        print("rows that differ: " + ", ".join(differ))
    if heaviest > MOST_MEMORY_MB:
        print(f"more than {MOST_MEMORY_MB} MB")
    return 1 if differ or heaviest > MOST_MEMORY_MB else 0


def _site(folder: Path, database: Database, *, keys_of: Stack | None = None) -> Stack:
    (folder / "data").mkdir(parents=True)
    names = ("MASTER_KEY", "SECRET_KEY")
    stack = Stack(
        folder, database=database, settings={name: keys_of.environment[name] for name in names} if keys_of else {}
    )
    if database == "postgresql":
        stack.start_postgres()
    return stack


def _step(name: str, stack: Stack, command: list[str], about: Callable[[], str] = str) -> float:
    """Run a command to its end; print its time and give the most memory that it held, in MB."""
    with tempfile.TemporaryFile() as said:
        started = time.monotonic()
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, *command], cwd=PROJECT, env=stack.environment, stdout=said, stderr=subprocess.STDOUT
        )
        _pid, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds, peak_mb = time.monotonic() - started, used.ru_maxrss / 1024
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"{name} failed:\n{said.read().decode(errors='replace')}")
    print(f"{name:<28}{seconds:>9.0f}{peak_mb:>9.0f}  {about()}", flush=True)
    return peak_mb


def _count(stack: Stack) -> dict[str, int]:
    command = [sys.executable, "-m", "benchmarks.backup_at_scale", "--inside", "count"]
    done = subprocess.run(command, cwd=PROJECT, env=stack.environment, capture_output=True, text=True, check=True)  # noqa: S603
    counts: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return counts


def _size_mb(folder: Path) -> float:
    return sum(entry.stat().st_size for entry in folder.rglob("*") if entry.is_file()) / 1e6


def _inside(options: argparse.Namespace) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attendance.settings")
    import django  # noqa: PLC0415  only in the processes of the steps, after their environment is known

    django.setup()
    from benchmarks import big_school  # noqa: PLC0415  needs Django set up

    if options.inside == "fill":
        big_school.fill(big_school.Size(options.students, options.meetings))
    answer: dict[str, Any] = dict(big_school.counts())
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
