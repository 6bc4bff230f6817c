"""Marks: whose word stands, what an edit must have seen, and what an undo takes back."""

import datetime as dt

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from attendance.models import (
    AttendanceRecord,
    AuditEvent,
    ClassSession,
    Course,
    Enrolment,
    Status,
    Student,
    User,
)
from attendance.services import records
from attendance.services.errors import InvalidValue, NotEnrolled, RecordChanged, SessionClosed
from attendance.services.records import Evidence
from attendance.services.sessions import finalise_session
from tests.attendance.services.builders import face_in, minutes_in, recognise, status_of
from tests.conftest import MakeStudent


class TestByHand:
    def test_mark_is_manual_and_says_who_and_why(
        self, class_session: ClassSession, student: Student, teacher: User
    ) -> None:
        record = records.set_status(
            session=class_session, student=student, status=Status.LATE, by=teacher, reason="Bus was late"
        )
        record.refresh_from_db()
        assert (record.status, record.source, record.updated_by, record.version) == ("LATE", "MANUAL", teacher, 1)
        event = AuditEvent.objects.get(action="record.set")
        assert (event.actor_id, event.student_id, event.reason, event.old) == (
            teacher.pk,
            student.pk,
            "Bus was late",
            None,
        )
        assert event.new is not None
        assert event.new["status"] == "LATE"

    def test_same_mark_twice_is_one_change(self, class_session: ClassSession, student: Student, teacher: User) -> None:
        for _tap in range(2):
            records.set_status(session=class_session, student=student, status="PRESENT", by=teacher)
        assert AuditEvent.objects.filter(action="record.set").count() == 1

    def test_confirming_the_machines_mark_makes_it_the_teachers(
        self, class_session: ClassSession, student: Student, teacher: User
    ) -> None:
        recognise(class_session, student, minute=2)
        record = records.set_status(session=class_session, student=student, status="PRESENT", by=teacher, version=1)
        assert (record.source, record.version, record.seen_at) == ("MANUAL", 2, minutes_in(class_session, 2))
        assert record.face_id is not None

    def test_absent_drops_the_face_that_was_taken_for_the_student(
        self, class_session: ClassSession, student: Student, teacher: User
    ) -> None:
        recognise(class_session, student, minute=2)
        record = records.set_status(session=class_session, student=student, status="ABSENT", by=teacher)
        assert (record.face_id, record.seen_at) == (None, None)

    def test_mark_from_a_face_keeps_that_face(
        self, class_session: ClassSession, student: Student, teacher: User
    ) -> None:
        face = face_in(class_session, student)
        seen_at = minutes_in(class_session, 1)
        record = records.set_status(
            session=class_session, student=student, status="PRESENT", by=teacher, face=face, seen_at=seen_at
        )
        assert (record.face_id, record.seen_at) == (face.pk, seen_at)

    @pytest.mark.parametrize(
        ("standing", "minute", "outcome"),
        [("PRESENT", 30, ("PRESENT", None)), ("LATE", 1, ("PRESENT", 1)), ("ABSENT", 30, ("LATE", 30))],
    )
    def test_face_in_a_later_photo_makes_no_mark_worse(
        self,
        standing: str,
        minute: int,
        outcome: tuple[str, int | None],
        class_session: ClassSession,
        student: Student,
        teacher: User,
    ) -> None:
        records.set_status(session=class_session, student=student, status=standing, by=teacher)
        status, seen_at = records.status_when_seen(class_session, minutes_in(class_session, minute))
        record = records.set_status(
            session=class_session,
            student=student,
            status=status,
            by=teacher,
            face=face_in(class_session, student),
            seen_at=seen_at,
        )
        expected = None if outcome[1] is None else minutes_in(class_session, outcome[1])
        assert (record.status, record.source, record.seen_at) == (outcome[0], "MANUAL", expected)

    def test_unknown_status_is_refused(self, class_session: ClassSession, student: Student, teacher: User) -> None:
        with pytest.raises(InvalidValue):
            records.set_status(session=class_session, student=student, status="HERE", by=teacher)

    def test_student_of_another_course_is_refused(
        self, class_session: ClassSession, other_course: Course, make_student: MakeStudent, teacher: User
    ) -> None:
        stranger = make_student("cem", course=other_course)
        with pytest.raises(NotEnrolled):
            records.set_status(session=class_session, student=stranger, status="PRESENT", by=teacher)

    def test_student_who_left_yesterday_is_refused(
        self, class_session: ClassSession, student: Student, teacher: User, today: dt.date
    ) -> None:
        Enrolment.objects.filter(student=student).update(ends_on=today - dt.timedelta(days=1))
        with pytest.raises(NotEnrolled):
            records.set_status(session=class_session, student=student, status="PRESENT", by=teacher)

    def test_final_session_takes_no_mark(self, class_session: ClassSession, student: Student, teacher: User) -> None:
        finalise_session(session=class_session, by=teacher)
        with pytest.raises(SessionClosed):
            records.set_status(session=class_session, student=student, status="PRESENT", by=teacher)


