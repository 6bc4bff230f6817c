"""What the settings promise of the place where everything lies."""

import sqlite3
from pathlib import Path

import pytest
from django.db import connection


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
