"""What an undo takes back: one change, a whole "rest present", and nothing of somebody else's."""

import pytest
from django.db import transaction

from attendance.models import (
    AttendanceRecord,
    ClassSession,
    Student,
    User,
)
from attendance.services import records
from attendance.services.errors import RecordChanged, SessionClosed
from attendance.services.evidence import withdraw
from attendance.services.sessions import finalise_session, reopen_session
from tests.attendance.services.builders import face_in, minutes_in, recognise, status_of
from tests.conftest import MakeStudent


def test_nothing_to_undo(class_session: ClassSession, teacher: User) -> None:
    assert records.undo(session=class_session, by=teacher) is None


def test_what_can_be_undone_is_what_undo_takes_back(
    class_session: ClassSession, student: Student, teacher: User
) -> None:
    def can_undo() -> bool:
        return records.can_undo(session=class_session, student=student)

    assert not can_undo()
    recognise(class_session, student, minute=3)
    assert not can_undo()
    records.set_status(session=class_session, student=student, status="ABSENT", by=teacher)
    assert can_undo()
    records.undo(session=class_session, by=teacher, student=student)
    assert not can_undo()
    records.clear_status(session=class_session, student=student, by=teacher)
    assert can_undo()
    finalise_session(session=class_session, by=teacher, mark_absent=False)
    class_session.refresh_from_db()
    assert not can_undo()


def test_first_mark_becomes_not_seen(class_session: ClassSession, student: Student, teacher: User) -> None:
    records.set_status(session=class_session, student=student, status="ABSENT", by=teacher)
    undone = records.undo(session=class_session, by=teacher)
    assert undone is not None
    assert undone.student_ids == (student.pk,)
    assert status_of(class_session, student) is None


def test_correction_gives_the_machines_mark_back(class_session: ClassSession, student: Student, teacher: User) -> None:
    recognise(class_session, student, minute=3)
    records.set_status(session=class_session, student=student, status="ABSENT", by=teacher)
    records.undo(session=class_session, by=teacher)
    record = AttendanceRecord.objects.get()
    assert (record.status, record.source, record.seen_at) == (
        "PRESENT",
        "RECOGNISED",
        minutes_in(class_session, 3),
    )
    assert record.face_id is not None
    assert record.version == 3


def test_undo_twice_goes_two_changes_back(class_session: ClassSession, student: Student, teacher: User) -> None:
    for status in ("PRESENT", "LATE", "ABSENT"):
        records.set_status(session=class_session, student=student, status=status, by=teacher)
    records.undo(session=class_session, by=teacher)
    assert status_of(class_session, student) == "LATE"
    records.undo(session=class_session, by=teacher)
    assert status_of(class_session, student) == "PRESENT"


def test_cleared_mark_comes_back(class_session: ClassSession, student: Student, teacher: User) -> None:
    records.set_status(session=class_session, student=student, status="LATE", by=teacher)
    records.clear_status(session=class_session, student=student, by=teacher)
    undone = records.undo(session=class_session, by=teacher)
    assert undone is not None
    assert undone.action == "record.cleared"
    assert status_of(class_session, student) == "LATE"


def test_mark_that_went_with_its_face_leaves_nothing_to_undo(
    class_session: ClassSession, student: Student, teacher: User
) -> None:
    face = face_in(class_session, student)
    records.set_status(session=class_session, student=student, status="PRESENT", by=teacher, face=face)
    with transaction.atomic():
        withdraw(class_session, face, by=teacher, by_hand_for=student.pk)
    assert status_of(class_session, student) is None
    assert records.undo(session=class_session, by=teacher) is None


def test_rest_present_is_one_change_and_later_corrections_stay(
    class_session: ClassSession, make_student: MakeStudent, teacher: User, admin: User
) -> None:
    ada, ben, cem = (make_student(name) for name in ("ada", "ben", "cem"))
    records.rest_present(session=class_session, by=teacher)
    records.set_status(session=class_session, student=cem, status="LATE", by=admin)
    undone = records.undo(session=class_session, by=teacher)
    assert undone is not None
    assert set(undone.student_ids) == {ada.pk, ben.pk}
    assert [status_of(class_session, s) for s in (ada, ben, cem)] == [None, None, "LATE"]


def test_one_student_of_rest_present_can_be_undone_alone(
    class_session: ClassSession, make_student: MakeStudent, teacher: User
) -> None:
    ada, ben = make_student("ada"), make_student("ben")
    records.rest_present(session=class_session, by=teacher)
    records.undo(session=class_session, by=teacher, student=ada)
    assert [status_of(class_session, s) for s in (ada, ben)] == [None, "PRESENT"]


def test_what_somebody_else_changed_since_is_not_undone(
    class_session: ClassSession, student: Student, teacher: User, admin: User
) -> None:
    records.set_status(session=class_session, student=student, status="PRESENT", by=teacher)
    records.set_status(session=class_session, student=student, status="LATE", by=admin)
    with pytest.raises(RecordChanged) as refused:
        records.undo(session=class_session, by=teacher)
    assert refused.value.current is not None
    assert refused.value.current.status == "LATE"


def test_face_of_a_deleted_photo_does_not_come_back(
    class_session: ClassSession, student: Student, teacher: User
) -> None:
    recognise(class_session, student, minute=3)
    records.set_status(session=class_session, student=student, status="ABSENT", by=teacher)
    class_session.snapshots.all().delete()
    records.undo(session=class_session, by=teacher)
    record = AttendanceRecord.objects.get()
    assert (record.status, record.face_id) == ("PRESENT", None)


def test_absences_of_finalising_are_undone_together_after_reopening(
    class_session: ClassSession, make_student: MakeStudent, teacher: User
) -> None:
    students = [make_student("ada"), make_student("ben")]
    finalise_session(session=class_session, by=teacher)
    with pytest.raises(SessionClosed):
        records.undo(session=class_session, by=teacher)
    reopen_session(session=class_session, by=teacher)
    records.undo(session=class_session, by=teacher)
    assert [status_of(class_session, student) for student in students] == [None, None]