class TestTwoTeachers:
    def test_second_edit_of_what_both_saw_is_refused_with_the_first_ones_value(
        self, class_session: ClassSession, student: Student, teacher: User, admin: User
    ) -> None:
        records.set_status(session=class_session, student=student, status="PRESENT", by=teacher, version=0)
        with pytest.raises(RecordChanged) as refused:
            records.set_status(session=class_session, student=student, status="ABSENT", by=admin, version=0)
        assert refused.value.current is not None
        assert (refused.value.current.status, refused.value.current.updated_by) == ("PRESENT", teacher)
        assert status_of(class_session, student) == "PRESENT"

    def test_a_cleared_and_marked_again_record_is_not_the_one_seen(
        self, class_session: ClassSession, student: Student, teacher: User, admin: User
    ) -> None:
        records.set_status(session=class_session, student=student, status="PRESENT", by=teacher)
        records.clear_status(session=class_session, student=student, by=admin, version=1)
        records.set_status(session=class_session, student=student, status="ABSENT", by=admin, version=0)
        with pytest.raises(RecordChanged):
            records.set_status(session=class_session, student=student, status="LATE", by=teacher, version=1)

    def test_clearing_what_somebody_changed_is_refused(
        self, class_session: ClassSession, student: Student, teacher: User
    ) -> None:
        records.set_status(session=class_session, student=student, status="PRESENT", by=teacher)
        with pytest.raises(RecordChanged):
            records.clear_status(session=class_session, student=student, by=teacher, version=7)

    def test_writer_without_the_lock_is_noticed(
        self, class_session: ClassSession, student: Student, teacher: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = AttendanceRecord.objects.create(
            session=class_session, student=student, status="ABSENT", source="MANUAL", updated_by=teacher
        )
        answers = [None, other]
        monkeypatch.setattr("attendance.services.marks.record_of", lambda session, student_id: answers.pop(0))
        with pytest.raises(RecordChanged) as refused:
            records.set_status(session=class_session, student=student, status="PRESENT", by=teacher)
        assert refused.value.current == other


class TestRestPresent:
    def test_only_empty_marks_are_filled(
        self, class_session: ClassSession, make_student: MakeStudent, teacher: User
    ) -> None:
        ada, ben, cem = (make_student(name) for name in ("ada", "ben", "cem"))
        records.set_status(session=class_session, student=ada, status="EXCUSED", by=teacher)
        recognise(class_session, ben, minute=20)
        assert records.rest_present(session=class_session, by=teacher) == 1
        assert [status_of(class_session, s) for s in (ada, ben, cem)] == ["EXCUSED", "LATE", "PRESENT"]
        assert records.rest_present(session=class_session, by=teacher) == 0

    @pytest.mark.parametrize("count", [1, 3])
    def test_query_count_does_not_grow_with_the_class(
        self,
        count: int,
        class_session: ClassSession,
        make_student: MakeStudent,
        teacher: User,
        django_assert_num_queries: DjangoAssertNumQueries,
    ) -> None:
        for name in ("ada", "ben", "cem")[:count]:
            make_student(name)
        with django_assert_num_queries(8):
            records.rest_present(session=class_session, by=teacher)


class TestByTheMachine:
    @pytest.mark.parametrize(
        ("minute", "status", "believed"),
        [
            (0, "PRESENT", True),
            (10, "PRESENT", True),
            (11, "LATE", True),
            (-15, "PRESENT", True),
            (-16, "PRESENT", False),
            (105, "LATE", True),
            (106, "PRESENT", False),
            (None, "PRESENT", False),
        ],
    )
    def test_time_of_the_photo_decides(
        self, minute: int | None, status: str, believed: bool, class_session: ClassSession, student: Student
    ) -> None:
        recognise(class_session, student, minute=minute)
        record = AttendanceRecord.objects.get()
        assert (record.status, record.source) == (status, "RECOGNISED")
        assert (record.seen_at is not None) == believed

    def test_order_of_the_photos_does_not_matter(self, class_session: ClassSession, make_student: MakeStudent) -> None:
        ada, ben = make_student("ada"), make_student("ben")
        for minute in (5, 20, 2):
            recognise(class_session, ada, minute=minute)
        for minute in (20, 2, 5):
            recognise(class_session, ben, minute=minute)
        marks = [(r.status, r.seen_at) for r in AttendanceRecord.objects.order_by("student")]
        assert marks == [("PRESENT", minutes_in(class_session, 2))] * 2

    def test_later_photo_changes_nothing(self, class_session: ClassSession, student: Student) -> None:
        assert recognise(class_session, student, minute=2) == 1
        assert recognise(class_session, student, minute=30) == 0
        assert AttendanceRecord.objects.get().version == 1

    def test_photo_looked_at_again_brings_its_face_back(self, class_session: ClassSession, student: Student) -> None:
        recognise(class_session, student, minute=2)
        class_session.snapshots.get().faces.all().delete()
        assert recognise(class_session, student, minute=2) == 1
        assert AttendanceRecord.objects.get().face_id is not None

    @pytest.mark.parametrize("status", Status.values)
    def test_mark_by_hand_is_never_touched(
        self, status: str, class_session: ClassSession, student: Student, teacher: User
    ) -> None:
        records.set_status(session=class_session, student=student, status=status, by=teacher)
        assert recognise(class_session, student, minute=1) == 0
        record = AttendanceRecord.objects.get()
        assert (record.status, record.source, record.version) == (status, "MANUAL", 1)

    def test_mark_cleared_by_hand_stays_empty(
        self, class_session: ClassSession, student: Student, teacher: User
    ) -> None:
        recognise(class_session, student, minute=1)
        records.clear_status(session=class_session, student=student, by=teacher, reason="It is her sister")
        assert recognise(class_session, student, minute=1) == 0
        assert status_of(class_session, student) is None

    def test_final_session_is_not_touched(self, class_session: ClassSession, student: Student, teacher: User) -> None:
        finalise_session(session=class_session, by=teacher, mark_absent=False)
        assert recognise(class_session, student, minute=1) == 0

    def test_course_with_suggestions_only_gets_no_mark(self, class_session: ClassSession, student: Student) -> None:
        Course.objects.update(suggestions_only=True)
        assert recognise(class_session, student, minute=1) == 0
        assert not AttendanceRecord.objects.exists()

    def test_who_chose_by_hand_only_gets_no_mark(self, class_session: ClassSession, student: Student) -> None:
        Student.objects.update(by_hand_only=True)
        assert recognise(class_session, student, minute=1) == 0

    def test_who_left_the_roster_gets_no_mark(
        self, class_session: ClassSession, student: Student, today: dt.date
    ) -> None:
        Enrolment.objects.update(ends_on=today - dt.timedelta(days=1))
        assert recognise(class_session, student, minute=1) == 0

    def test_each_mark_is_in_the_log_without_an_actor(self, class_session: ClassSession, student: Student) -> None:
        recognise(class_session, student, minute=20)
        recognise(class_session, student, minute=2)
        events = AuditEvent.objects.filter(action="record.set").order_by("pk")
        assert [(e.actor_id, e.old and e.old["status"], e.new and e.new["status"]) for e in events] == [
            (None, None, "LATE"),
            (None, "LATE", "PRESENT"),
        ]

    @pytest.mark.parametrize("count", [1, 3])
    def test_query_count_does_not_grow_with_the_faces(
        self,
        count: int,
        class_session: ClassSession,
        make_student: MakeStudent,
        django_assert_num_queries: DjangoAssertNumQueries,
    ) -> None:
        students = [make_student(name) for name in ("ada", "ben", "cem")[:count]]
        marks = {student.pk: Evidence(face_in(class_session, student).pk, None) for student in students}
        with django_assert_num_queries(8), transaction.atomic():
            records.mark_recognised(session=class_session, marks=marks)
