"""A real Valkey and real workers on the test's own database, and the invariant that holds after every fault."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings
from django.db import connection

from attendance import tasks
from attendance.models import AttendanceRecord, Selfie, Snapshot, WorkState
from tests.stack import Stack

LEASE_SECONDS = 5


def point_to(url: str) -> None:
    """Let this process publish to another broker, with fresh connections."""
    current_app.conf.update(broker_url=url)
    current_app._after_fork()  # type: ignore[attr-defined]  # Celery's own, left out of the stubs
    tasks.forget_broker_outage()


@pytest.fixture
def stack(transactional_db: None, tmp_path: Path, private_files: Path) -> Iterator[Stack]:
    """Valkey runs; workers and sweepers are started by the test. The face engine is the fake one."""
    database = connection.settings_dict["NAME"]
    if connection.vendor != "sqlite":
        pytest.skip("shares the test's database file with the worker")
    made = Stack(
        tmp_path,
        settings={
            "DEBUG": "true",
            "DATA_DIR": str(private_files.parent),
            "DATABASE_URL": f"sqlite:///{database}",
            "MASTER_KEY": settings.MASTER_KEY,
            "FACE_PIPELINE_BUILDER": "tests.fakes.build_pipeline",
            "LEASE_SECONDS": str(LEASE_SECONDS),
            "SWEEP_SECONDS": "1",
        },
    )
    made.start_valkey()
    point_to(made.environment["REDIS_URL"])
    yield made
    made.stop()
    point_to("memory://")


def check_invariant(private_files: Path, *, accepted: int) -> None:
    """Photos accepted = done + failed with a reason + queued; one record a student; no file without a row."""
    photos = list(Snapshot.objects.all())
    assert len(photos) == accepted
    for photo in photos:
        assert photo.state in {WorkState.DONE, WorkState.FAILED, WorkState.QUEUED}
        assert (photo.state == WorkState.FAILED) == bool(photo.failure_reason)
    pairs = list(AttendanceRecord.objects.values_list("session_id", "student_id"))
    assert len(pairs) == len(set(pairs))
    named = {photo.image.name for photo in photos} | set(Selfie.objects.values_list("image", flat=True))
    on_disk = {str(path.relative_to(private_files)) for path in private_files.rglob("*") if path.is_file()}
    assert on_disk == named - {""}
