"""A backup from SQLite restores into PostgreSQL and the other way: the way from one machine to a server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from attendance.services import backups
from attendance.services.backups.making import newest
from tests.on_postgresql import postgresql
from tests.stack import PROJECT

FINGERPRINT = """
import hashlib, json, django
django.setup()
from attendance.services.backups import tables
held = tables.models_at(tables.applied_migrations())
out = {}
for table, model in held.items():
    rows = model._base_manager.order_by("pk").values_list(*(f.attname for f in model._meta.concrete_fields))
    if table not in {"attendance_auditevent", "attendance_snapshot", "attendance_selfie"}:
        out[table] = [len(rows), hashlib.sha256(repr(json.dumps(list(rows), default=repr)).encode()).hexdigest()]
print(json.dumps(out))
"""


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    with postgresql() as url:
        yield url


def run(url: str, data: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment |= {"DATABASE_URL": url, "DATA_DIR": str(data), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.postgres
def test_there_and_back_again(backup: Path, tmp_path: Path, postgresql_url: str) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    sqlite_url = f"sqlite:///{tmp_path / 'back.sqlite3'}"
    run(postgresql_url, first, "manage.py", "restore", str(backup))
    there = json.loads(run(postgresql_url, first, "-c", FINGERPRINT))
    assert {table: rows for table, (rows, _hash) in there.items()}.items() <= backups.verify(backup).counts.items()
    run(postgresql_url, first, "manage.py", "backup", str(tmp_path / "of-postgresql"))
    folder = newest(tmp_path / "of-postgresql")
    assert folder is not None
    assert backups.read_manifest(folder).database == "postgresql"
    run(sqlite_url, second, "manage.py", "restore", str(folder))
    assert json.loads(run(sqlite_url, second, "-c", FINGERPRINT)) == there
    assert sorted(path.name for path in (first / "private").rglob("*.*")) == sorted(
        path.name for path in (second / "private").rglob("*.*")
    )
