"""What holds after every fault: nothing lost, nothing doubled, no mark wrong, no file without a row.

Beside what lies in the tables at the end, a trigger writes down every change of state while the fault happens: a photo
that was claimed by two, or written by a worker whose claim was void, shows in the list although the end looks well.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from django.db import connection

from attendance.models import (
    AttendanceRecord,
    DetectedFace,
    FaceTemplate,
    QueuedWork,
    Selfie,
    Snapshot,
    Source,
    Status,
    WorkState,
)

QUEUED, PROCESSING, DONE, FAILED, CANCELLED = WorkState.values
NO_CLAIM: Final = 0
NEW_CLAIM: Final = 1
ARROWS: Final = {
    (QUEUED, PROCESSING): NEW_CLAIM,
    (PROCESSING, DONE): NO_CLAIM,
    (PROCESSING, FAILED): NO_CLAIM,
    (PROCESSING, QUEUED): NO_CLAIM,
    (FAILED, QUEUED): NO_CLAIM,
    (DONE, QUEUED): NO_CLAIM,
    (QUEUED, CANCELLED): NEW_CLAIM,
    (PROCESSING, CANCELLED): NEW_CLAIM,
}
"""Which changes of state there are, and by how much each raises the fencing token."""
AFTER_THE_LEASE: Final = {(PROCESSING, PROCESSING), (PROCESSING, FAILED)}
"""What somebody else may do to a claimed photo, once the lease is over: claim it anew, or give it up."""

_CHANGED: Final = "OLD.state <> NEW.state OR OLD.fencing_token <> NEW.fencing_token"
_SEEN: Final = "NEW.id, OLD.state, NEW.state, NEW.fencing_token - OLD.fencing_token, OLD.lease_until < "
_TABLE: Final = (
    "CREATE TABLE fault_watch (photo bigint, old_state text, new_state text, raised bigint, lease_was_over boolean)"
)
_START: Final = {
    "sqlite": (
        _TABLE,
        f"CREATE TRIGGER fault_watch AFTER UPDATE ON attendance_snapshot WHEN {_CHANGED} BEGIN "  # noqa: S608  constants
        f"INSERT INTO fault_watch VALUES ({_SEEN} strftime('%Y-%m-%d %H:%M:%f', 'now')); END",
    ),
    "postgresql": (
        _TABLE,
        "CREATE FUNCTION fault_watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "  # noqa: S608  constants
        f"INSERT INTO fault_watch VALUES ({_SEEN} statement_timestamp()); RETURN NULL; END $$",
        f"CREATE TRIGGER fault_watch AFTER UPDATE ON attendance_snapshot FOR EACH ROW WHEN ({_CHANGED}) "
        "EXECUTE FUNCTION fault_watch()",
    ),
}
_STOP: Final = {
    "sqlite": ("DROP TRIGGER IF EXISTS fault_watch", "DROP TABLE IF EXISTS fault_watch"),
    "postgresql": ("DROP FUNCTION IF EXISTS fault_watch CASCADE", "DROP TABLE IF EXISTS fault_watch"),
}


def start_watch() -> None:
    """Write down from now on what happens to photos' states."""
    stop_watch()
    with connection.cursor() as cursor:
        for statement in _START[connection.vendor]:
            cursor.execute(statement)


def stop_watch() -> None:
    """Leave the database as it was."""
    with connection.cursor() as cursor:
        for statement in _STOP[connection.vendor]:
            cursor.execute(statement)


def check_invariant(private_files: Path, *, accepted: Iterable[int]) -> None:
    """Check all of it, with every process of the test at rest or gone.

    Args:
        private_files: the private storage.
        accepted: the photos that somebody was told are saved, less those that somebody deleted.
    """
    photos = list(Snapshot.objects.all())
    assert {photo.pk for photo in photos} == set(accepted)
    for work in (*photos, *Selfie.objects.all()):
        _check_state(work)
    for photo in photos:
        assert photo.faces.count() == (photo.face_count if photo.state == DONE else 0)
    _check_marks()
    _check_files(private_files, photos)
    _check_arrows()


def _check_state(work: QueuedWork) -> None:
    """Done, failed with a reason, queued, or held under a lease."""
    assert work.state in {QUEUED, PROCESSING, DONE, FAILED, CANCELLED}
    assert (work.state == FAILED) == bool(work.failure_reason)
    assert (work.state == PROCESSING) == (work.lease_until is not None)
    assert (work.state in {DONE, FAILED, CANCELLED}) == (work.finished_at is not None)


def _check_marks() -> None:
    """One record a student and session; a machine's mark rests on a face of a photo that is done."""
    pairs = list(AttendanceRecord.objects.values_list("session_id", "student_id"))
    assert len(pairs) == len(set(pairs))
    by_machine = AttendanceRecord.objects.filter(source=Source.RECOGNISED)
    for record in by_machine.select_related("face__snapshot", "student"):
        assert record.status in {Status.PRESENT, Status.LATE}
        assert record.face is not None
        assert record.face.snapshot.state == DONE
        assert (record.face.snapshot.session_id, record.face.student_id) == (record.session_id, record.student_id)
        assert record.student.erased_at is None
    # Ada is the only one in the pictures who can be recognised.
    found = DetectedFace.objects.filter(outcome=DetectedFace.Outcome.MARKED)
    assert set(found.values_list("student__sort_key", flat=True)) <= {"ada"}
    assert not FaceTemplate.objects.exclude(student__erased_at=None).exists()


def _check_files(private_files: Path, photos: Iterable[Snapshot]) -> None:
    """A file for every row that names one, and no other, not even a temporary one."""
    named = {photo.image.name for photo in photos} | set(Selfie.objects.values_list("image", flat=True))
    on_disk = {str(path.relative_to(private_files)) for path in private_files.rglob("*") if path.is_file()}
    assert on_disk == named - {""}


def _check_arrows() -> None:
    """Only the arrows of ``models.queue``; no claim while another one's lease ran, no token used twice."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT photo, old_state, new_state, raised, lease_was_over FROM fault_watch")
        for photo, old, new, raised, lease_was_over in cursor.fetchall():
            if raised == NEW_CLAIM and (old, new) in AFTER_THE_LEASE:
                assert lease_was_over, f"photo {photo} was taken from a worker whose lease ran: {old} to {new}"
                continue
            assert (old, new) in ARROWS, f"photo {photo} went from {old} to {new}"
            assert raised == ARROWS[old, new], f"photo {photo}: {old} to {new} raised the token by {raised}"
