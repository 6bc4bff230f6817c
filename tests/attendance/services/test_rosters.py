"""Courses and dated enrolments: whoever moves or leaves keeps the past."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from attendance.models import AuditEvent, ClassSession, Course, Enrolment, Student, Term, User
from attendance.services import records, rosters
from attendance.services.errors import BadDate, InvalidValue
from attendance.services.rosters import roster_on
from tests.conftest import MakeStudent

DAY = dt.timedelta(days=1)


class TestCourses:
    def test_course_is_made_with_its_teachers(self, term: Term, teacher: User, admin: User) -> None:
        course = rosters.create_course(name=" Chemistry ", term=term, by=admin, teachers=[teacher], code="CH1")
        assert (course.name, course.code, list(course.teachers.all())) == ("Chemistry", "CH1", [teacher])
        assert AuditEvent.objects.get(action="course.created").course_id == course.pk

    def test_same_course_twice_in_a_term_is_refused(self, course: Course, term: Term, admin: User) -> None:
        with pytest.raises(InvalidValue):
            rosters.create_course(name="Physics", code="PH1", term=term, by=admin)

    def test_changed_formula_is_in_the_log(self, course: Course, admin: User) -> None:
        rosters.update_course(course=course, by=admin, late_weight=Decimal("0.50"))
        event = AuditEvent.objects.get(action="course.changed")
        assert (event.old, event.new) == ({"late_weight": "0.80"}, {"late_weight": "0.50"})

    def test_who_may_see_a_course_is_in_the_log(self, course: Course, teacher: User, admin: User) -> None:
        rosters.update_course(course=course, by=admin, teachers=[])
        event = AuditEvent.objects.get(action="course.changed")
        assert (event.old, event.new) == ({"teachers": [teacher.pk]}, {"teachers": []})

    @pytest.mark.parametrize("fields", [{"late_weight": Decimal("1.5")}, {"excused_counts": "MAYBE"}, {"name": ""}])
    def test_value_that_does_not_hold_is_refused(self, fields: dict[str, Any], course: Course, admin: User) -> None:
        with pytest.raises(InvalidValue):
            rosters.update_course(course=course, by=admin, **fields)

    def test_field_that_is_not_the_courses_is_refused(self, course: Course, admin: User) -> None:
        with pytest.raises(InvalidValue):
            rosters.update_course(course=course, by=admin, pk=7)


class TestStudents:
    def test_name_is_sorted_as_written_unless_somebody_says_otherwise(
        self, course: Course, admin: User, today: dt.date
    ) -> None:
        plain = rosters.add_student(course=course, name="Björk  Guðmundsdóttir\t", from_day=today, by=admin).student
        sorted_ = rosters.add_student(course=course, name="Li Wei", sort_key="Wei", from_day=today, by=admin).student
        assert (plain.name, plain.sort_key) == ("Björk Guðmundsdóttir", "Björk Guðmundsdóttir")
        assert sorted_.sort_key == "Wei"

    def test_two_students_may_share_a_name(self, course: Course, admin: User, today: dt.date) -> None:
        for _twice in range(2):
            rosters.add_student(course=course, name="Anna Schmidt", from_day=today, by=admin)
        assert roster_on(course, today).count() == 2

    @pytest.mark.parametrize(
        "fields", [{"name": "  "}, {"name": "x" * 201}, {"name": "Ada", "email": "nobody"}, {"name": "\x00"}]
    )
    def test_field_that_does_not_hold_is_refused(self, fields: dict[str, str], course: Course, admin: User) -> None:
        with pytest.raises(InvalidValue):
            rosters.create_student(by=admin, **fields)
        assert not Student.objects.exists()

    def test_school_id_of_somebody_else_is_refused(self, admin: User, db: None) -> None:
        rosters.create_student(name="Ada", school_id="7", by=admin)
        with pytest.raises(InvalidValue):
            rosters.create_student(name="Ben", school_id="7", by=admin)

    def test_empty_school_ids_do_not_collide(self, admin: User) -> None:
        for name in ("Ada", "Ben"):
            assert rosters.create_student(name=name, school_id="", by=admin).school_id is None

    def test_new_name_takes_the_sort_key_along_unless_it_was_chosen(self, admin: User) -> None:
        ada = rosters.create_student(name="Ada", by=admin)
        ben = rosters.create_student(name="Ben", sort_key="Zz", by=admin)
        assert rosters.update_student(student=ada, name="Adele", by=admin).sort_key == "Adele"
        assert rosters.update_student(student=ben, name="Benno", by=admin).sort_key == "Zz"

    def test_log_names_the_changed_fields_and_no_values(self, admin: User) -> None:
        ada = rosters.create_student(name="Ada", by=admin)
        rosters.update_student(student=ada, preferred_name="Adi", name="Ada", by=admin)
        assert AuditEvent.objects.get(action="student.changed").new == {"fields": ["preferred_name"]}


class TestEnrolments:
    def test_roster_is_asked_on_a_day(self, course: Course, student: Student, admin: User, today: dt.date) -> None:
        rosters.end_enrolment(enrolment=student.enrolments.get(), last_day=today, by=admin)
        assert [list(roster_on(course, today + n * DAY)) for n in (0, 1)] == [[student], []]

    def test_student_who_moves_keeps_the_marks_of_the_past(
        self,
        course: Course,
        other_course: Course,
        student: Student,
        class_session: ClassSession,
        teacher: User,
        admin: User,
        today: dt.date,
    ) -> None:
        records.set_status(session=class_session, student=student, status="PRESENT", by=teacher)
        rosters.move_student(enrolment=student.enrolments.get(), to=other_course, first_day=today + DAY, by=admin)
        assert student.records.get().status == "PRESENT"
        assert list(roster_on(course, today)) == [student]
        assert list(roster_on(other_course, today)) == []
        assert list(roster_on(other_course, today + DAY)) == [student]

    def test_who_left_may_come_back(self, course: Course, student: Student, admin: User, today: dt.date) -> None:
        rosters.end_enrolment(enrolment=student.enrolments.get(), last_day=today - 10 * DAY, by=admin)
        rosters.enrol(course=course, student=student, from_day=today, by=admin)
        days = [today - 10 * DAY, today - 9 * DAY, today]
        assert [roster_on(course, day).count() for day in days] == [1, 0, 1]

    def test_enrolling_twice_is_refused(self, course: Course, student: Student, admin: User, today: dt.date) -> None:
        with pytest.raises(BadDate):
            rosters.enrol(course=course, student=student, from_day=today, by=admin)

    def test_enrolling_before_a_later_enrolment_is_refused(
        self, course: Course, student: Student, admin: User, today: dt.date, term: Term
    ) -> None:
        Enrolment.objects.update(starts_on=today, ends_on=today + DAY)
        with pytest.raises(BadDate):
            rosters.enrol(course=course, student=student, from_day=today - DAY, by=admin)

    def test_day_outside_the_term_is_refused(
        self, course: Course, make_student: MakeStudent, other_course: Course, admin: User, term: Term
    ) -> None:
        ben = make_student("ben", course=other_course)
        with pytest.raises(BadDate):
            rosters.enrol(course=course, student=ben, from_day=term.ends_on + DAY, by=admin)

    def test_enrolment_cannot_end_before_it_starts_or_grow_again(
        self, student: Student, admin: User, term: Term, today: dt.date
    ) -> None:
        enrolment = student.enrolments.get()
        with pytest.raises(BadDate):
            rosters.end_enrolment(enrolment=enrolment, last_day=term.starts_on - DAY, by=admin)
        rosters.end_enrolment(enrolment=enrolment, last_day=today, by=admin)
        with pytest.raises(BadDate):
            rosters.end_enrolment(enrolment=enrolment, last_day=today + DAY, by=admin)

    def test_enrolments_are_in_the_log(self, course: Course, admin: User, today: dt.date) -> None:
        enrolment = rosters.add_student(course=course, name="Ada", from_day=today, by=admin)
        rosters.end_enrolment(enrolment=enrolment, last_day=today, by=admin)
        events = AuditEvent.objects.filter(object_type="enrolment").order_by("pk")
        assert [(e.action, e.course_id, e.student_id) for e in events] == [
            ("enrolment.started", course.pk, enrolment.student_id),
            ("enrolment.ended", course.pk, enrolment.student_id),
        ]
