"""The percentage: one stated formula, counted by hand here."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from attendance.models import AttendanceRecord, ClassSession, Course, Enrolment, Status, Student
from attendance.services.errors import BadDate
from attendance.services.reports import (
    CourseReport,
    ReportRow,
    at_risk,
    course_report,
    formula_sentence,
    points_of,
    school_at_risk,
    student_report,
)
from attendance.web.registers import BUTTONS
from tests.conftest import MakeStudent

DAY = dt.timedelta(days=1)
Meet = Callable[..., ClassSession]


@pytest.fixture
def meet(course: Course, today: dt.date) -> Meet:
    """Hold a meeting so many days ago with these marks: ``meet(3, {ada: "P"})``; final unless told otherwise."""

    def make(days_ago: int, marks: dict[Student, str] | None = None, *, final: bool = True) -> ClassSession:
        starts_at = timezone.now() - days_ago * DAY
        session = ClassSession.objects.create(
            course=course,
            starts_at=starts_at,
            ends_at=starts_at + DAY / 24,
            held_on=today - days_ago * DAY,
            state="FINAL" if final else "OPEN",
            finalised_at=timezone.now() if final else None,
        )
        codes = {"P": Status.PRESENT, "A": Status.ABSENT, "L": Status.LATE, "E": Status.EXCUSED}
        for student, code in (marks or {}).items():
            AttendanceRecord.objects.create(session=session, student=student, status=codes[code], source="MANUAL")
        return session

    return make


def whole_term(course: Course) -> CourseReport:
    course.refresh_from_db()
    return course_report(course, first_day=course.term.starts_on, last_day=course.term.ends_on)


def only_row(course: Course) -> ReportRow:
    (row,) = whole_term(course).rows
    return row


def test_late_gives_its_weight_and_excused_is_left_out(course: Course, student: Student, meet: Meet) -> None:
    for days_ago, code in enumerate("PPALE", start=1):
        meet(days_ago, {student: code})
    row = only_row(course)
    assert (row.present, row.absent, row.late, row.excused, row.unmarked) == (2, 1, 1, 1, 0)
    assert (row.points, row.counted, row.percent) == (Decimal("2.80"), 4, Decimal("70.0"))


def test_excused_can_count_as_present(course: Course, student: Student, meet: Meet) -> None:
    Course.objects.update(excused_counts="PRESENT")
    for days_ago, code in enumerate("AE", start=1):
        meet(days_ago, {student: code})
    assert only_row(course).percent == Decimal("50.0")


def test_unmarked_is_left_out_unless_the_course_counts_it_as_absent(
    course: Course, student: Student, meet: Meet
) -> None:
    meet(2, {student: "P"})
    meet(1)
    row = only_row(course)
    assert (row.unmarked, row.counted, row.percent) == (1, 1, Decimal("100.0"))
    Course.objects.update(unmarked_counts="ABSENT")
    row = only_row(course)
    assert (row.unmarked, row.counted, row.percent) == (1, 2, Decimal("50.0"))


def test_open_session_counts_its_marks_and_never_its_empty_ones(course: Course, student: Student, meet: Meet) -> None:
    Course.objects.update(unmarked_counts="ABSENT")
    meet(2, {student: "L"}, final=False)
    meet(1, final=False)
    row = only_row(course)
    assert (row.late, row.unmarked, row.counted, row.percent) == (1, 0, 1, Decimal("80.0"))
    assert whole_term(course).open_sessions == 2


def test_late_weight_of_nought_and_of_one(course: Course, student: Student, meet: Meet) -> None:
    meet(1, {student: "L"})
    for weight, percent in ((0, "0.0"), (1, "100.0")):
        Course.objects.update(late_weight=weight)
        assert only_row(course).percent == Decimal(percent)


def test_nothing_counted_is_no_percentage(course: Course, student: Student, meet: Meet) -> None:
    meet(1, {student: "E"})
    row = only_row(course)
    assert (row.counted, row.percent) == (0, None)


def test_percent_is_rounded_half_up_to_a_tenth(course: Course, student: Student, meet: Meet) -> None:
    for days_ago, code in enumerate("PPPPPPPPPPPPPPPA", start=1):
        meet(days_ago, {student: code})
    assert only_row(course).percent == Decimal("93.8")  # 15 / 16 = 93.75


def test_sessions_outside_the_enrolment_never_count(
    course: Course, student: Student, meet: Meet, today: dt.date
) -> None:
    Course.objects.update(unmarked_counts="ABSENT")
    Enrolment.objects.update(starts_on=today - 5 * DAY, ends_on=today - 3 * DAY)
    Enrolment.objects.create(course=course, student=student, starts_on=today - DAY)
    meetings = {days_ago: meet(days_ago, {student: "P"} if days_ago in (6, 5, 2, 1) else {}) for days_ago in range(8)}
    row = only_row(course)
    assert set(row.marks) == {meetings[n].pk for n in (5, 4, 3, 1, 0)}
    assert (row.present, row.unmarked, row.counted, row.percent) == (2, 3, 5, Decimal("40.0"))


def test_only_the_asked_days_count(course: Course, student: Student, meet: Meet, today: dt.date) -> None:
    for days_ago in (3, 2, 1):
        meet(days_ago, {student: "P"})
    report = course_report(course, first_day=today - 2 * DAY, last_day=today - 2 * DAY)
    assert (report.rows[0].present, len(report.sessions)) == (1, 1)


def test_who_left_before_the_first_day_is_not_listed(course: Course, student: Student, today: dt.date) -> None:
    Enrolment.objects.update(ends_on=today - 5 * DAY)
    assert course_report(course, first_day=today, last_day=today).rows == []


def test_marks_of_another_course_never_count(
    course: Course, other_course: Course, student: Student, meet: Meet, today: dt.date
) -> None:
    ClassSession.objects.filter(pk=meet(1, {student: "A"}).pk).update(course=other_course)
    assert only_row(course).absent == 0


def test_last_day_before_the_first_is_refused(course: Course, today: dt.date) -> None:
    with pytest.raises(BadDate):
        course_report(course, first_day=today, last_day=today - DAY)


def test_formula_states_what_the_course_counts(course: Course) -> None:
    plain = formula_sentence(course)
    assert "late 0.80" in plain
    assert "excused sessions are left out" in plain
    assert "before or after the enrolment never count" in plain
    course.excused_counts, course.unmarked_counts, course.late_weight = "PRESENT", "ABSENT", Decimal("0.50")
    other = formula_sentence(course)
    assert "late 0.50" in other
    assert "excused counts as present" in other
    assert "without a mark counts as absent" in other


def test_number_opens_the_rows_behind_it(
    course: Course, student: Student, make_student: MakeStudent, meet: Meet
) -> None:
    ben = make_student("ben")
    for days_ago, code in enumerate("PLE", start=1):
        meet(days_ago, {student: code, ben: "A"})
    meet(4)
    rows = student_report(course, student=student, first_day=course.term.starts_on, last_day=course.term.ends_on)
    assert [(row.status, row.points) for row in rows] == [
        (Status.PRESENT, Decimal(1)),
        (Status.LATE, Decimal("0.80")),
        (Status.EXCUSED, None),
        (None, None),
    ]
    report = whole_term(course).rows[0]
    assert report.student == student
    assert sum(row.points or 0 for row in rows) == report.points


class TestAtRisk:
    def test_below_the_limit_is_named_and_at_the_limit_not(
        self, course: Course, make_student: MakeStudent, meet: Meet
    ) -> None:
        ada, ben, cem = (make_student(name) for name in ("ada", "ben", "cem"))
        meet(2, {ada: "P", ben: "A"})
        meet(1, {ada: "A", ben: "L"})
        found = at_risk(whole_term(course), below=Decimal(50), in_a_row=0)
        assert [(risk.row.student, risk.below) for risk in found] == [(ben, True)]
        assert cem.pk not in {risk.row.student.pk for risk in found}

    @pytest.mark.parametrize(
        ("codes", "in_a_row"), [("PAA", 2), ("AAP", 0), ("AEA", 2), ("APA", 1), ("A A", 2), ("", 0)]
    )
    def test_absences_in_a_row_end_with_the_last_counted_session(
        self, codes: str, in_a_row: int, course: Course, student: Student, meet: Meet
    ) -> None:
        for days_ago, code in zip(range(len(codes), 0, -1), codes, strict=True):
            meet(days_ago, {student: code} if code != " " else {})
        found = at_risk(whole_term(course), below=Decimal(0), in_a_row=1)
        assert [risk.in_a_row for risk in found] == ([in_a_row] if in_a_row else [])


@pytest.mark.parametrize("count", [1, 3])
def test_query_count_does_not_grow(
    count: int, course: Course, make_student: MakeStudent, meet: Meet, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    students = [make_student(name) for name in ("ada", "ben", "cem")[:count]]
    for days_ago in range(1, count + 1):
        meet(days_ago, dict.fromkeys(students, "P"))
    with django_assert_num_queries(3):
        report = course_report(course, first_day=course.term.starts_on, last_day=course.term.ends_on)
        assert [str(row.student) for row in report.rows] == ["Ada", "Ben", "Cem"][:count]
    assert len(report.sessions) == count


def test_every_mark_has_its_letter_its_button_and_what_it_counts(course: Course) -> None:
    assert sorted(status.letter for status in Status) == ["A", "E", "L", "P"]
    assert set(BUTTONS) == set(Status)
    assert {status: points_of(course, status, final=True) for status in Status} == {
        Status.PRESENT: 1,
        Status.LATE: course.late_weight,
        Status.EXCUSED: None,
        Status.ABSENT: 0,
    }


def test_school_list_is_that_of_each_course(
    course: Course, other_course: Course, make_student: MakeStudent, meet: Meet, today: dt.date
) -> None:
    ada, ben = make_student("ada"), make_student("ben")
    make_student("cem", course=other_course)  # whose course never met
    for days_ago in (1, 2, 3):
        meet(days_ago, {ada: "P", ben: "A"})
    days = {"first_day": today - 9 * DAY, "last_day": today}
    ((report, risks),) = school_at_risk(**days, below=Decimal(80), in_a_row=3)
    assert report.course == course
    assert risks == at_risk(course_report(course, **days), below=Decimal(80), in_a_row=3)
    assert [(risk.row.student, risk.below, risk.in_a_row) for risk in risks] == [(ben, True, 3)]
    tomorrow = today + DAY
    assert list(school_at_risk(first_day=tomorrow, last_day=tomorrow, below=Decimal(80), in_a_row=3)) == []
