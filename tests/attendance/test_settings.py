"""What the settings promise of the place where everything lies, and what they say of values that make no sense."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.skipif(connection.vendor != "sqlite", reason="The other database has no such file.")
def test_key_that_was_taken_away_is_in_no_file_of_the_database(tmp_path: Path) -> None:
    place, key = tmp_path / "school.sqlite3", b"a wrapped key that nobody may read any more"
    opened = sqlite3.connect(place)
    opened.execute("PRAGMA secure_delete=OFF")  # where Debian's SQLite begins with ON
    opened.executescript(connection.settings_dict["OPTIONS"]["init_command"])
    opened.execute("CREATE TABLE student (id INTEGER PRIMARY KEY, wrapped_key BLOB)")
    opened.executemany("INSERT INTO student (wrapped_key) VALUES (?)", [[b"-" * 300], [key + b"-" * 300]])
    opened.commit()
    opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert key in place.read_bytes()
    opened.execute("UPDATE student SET wrapped_key = NULL WHERE id = 2")
    opened.commit()
    opened.close()  # the last one to leave writes the log into the file and removes it
    assert [path for path in tmp_path.iterdir() if key in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "SECRET_KEY must be set"),
        ({"SECRET_KEY": "x" * 40}, "MASTER_KEY must be set"),
        ({"DEBUG": "true", "LEASE_SECONDS": "1"}, "LEASE_SECONDS must be at least 5."),
        ({"DEBUG": "true", "REDIS_URL": "rediss://broker:6379/0"}, "REDIS_URL is a rediss:// address"),
        ({"DEBUG": "true", "VALKEY_PORT": "six"}, "VALKEY_PORT: "),
        ({"DEBUG": "true", "DATABASE_URL": "nonsense"}, "DATABASE_URL must be"),
        ({"DEBUG": "true", "METRICS_TOKEN_FILE": "/nowhere/token"}, "METRICS_TOKEN: "),
    ],
)
@pytest.mark.parametrize("command", ["doctor", "migrate", "run"])
def test_command_under_settings_that_make_no_sense_says_so_in_one_sentence(
    tmp_path: Path, environment: dict[str, str], said: str, command: str
) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", command],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"The settings do not do: {said}")
    assert list(tmp_path.iterdir()) == []
