"""Who sees what: owner, other teacher, admin, student, nobody."""

import datetime as dt

import pytest

from attendance.models import ClassSession, Course, Enrolment, Selfie, Student, User
from attendance.permissions import (
    may_administer,
    may_teach,
    visible_courses,
    visible_faces,
    visible_selfies,
    visible_sessions,
    visible_snapshots,
    visible_students,
)
from tests.attendance.services.builders import face_in
from tests.conftest import MakeStudent

DAY = dt.timedelta(days=1)


@pytest.fixture
def everything(class_session: ClassSession, student: Student) -> ClassSession:
    """A session with a photo, a face and a selfie."""
    face_in(class_session, student)
    Selfie.objects.create(student=student, image="selfies/1", sha256="1" * 64)
    return class_session


def seen_by(user: User) -> list[int]:
    """How many courses, sessions, photos, faces, students and selfies somebody sees."""
    asked = (visible_courses, visible_sessions, visible_snapshots, visible_faces, visible_students, visible_selfies)
    return [look(user).count() for look in asked]


def test_owner_sees_all_of_the_course(everything: ClassSession, teacher: User) -> None:
    assert seen_by(teacher) == [1, 1, 1, 1, 1, 1]


def test_other_teacher_sees_only_the_other_course(
    everything: ClassSession, other_course: Course, other_teacher: User
) -> None:
    assert list(visible_courses(other_teacher)) == [other_course]
    assert seen_by(other_teacher) == [1, 0, 0, 0, 0, 0]


def test_admin_sees_all(everything: ClassSession, other_course: Course, admin: User) -> None:
    assert seen_by(admin) == [2, 1, 1, 1, 1, 1]


def test_student_sees_only_the_own_row_and_selfies(
    everything: ClassSession, student_user: User, make_student: MakeStudent
) -> None:
    make_student("ben")
    assert seen_by(student_user) == [0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize("who", ["teacher", "admin"])
def test_closed_account_sees_nothing(who: str, everything: ClassSession, request: pytest.FixtureRequest) -> None:
    user = request.getfixturevalue(who)
    user.is_active = False
    assert seen_by(user) == [0, 0, 0, 0, 0, 0]


def test_teacher_of_two_courses_sees_a_shared_student_once(
    student: Student, other_course: Course, teacher: User, today: dt.date
) -> None:
    other_course.teachers.add(teacher)
    Enrolment.objects.create(course=other_course, student=student, starts_on=today)
    assert list(visible_students(teacher)) == [student]
    assert list(visible_students(teacher, day=today)) == [student]


def test_student_who_left_is_seen_without_a_day_and_not_on_a_later_one(
    student: Student, teacher: User, today: dt.date
) -> None:
    Enrolment.objects.update(ends_on=today - DAY)
    assert list(visible_students(teacher)) == [student]
    assert list(visible_students(teacher, day=today)) == []
    assert list(visible_students(teacher, day=today - DAY)) == [student]


@pytest.mark.parametrize(
    ("who", "administers", "teaches"),
    [("admin", True, True), ("teacher", False, True), ("student_user", False, False)],
)
def test_role_says_what_one_may_do(who: str, administers: bool, teaches: bool, request: pytest.FixtureRequest) -> None:
    user = request.getfixturevalue(who)
    assert (may_administer(user), may_teach(user)) == (administers, teaches)


def test_right_to_look_at_a_selfie_ends_with_the_enrolment(
    everything: ClassSession, student: Student, teacher: User, today: dt.date
) -> None:
    Enrolment.objects.filter(student=student).update(starts_on=today - 5 * DAY, ends_on=today)
    assert visible_selfies(teacher).count() == 1
    Enrolment.objects.filter(student=student).update(ends_on=today - DAY)
    assert visible_selfies(teacher).count() == 0
    assert list(visible_students(teacher)) == [student], "the past marks stay theirs to see"


def test_right_to_look_at_a_selfie_ends_with_the_term(
    everything: ClassSession, course: Course, teacher: User, today: dt.date
) -> None:
    course.term.starts_on, course.term.ends_on = today - 90 * DAY, today - DAY
    course.term.save()
    assert visible_selfies(teacher).count() == 0
