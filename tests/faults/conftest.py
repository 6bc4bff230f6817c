"""A real Valkey and real workers on the test's own database, and the invariant that holds after every fault."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from celery import current_app
from django.conf import settings
from django.db import connection

from attendance import tasks
from attendance.models import (
    AttendanceRecord,
    ClassSession,
    DetectedFace,
    Selfie,
    Snapshot,
    Source,
    Status,
    Student,
    User,
    WorkState,
)
from attendance.services import snapshots
from tests.fakes import class_photo
from tests.stack import Stack, wait_until

Upload = Callable[..., Snapshot]
PATIENCE_SECONDS = 90
"""Ends a wait that is in vain; a machine that has other work too starts a worker in half a minute."""

LEASE_SECONDS = 5


def point_to(url: str) -> None:
    """Let this process publish to another broker, with fresh connections."""
    current_app.conf.update(broker_url=url)
    current_app._after_fork()  # type: ignore[attr-defined]  # Celery's own, left out of the stubs
    tasks.forget_broker_outage()


def database_url() -> str:
    """Name the test's own database, for processes that share it."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


@pytest.fixture
def stack(transactional_db: None, tmp_path: Path, private_files: Path) -> Iterator[Stack]:
    """Valkey runs; workers and sweepers are started by the test. The face engine is the fake one."""
    made = Stack(
        tmp_path,
        settings={
            "DEBUG": "true",
            "DATA_DIR": str(private_files.parent),
            "DATABASE_URL": database_url(),
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


@pytest.fixture
def upload(class_session: ClassSession, teacher: User, recognisable: Callable[..., Student]) -> Upload:
    """Accept a photo of Ada, who can be recognised, or of whoever is named; nobody is woken."""
    recognisable("ada")

    def do(seed: int = 0, *, shows: str = "ada") -> Snapshot:
        data = class_photo(shows, seed=seed)
        return snapshots.add_snapshot(session=class_session, data=data, by=teacher).snapshot

    return do


def state_of(snapshot: Snapshot) -> WorkState:
    """Where the photo stands now."""
    return WorkState(Snapshot.objects.values_list("state", flat=True).get(pk=snapshot.pk))


def wait_for(snapshot: Snapshot, state: WorkState, *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until the photo stands there."""
    wait_until(lambda: state_of(snapshot) == state, seconds=seconds, what=f"the photo is {state}")


def start_worker(stack: Stack, name: str = "worker", **environment: str) -> None:
    """Start a worker, with something of its own in the environment."""
    kept = dict(stack.environment)
    stack.environment.update(environment)
    stack.start_worker(name)
    stack.environment = kept


def check_invariant(private_files: Path, *, accepted: int) -> None:
    """What holds after every fault: nothing lost, nothing doubled, no mark wrong, no file without a row."""
    photos = list(Snapshot.objects.all())
    assert len(photos) == accepted
    for photo in photos:
        assert photo.state in {WorkState.DONE, WorkState.FAILED, WorkState.QUEUED}
        assert (photo.state == WorkState.FAILED) == bool(photo.failure_reason)
        if photo.state == WorkState.DONE:
            assert photo.faces.count() == photo.face_count
    _check_marks()
    named = {photo.image.name for photo in photos} | set(Selfie.objects.values_list("image", flat=True))
    on_disk = {str(path.relative_to(private_files)) for path in private_files.rglob("*") if path.is_file()}
    assert on_disk == named - {""}


def _check_marks() -> None:
    """One record a student and session; a machine's mark rests on a face of a photo that is done."""
    pairs = list(AttendanceRecord.objects.values_list("session_id", "student_id"))
    assert len(pairs) == len(set(pairs))
    by_machine = AttendanceRecord.objects.filter(source=Source.RECOGNISED)
    for record in by_machine.select_related("face__snapshot", "student"):
        assert record.status in {Status.PRESENT, Status.LATE}
        assert record.face is not None
        assert record.face.snapshot.state == WorkState.DONE
        assert (record.face.snapshot.session_id, record.face.student_id) == (record.session_id, record.student_id)
        assert record.student.erased_at is None
    # The same student is found in every photo that shows them, and nobody else is.
    found = DetectedFace.objects.filter(outcome=DetectedFace.Outcome.MARKED)
    assert set(found.values_list("student__sort_key", flat=True)) <= {"ada"}
