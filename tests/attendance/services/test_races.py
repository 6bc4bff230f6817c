"""Two at once, really at once: threads with a connection each, on a database with row locks."""

import time
from threading import Event

import pytest
from django.db import connection, transaction

from attendance.models import AttendanceRecord, AuditEvent, ClassSession, Course, Role, Student, User
from attendance.services import people, records, sessions
from attendance.services.errors import RecordChanged, SessionClosed, WrongState
from attendance.services.marks import lock_session
from attendance.services.records import Evidence
from tests.attendance.services.builders import face_in
from tests.attendance.services.racing import at_once, refusals
from tests.conftest import MakeStudent

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor == "sqlite", reason="a test's SQLite database is one connection: see test_postgresql.py"
    ),
]
ROUNDS = 5


def test_of_two_teachers_who_saw_the_same_one_is_told(
    class_session: ClassSession, make_student: MakeStudent, teacher: User, admin: User
) -> None:
    for number in range(ROUNDS):
        student = make_student(f"s{number}")
        for version in (0, 1):

            def mark(status: str, by: User, student: Student = student, version: int = version) -> object:
                return records.set_status(session=class_session, student=student, status=status, by=by, version=version)

            statuses = ("PRESENT", "ABSENT") if version == 0 else ("LATE", "EXCUSED")
            answers = at_once(lambda: mark(statuses[0], teacher), lambda: mark(statuses[1], admin))  # noqa: B023
            assert refusals(answers) == [RecordChanged]
            assert AttendanceRecord.objects.get(student=student).version == version + 1
            assert AuditEvent.objects.filter(student_id=student.pk).count() == version + 1


def test_mark_comes_before_finalising_or_is_refused(
    course: Course, class_session: ClassSession, make_student: MakeStudent, teacher: User, admin: User
) -> None:
    student = make_student("ada")
    for _round in range(ROUNDS):
        answers = at_once(
            lambda: records.set_status(session=class_session, student=student, status="PRESENT", by=teacher),
            lambda: sessions.finalise_session(session=class_session, by=admin),
        )
        refused = refusals(answers) == [SessionClosed]
        assert AttendanceRecord.objects.get().status == ("ABSENT" if refused else "PRESENT")
        sessions.reopen_session(session=class_session, by=admin)
        AttendanceRecord.objects.all().delete()
        class_session.refresh_from_db()


def test_hand_beats_machine_whoever_is_first(
    class_session: ClassSession, make_student: MakeStudent, teacher: User
) -> None:
    for number in range(ROUNDS):
        student = make_student(f"s{number}")
        evidence = Evidence(face_in(class_session, student).pk, None)

        def recognise(student: Student = student, evidence: Evidence = evidence) -> int:
            with transaction.atomic():
                lock_session(class_session)
                return records.mark_recognised(session=class_session, marks={student.pk: evidence})

        def mark(student: Student = student) -> AttendanceRecord:
            return records.set_status(session=class_session, student=student, status="ABSENT", by=teacher)

        assert refusals(at_once(recognise, mark)) == []
        record = AttendanceRecord.objects.get(student=student)
        assert (record.status, record.source) == ("ABSENT", "MANUAL")


def test_rest_present_twice_marks_everybody_once(
    class_session: ClassSession, make_student: MakeStudent, teacher: User, admin: User
) -> None:
    for name in ("ada", "ben", "cem", "dee"):
        make_student(name)
    answers = at_once(
        lambda: records.rest_present(session=class_session, by=teacher),
        lambda: records.rest_present(session=class_session, by=admin),
    )
    assert sorted(str(answer) for answer in answers) == ["0", "4"]
    assert AttendanceRecord.objects.count() == 4


def test_two_taps_on_take_attendance_open_one_session(course: Course, teacher: User, admin: User) -> None:
    answers = at_once(
        lambda: sessions.session_for_today(course=course, by=teacher),
        lambda: sessions.session_for_today(course=course, by=admin),
    )
    assert answers[0] == answers[1] == ClassSession.objects.get()


def test_two_admins_who_switch_each_other_off_leave_one(admin: User) -> None:
    second = User.objects.create_user(username="second", role=Role.ADMIN, name="Second")
    done = Event()

    def switch_off(person: User, by: User) -> User:
        name = person.username
        return people.update_person(person=person, username=name, name=name, role=Role.ADMIN, is_active=False, by=by)

    def first() -> None:
        with transaction.atomic():
            switch_off(second, admin)
            done.set()
            time.sleep(0.5)  # the other one decides while this is not committed

    def other() -> None:
        done.wait()
        switch_off(admin, second)

    assert refusals(at_once(first, other)) == [WrongState]
    assert User.objects.get(is_active=True) == admin
