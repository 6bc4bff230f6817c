"""The register as a page shows it, and the history of a mark."""

import datetime as dt

import pytest
from pytest_django import DjangoAssertNumQueries

from attendance.models import (
    ClassSession,
    Enrolment,
    Source,
    Status,
    Student,
    User,
)
from attendance.services import records
from attendance.services.register import history, register
from tests.attendance.services.builders import recognise
from tests.conftest import MakeStudent


def test_not_seen_is_not_absent(class_session: ClassSession, make_student: MakeStudent, teacher: User) -> None:
    ada, ben = make_student("ada"), make_student("ben")
    records.set_status(session=class_session, student=ben, status="ABSENT", by=teacher)
    rows = register(class_session)
    assert [(row.student, row.label, row.status, row.version) for row in rows] == [
        (ada, "not seen", None, 0),
        (ben, "absent", Status.ABSENT, 1),
    ]
    assert (rows[1].by, rows[1].source) == (teacher, Source.MANUAL)


def test_record_of_somebody_who_left_is_still_shown(
    class_session: ClassSession, student: Student, teacher: User, today: dt.date
) -> None:
    records.set_status(session=class_session, student=student, status="PRESENT", by=teacher)
    Enrolment.objects.update(ends_on=today - dt.timedelta(days=1))
    (row,) = register(class_session)
    assert (row.student, row.enrolled, row.label) == (student, False, "present")


@pytest.mark.parametrize("count", [1, 3])
def test_query_count_does_not_grow_with_the_class(
    count: int,
    class_session: ClassSession,
    make_student: MakeStudent,
    teacher: User,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for name in ("ada", "ben", "cem")[:count]:
        records.set_status(session=class_session, student=make_student(name), status="PRESENT", by=teacher)
    with django_assert_num_queries(2):
        rows = [(str(row.student), str(row.by), row.seen_at, row.face_id) for row in register(class_session)]
    assert len(rows) == count


def test_history_says_old_new_who_and_why(class_session: ClassSession, student: Student, teacher: User) -> None:
    recognise(class_session, student, minute=2)
    records.set_status(session=class_session, student=student, status="LATE", by=teacher, reason="Came at 8:20")
    records.undo(session=class_session, by=teacher)
    entries = history(session=class_session, student=student)
    assert [(e.who, e.action, e.old, e.new, e.reason) for e in entries] == [
        ("Tess Teacher", "record.undone", "late", "present", ""),
        ("Tess Teacher", "record.set", "present", "late", "Came at 8:20"),
        ("recognition", "record.set", "not seen", "present", ""),
    ]


def test_history_names_nobody_who_is_gone(class_session: ClassSession, student: Student, teacher: User) -> None:
    records.set_status(session=class_session, student=student, status="LATE", by=teacher)
    teacher.delete()
    (entry,) = history(session=class_session, student=student)
    assert entry.who == "somebody who has left"
