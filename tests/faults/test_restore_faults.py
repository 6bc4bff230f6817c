"""Row 26, and two procedures of the guide: back up a site at work, lose all of it, restore; upgrade it at work."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attendance.services.backups.folder import read_table
from tests.faults.school import PASSWORD, Uploads, look, make_school, python
from tests.stack import PROJECT, Database, Stack, free_port, wait_until
from tests.story.client import Visitor

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1500)]
PATIENCE_SECONDS = 180
EMPTY_POSTGRESQL = """
import json
import django; django.setup()
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("DROP SCHEMA public CASCADE")
    cursor.execute("CREATE SCHEMA public")
print(json.dumps(True))
"""
ADDITIVE = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("attendance", "{after}")]
    operations = [migrations.RunSQL("CREATE TABLE attendance_extra (id integer)")]
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """Valkey and an empty migrated database; the face engine is the fake one and takes its time."""
    database: Database = request.param
    folder = tmp_path / "site"
    stack = Stack(
        folder,
        database=database,
        settings={
            "DEBUG": "true",
            "DATABASE_URL": f"sqlite:///{folder / 'data' / 'rollcall.sqlite3'}",
            "FACE_PIPELINE_BUILDER": "tests.fakes.build_pipeline",
            "FAKE_ENGINE_SECONDS": "0.5",
            "SWEEP_SECONDS": "1",
            "UPLOADS_PER_HOUR": "5000",
            "API_REQUESTS_PER_MINUTE": "5000",
        },
    )
    (folder / "data").mkdir(parents=True)
    stack.start_valkey()
    if database == "postgresql":
        stack.start_postgres()
    stack.manage("migrate", "--verbosity", "0")
    yield stack
    stack.stop()


def lose_everything(site: Stack) -> None:
    """Leave neither a table nor a picture."""
    if site.database == "postgresql":
        python(site, EMPTY_POSTGRESQL)
    shutil.rmtree(site.folder / "data")
    (site.folder / "data").mkdir()


def backed_up_at_work(site: Stack, place: Path, school: dict[str, Any]) -> tuple[Path, set[str]]:
    """Make a backup while a worker runs and photos come in; give it and the photos that were accepted before."""
    site.start_worker()
    site.start_web()
    with Uploads(site.url, school) as uploads:
        done = {"DONE", "QUEUED"}
        wait_until(
            lambda: done <= set(look(site)["photos"].values()),
            seconds=PATIENCE_SECONDS,
            what="photos are done and wait",
        )
        before = time.time()
        site.manage("backup", str(place))
        count = len(uploads.accepted)
        wait_until(lambda: len(uploads.accepted) > count + 2, seconds=PATIENCE_SECONDS, what="photos come in after it")
    assert uploads.refused == []
    (folder,) = place.glob("rollcall-*")
    return folder, {photo for photo, at in uploads.accepted.items() if at < before}


def test_row_26_rehearsal_of_backup_and_restore(site: Stack, tmp_path: Path) -> None:
    school = make_school(site)
    folder, accepted = backed_up_at_work(site, tmp_path / "backups", school)
    for name in ("web", "worker"):
        site.end(name)
    lose_everything(site)
    said = site.manage("restore", str(folder))
    assert "wait for a worker" in said
    restored = look(site)
    states = restored["photos"]
    assert accepted <= states.keys()
    assert {"DONE", "QUEUED", "FAILED"} == set(states.values())
    assert (restored["doubled"], restored["wrong_counts"]) == (0, [])
    rows = read_table(folder, "attendance_attendancerecord")
    assert len(restored["register"]) == sum(1 for _row in rows) - 1
    assert [1, "ben", "EXCUSED", "MANUAL"] in [[1, *mark[1:]] for mark in restored["register"]]
    assert restored["selfies"] == ["ffd8", "ffd8"]
    site.start_worker()
    site.start_sweeper()
    site.start_web()
    Visitor(site.url).log_in("teacher", PASSWORD)

    def all_done() -> bool:
        return sorted(look(site)["photos"].values()) == ["DONE"] * (len(states) - 1) + ["FAILED"]

    wait_until(all_done, seconds=PATIENCE_SECONDS, what="what was queued in the backup is done", every=1)
    end = look(site)
    assert end["photos"].keys() == states.keys()
    assert [mark[1:] for mark in end["register"]] == [["ada", "PRESENT", "RECOGNISED"], ["ben", "EXCUSED", "MANUAL"]]


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """A copy of the product with one migration more, as the next release is installed beside this one."""
    place = tmp_path / "newer"
    for name in ("attendance", "faces", "tests", "templates", "static"):
        shutil.copytree(PROJECT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("manage.py", "gunicorn.conf.py"):
        shutil.copy(PROJECT / name, place / name)
    migrations = place / "attendance" / "migrations"
    latest = max(path.stem for path in migrations.glob("[0-9]*.py"))
    (migrations / "9999_of_the_newer_release.py").write_text(ADDITIVE.format(after=latest))
    return place


def start_newer(site: Stack, newer: Path) -> str:
    """Start the newer release's worker, sweeper and web server beside the older ones; give the server's address."""
    site.end("sweeper")
    with site.having(project=newer):
        site.start_worker("newer-worker")
        site.start_sweeper("newer-sweeper")
        older, site.processes["older-web"] = site.url, site.processes.pop("web")
        site.web_port = free_port()
        site.url = f"http://127.0.0.1:{site.web_port}"
        site.start_web()
    assert site.url != older
    return site.url


def test_rolling_upgrade_loses_no_photo(site: Stack, newer: Path, tmp_path: Path) -> None:
    """The procedure of the guide, step by step, while a teacher sends one photo after the other."""
    school = make_school(site)
    site.start_worker("worker")
    site.start_sweeper()
    site.start_web()
    with Uploads(site.url, school) as uploads:

        def more(count: int) -> None:
            wanted = len(uploads.accepted) + count
            wait_until(lambda: len(uploads.accepted) >= wanted, seconds=PATIENCE_SECONDS, what="photos are accepted")

        more(3)
        with site.having(project=newer):
            said = site.manage("upgrade", "--backups", str(tmp_path / "backups"))
        assert "9999_of_the_newer_release" in said
        assert said.rstrip().endswith("Upgraded.")
        more(2)  # the older server still takes photos; its worker leaves them to the newer one
        uploads.urls.append(start_newer(site, newer))
        more(2)
        for name in ("older-web", "worker"):
            site.end(name)
        more(2)
    assert uploads.refused == []
    assert len(list((tmp_path / "backups").glob("rollcall-*"))) == 1

    def all_done() -> bool:
        return sorted(look(site)["photos"].values()) == ["DONE"] * len(uploads.accepted) + ["FAILED"]

    wait_until(all_done, seconds=PATIENCE_SECONDS, what="every accepted photo is done", every=1)
    end = look(site)
    assert uploads.accepted.keys() <= end["photos"].keys()
    assert (end["doubled"], end["wrong_counts"]) == (0, [])
    assert [mark[1:] for mark in end["register"]] == [["ada", "PRESENT", "RECOGNISED"], ["ben", "EXCUSED", "MANUAL"]]
