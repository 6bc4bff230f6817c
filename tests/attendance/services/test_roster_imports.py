"""A roster file against the roster: nothing written before confirmation, nobody removed by being missing."""

import datetime as dt

import pytest
from pytest_django import DjangoAssertNumQueries

from attendance.models import AuditEvent, Course, Enrolment, Student, User
from attendance.services import rosters
from attendance.services.errors import BadRoster, InvalidValue
from attendance.services.roster_imports import Action, RosterPreview, apply_roster, preview_roster
from attendance.services.rosters import roster_on
from tests.conftest import MakeStudent

DAY = dt.timedelta(days=1)


def preview(course: Course, text: str) -> RosterPreview:
    return preview_roster(course=course, data=text.encode(), filename="roster.csv")


def actions(course: Course, text: str) -> list[Action]:
    return [planned.action for planned in preview(course, text).rows]


@pytest.fixture
def ada(course: Course, admin: User, today: dt.date) -> Student:
    return rosters.add_student(course=course, name="Ada", school_id="1", from_day=today - DAY, by=admin).student


def test_preview_writes_nothing(course: Course, ada: Student) -> None:
    events = AuditEvent.objects.count()
    preview(course, "school id,name\n1,Adele\n2,Ben\n")
    assert list(Student.objects.values_list("name", flat=True)) == ["Ada"]
    assert AuditEvent.objects.count() == events


def test_each_row_says_what_becomes_of_it(
    course: Course, other_course: Course, ada: Student, admin: User, today: dt.date
) -> None:
    rosters.add_student(course=other_course, name="Ben", school_id="2", from_day=today, by=admin)
    text = "school id,name\n1,Ada\n2,Ben\n3,Cem\n4,\n"
    assert actions(course, text) == [Action.SAME, Action.ENROL, Action.ADD, Action.REFUSED]


def test_change_is_shown_with_old_and_new(course: Course, ada: Student) -> None:
    (planned,) = preview(course, "school id,name,email\n1,Adele,\n").rows
    assert (planned.action, planned.changes) == (Action.UPDATE, {"name": ("Ada", "Adele")})


def test_missing_students_are_proposed_and_stay(course: Course, ada: Student, admin: User, today: dt.date) -> None:
    shown = preview(course, "school id,name\n2,Ben\n")
    assert [enrolment.student for enrolment in shown.missing] == [ada]
    apply_roster(course=course, rows=shown.file_rows, by=admin)
    assert [student.name for student in roster_on(course, today)] == ["Ada", "Ben"]


def test_missing_student_leaves_only_when_named(course: Course, ada: Student, admin: User, today: dt.date) -> None:
    shown = preview(course, "school id,name\n2,Ben\n")
    applied = apply_roster(course=course, rows=shown.file_rows, by=admin, leave=[entry.pk for entry in shown.missing])
    assert applied.left == 1
    assert [student.name for student in roster_on(course, today)] == ["Ben"]
    assert list(roster_on(course, today - DAY)) == [ada]


def test_enrolment_of_another_course_cannot_be_ended(
    course: Course, other_course: Course, make_student: MakeStudent, admin: User
) -> None:
    other = make_student("zoe", course=other_course).enrolments.get()
    applied = apply_roster(course=course, rows=preview(course, "name\nBen\n").file_rows, by=admin, leave=[other.pk])
    other.refresh_from_db()
    assert (applied.left, other.ends_on) == (0, None)


def test_applied_rows_are_on_the_roster(course: Course, ada: Student, admin: User, today: dt.date) -> None:
    text = "school id,name,preferred name,sorted as\n1,Adele,Adi,\n2,Ben Ek,,Ek\n4,,,\n"
    applied = apply_roster(course=course, rows=preview(course, text).file_rows, by=admin)
    assert dict(applied.counts) == {Action.UPDATE: 1, Action.ADD: 1, Action.REFUSED: 1}
    roster = roster_on(course, today).values_list("school_id", "name", "preferred_name", "sort_key")
    assert list(roster) == [("1", "Adele", "Adi", "Adele"), ("2", "Ben Ek", "", "Ek")]
    assert AuditEvent.objects.get(action="roster.imported").new == {"UPDATE": 1, "ADD": 1, "REFUSED": 1, "left": 0}


def test_importing_twice_changes_nothing(course: Course, admin: User) -> None:
    text = "school id,name,email\n1,Ada,ada@school.example\n,Ben,\n"
    apply_roster(course=course, rows=preview(course, text).file_rows, by=admin)
    assert actions(course, text) == [Action.SAME, Action.SAME]


def test_empty_cell_takes_nothing_away(course: Course, admin: User, ada: Student) -> None:
    rosters.update_student(student=ada, email="ada@school.example", by=admin)
    apply_roster(course=course, rows=preview(course, "school id,name,email\n1,Ada,\n").file_rows, by=admin)
    ada.refresh_from_db()
    assert ada.email == "ada@school.example"


def test_name_without_id_finds_the_only_one_of_that_name(course: Course, ada: Student) -> None:
    assert actions(course, "name\nada\n") == [Action.UPDATE]  # the name's spelling changes
    assert actions(course, "name\nAda\n") == [Action.SAME]


def test_namesakes_need_a_school_id(course: Course, ada: Student, admin: User, today: dt.date) -> None:
    rosters.add_student(course=course, name="Ada", school_id="2", from_day=today, by=admin)
    assert actions(course, "name\nAda\n") == [Action.REFUSED]
    assert actions(course, "name\nBen\nBen\n") == [Action.REFUSED, Action.REFUSED]
    assert actions(course, "school id,name\n1,Ada\n2,Ada\n3,Ada\n") == [Action.SAME, Action.SAME, Action.ADD]


def test_id_is_learnt_for_a_student_without_one(course: Course, admin: User, today: dt.date) -> None:
    rosters.add_student(course=course, name="Ben", from_day=today, by=admin)
    (planned,) = preview(course, "school id,name\n2,Ben\n").rows
    assert (planned.action, planned.changes) == (Action.UPDATE, {"school_id": ("", "2")})


def test_student_who_left_is_enrolled_again(course: Course, ada: Student, admin: User, today: dt.date) -> None:
    Enrolment.objects.update(ends_on=today - DAY)
    shown = preview(course, "school id,name\n1,Ada\n")
    assert shown.rows[0].action == Action.ENROL
    apply_roster(course=course, rows=shown.file_rows, by=admin)
    assert list(roster_on(course, today)) == [ada]


def test_id_taken_between_preview_and_confirmation_writes_nothing(
    course: Course, ada: Student, admin: User, today: dt.date
) -> None:
    shown = preview(course, "name,school id\nCem,9\nAda,\n")
    erased = rosters.create_student(name="Old", school_id="9", by=admin)
    Student.objects.filter(pk=erased.pk).update(erased_at=dt.datetime.now(dt.UTC))
    with pytest.raises(InvalidValue):
        apply_roster(course=course, rows=shown.file_rows, by=admin)
    assert [student.name for student in roster_on(course, today)] == ["Ada"]


def test_file_without_a_name_column_is_refused(course: Course) -> None:
    with pytest.raises(BadRoster):
        preview(course, "school id\n1\n")


@pytest.mark.parametrize("count", [1, 3])
def test_query_count_of_a_preview_does_not_grow(
    count: int, course: Course, make_student: MakeStudent, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for name in ("xia", "yan", "zoe")[:count]:
        make_student(name)
    text = "school id,name\n" + "".join(f"{n},Student {n}\n" for n in range(count))
    with django_assert_num_queries(3):
        shown = preview(course, text)
        assert len(shown.missing) == count
