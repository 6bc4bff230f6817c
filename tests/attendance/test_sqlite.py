"""Nobody but the site's own user reads the SQLite database or the photos, whatever the umask says."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from attendance.services.doctor import stores
from attendance.services.doctor.finding import Level
from attendance.sqlite import PrivateConnection, readable_by_others

ROOT = Path(__file__).resolve().parent.parent.parent
USE = """
import django; django.setup()
from django.core.files.base import ContentFile
from django.db import connection
from attendance.storage import private_storage
connection.cursor().execute("CREATE TABLE t (x)")
private_storage().save("snapshots/a.jpg", ContentFile(b"x"))
import os; from django.conf import settings
for folder, folders, files in os.walk(settings.DATA_DIR):
    for name in ("", *files):
        path = os.path.join(folder, name).rstrip("/")
        print(oct(os.stat(path).st_mode & 0o777), os.path.relpath(path, settings.DATA_DIR))
"""


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_database_its_log_and_the_photos_are_private_under_the_usual_umask(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    done = subprocess.run(
        [sys.executable, "-c", USE],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(tmp_path / "data"),
            "DJANGO_SETTINGS_MODULE": "attendance.settings",
            "DEBUG": "true",
        },
        capture_output=True,
        text=True,
        umask=0o022,
    )
    found = {name: mode for mode, name in (line.split(" ", 1) for line in done.stdout.splitlines())}
    private = {"rollcall.sqlite3", "rollcall.sqlite3-wal", "rollcall.sqlite3-shm", "private/snapshots/a.jpg"}
    assert {name: found.get(name) for name in private} == dict.fromkeys(private, "0o600"), done.stderr
    assert found["private"] == found["private/snapshots"] == "0o700"


def test_file_that_is_there_is_opened_as_it_is(tmp_path: Path) -> None:
    place = tmp_path / "school.sqlite3"
    place.touch(mode=0o640)
    place.chmod(0o640)
    with sqlite3.connect(place, factory=PrivateConnection) as database:
        database.execute("CREATE TABLE t (x)")
    assert mode(place) == 0o640


def test_database_in_memory_makes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (":memory:", "file:school?mode=memory&cache=shared"):
        sqlite3.connect(name, uri=True, factory=PrivateConnection).close()
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_is_told_by_sqlite(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        sqlite3.connect(tmp_path / "nowhere" / "school.sqlite3", factory=PrivateConnection)


def test_doctor_warns_of_a_database_that_others_can_reach_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "school.sqlite3"
    sqlite3.connect(place, factory=PrivateConnection).close()
    tmp_path.chmod(0o755)
    assert readable_by_others(str(place)) == []
    place.chmod(0o644)
    monkeypatch.setitem(connection.settings_dict, "NAME", str(place))
    found = stores._sqlite("wal")
    assert found.level == Level.WARNING
    assert found.remedy == f"Run: chmod 600 {place}"
    tmp_path.chmod(0o700)
    assert stores._sqlite("wal").level == Level.OK
