"""Row of the fault suite that concerns two releases of the product on one database, as in a rolling upgrade."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from attendance import sweeper, tasks
from attendance.models import Heartbeat, WorkState
from attendance.services import heartbeats
from tests.faults.conftest import DURING_A_PHOTO_SECONDS, PATIENCE_SECONDS, Upload, start_worker, wait_for
from tests.stack import PROJECT, Stack, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
OF_THE_PRODUCT = ("attendance", "faces", "tests", "templates", "static", "manage.py")
NEWEST = "9999_of_the_newer_release"
MIGRATION = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("attendance", "{after}")]
"""


@pytest.fixture
def newer_release(tmp_path: Path) -> Iterator[Path]:
    """A copy of the product with one migration more, as the next release would be installed beside this one."""
    place = tmp_path / "newer"
    place.mkdir()
    for name in OF_THE_PRODUCT:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, place / name)
    ((_app, latest),) = MigrationLoader(connection).graph.leaf_nodes("attendance")
    (place / "attendance" / "migrations" / f"{NEWEST}.py").write_text(MIGRATION.format(after=latest))
    yield place
    MigrationRecorder(connection).record_unapplied("attendance", NEWEST)


def test_row_30_older_release_at_a_photo_leaves_it_to_the_newer_one(
    newer_release: Path, stack: Stack, upload: Upload
) -> None:
    """The database is upgraded while the older worker is at a photo: it writes nothing, and the newer one does all."""
    during, after = upload(), upload(seed=1)
    start_worker(stack, "older", FAKE_ENGINE_SECONDS=DURING_A_PHOTO_SECONDS)
    wait_until(lambda: "ready." in stack.log("older"), seconds=PATIENCE_SECONDS, what="the older worker listens")
    tasks.wake(during)
    wait_for(during, WorkState.PROCESSING)
    MigrationRecorder(connection).record_applied("attendance", NEWEST)  # what `migrate` writes, at this very moment
    refused = Heartbeat.objects.filter(kind=heartbeats.WORKER, detail__engine__icontains="newer release")
    wait_until(refused.exists, seconds=PATIENCE_SECONDS, what="the older worker says why it cannot work")
    tasks.wake(after)
    with stack.having(project=newer_release):
        assert "No migrations to apply" in stack.manage("migrate")
    for photo in (during, after):
        photo.refresh_from_db()
        assert (photo.state, photo.attempts, photo.faces.count()) == (WorkState.QUEUED, 0, 0)
    assert sweeper.sweep() == 0
    assert Client().get("/health/ready").json()["checks"]["release"] is False
    with stack.having(project=newer_release):
        start_worker(stack, "newer")
        stack.start_sweeper()
    for photo in (during, after):
        wait_for(photo, WorkState.DONE)
        photo.refresh_from_db()
        assert (photo.attempts, photo.faces.count()) == (1, 1)
    assert stack.processes["older"].poll() is None
    assert "written: True" not in stack.log("older")


def test_row_30_older_release_does_not_start_on_the_newer_ones_database(
    newer_release: Path, stack: Stack, upload: Upload
) -> None:
    """Started after the upgrade, the older worker ends with a sentence; the newer one does the photo."""
    snapshot = upload()
    with stack.having(project=newer_release):
        assert NEWEST in stack.manage("migrate")
    start_worker(stack, "older")
    assert stack.processes["older"].wait(timeout=PATIENCE_SECONDS) != 0
    assert "newer release" in stack.log("older")
    tasks.wake(snapshot)
    with stack.having(project=newer_release):
        start_worker(stack, "newer")
    wait_for(snapshot, WorkState.DONE)
