"""What the register adds up to: one stated formula a course, and the rows behind each number.

Marks count in every session; a session without a mark counts only once it is final, and only if the course says so.
Sessions outside a student's enrolment never count.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from attendance.models import AttendanceRecord, ClassSession, Course, Enrolment, Status, Student
from attendance.services.errors import BadDate

_TENTH: Final = Decimal("0.1")
_ONE: Final = Decimal(1)
_STATUSES: Final = {status.value: status for status in Status}


Worth = Mapping[tuple[Status | None, bool], Decimal | None]
"""What each mark gives under a course's formula, in a session that is final or not."""


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A student's sum.

    Attributes:
        student: who.
        present: sessions with that mark, likewise ``absent``, ``late`` and ``excused``.
        unmarked: final sessions without a mark.
        counted: sessions that enter the percentage.
        points: what they gave together.
        percent: points a session counted, in percent; None when nothing counted.
        marks: the mark in each session within the enrolment, by the session's id; None where there is none.
    """

    student: Student
    present: int
    absent: int
    late: int
    excused: int
    unmarked: int
    counted: int
    points: Decimal
    percent: Decimal | None
    marks: Mapping[int, Status | None]


@dataclass(frozen=True, slots=True)
class CourseReport:
    """The report of a course from one day to another, both included.

    Attributes:
        course: the course.
        first_day: from.
        last_day: to.
        formula: how the percentage is counted, in one sentence to print.
        sessions: the meetings in that time, the first one first.
        rows: a student each, in roster order.
    """

    course: Course
    first_day: dt.date
    last_day: dt.date
    formula: str
    sessions: list[ClassSession]
    rows: list[ReportRow]

    @property
    def open_sessions(self) -> int:
        """Meetings that are not final yet: their empty marks count for nothing."""
        return sum(not session.is_final for session in self.sessions)


@dataclass(frozen=True, slots=True)
class StudentSession:
    """One of the rows behind a student's number.

    Attributes:
        session: the meeting.
        status: the mark; None without one.
        points: what it gives; None where it does not count.
    """

    session: ClassSession
    status: Status | None
    points: Decimal | None


@dataclass(frozen=True, slots=True)
class RiskRow:
    """Somebody to talk to.

    Attributes:
        row: the student's sum.
        below: whether the percentage is below the limit.
        in_a_row: absences without a break up to the last counted session.
    """

    row: ReportRow
    below: bool
    in_a_row: int


def formula_sentence(course: Course) -> str:
    """Say how the course's percentage is counted; printed on each report."""
    excused = {
        Course.Excused.LEFT_OUT: _("excused sessions are left out"),
        Course.Excused.PRESENT: _("excused counts as present"),
    }
    unmarked = {
        Course.Unmarked.LEFT_OUT: _("a session without a mark is left out"),
        Course.Unmarked.ABSENT: _("a final session without a mark counts as absent"),
    }
    return _(
        "Percentage = points / sessions counted: present 1, late %(late)s, absent 0; %(excused)s; %(unmarked)s; "
        "sessions before or after the enrolment never count."
    ) % {
        "late": course.late_weight,
        "excused": excused[Course.Excused(course.excused_counts)],
        "unmarked": unmarked[Course.Unmarked(course.unmarked_counts)],
    }


def points_of(course: Course, status: Status | None, *, final: bool) -> Decimal | None:
    """Give what one session gives under the course's formula.

    Args:
        course: whose formula.
        status: the mark; None without one.
        final: whether the session is final.

    Returns:
        0 to 1, or None where the session does not count.
    """
    if status is None:
        counts = final and course.unmarked_counts == Course.Unmarked.ABSENT
        return Decimal(0) if counts else None
    if status == Status.EXCUSED:
        return _ONE if course.excused_counts == Course.Excused.PRESENT else None
    return {Status.PRESENT: _ONE, Status.LATE: course.late_weight, Status.ABSENT: Decimal(0)}[status]


def course_report(course: Course, *, first_day: dt.date, last_day: dt.date) -> CourseReport:
    """Add up a course's marks, in three queries whatever its size.

    Raises:
        BadDate: the last day lies before the first.
    """
    if last_day < first_day:
        raise BadDate(_("The last day lies before the first."))
    sessions = list(
        ClassSession.objects.filter(course=course, held_on__range=(first_day, last_day))
        .defer("wrapped_key")
        .order_by("starts_at", "pk")
    )
    enrolments = (
        Enrolment.objects.filter(course=course, starts_on__lte=last_day)
        .exclude(ends_on__lt=first_day)
        .select_related("student")
    )
    spans: dict[Student, list[Enrolment]] = defaultdict(list)
    for enrolment in enrolments:
        spans[enrolment.student].append(enrolment)
    marks = _marks(course, first_day, last_day)
    worth = _worth(course)
    rows = [
        _row(student, _sessions_within(sessions, spans[student]), marks.get(student.pk, {}), worth)
        for student in sorted(spans, key=lambda student: (student.sort_key.casefold(), student.pk))
    ]
    return CourseReport(
        course=course,
        first_day=first_day,
        last_day=last_day,
        formula=formula_sentence(course),
        sessions=sessions,
        rows=rows,
    )


def student_report(course: Course, *, student: Student, first_day: dt.date, last_day: dt.date) -> list[StudentSession]:
    """Open the rows behind a student's number, the last meeting first."""
    spans = list(Enrolment.objects.filter(course=course, student=student))
    in_time = ClassSession.objects.filter(course=course, held_on__range=(first_day, last_day))
    sessions = list(in_time.defer("wrapped_key").order_by("starts_at", "pk"))
    marks = _marks(course, first_day, last_day, student=student).get(student.pk, {})
    rows = []
    for session in _sessions_within(sessions, spans):
        status = marks.get(session.pk)
        rows.append(
            StudentSession(session=session, status=status, points=points_of(course, status, final=session.is_final))
        )
    return rows[::-1]


def at_risk(report: CourseReport, *, below: Decimal, in_a_row: int) -> list[RiskRow]:
    """Name those below a percentage, or absent so many times in a row that ends with their last counted session.

    Args:
        report: a course's report.
        below: limit in percent.
        in_a_row: how many absences without a break; 0 switches this rule off.
    """
    found = []
    for row in report.rows:
        absences = _absences_in_a_row(report, row)
        is_below = row.percent is not None and row.percent < below
        if is_below or 0 < in_a_row <= absences:
            found.append(RiskRow(row=row, below=is_below, in_a_row=absences))
    return found


def school_at_risk(
    *, first_day: dt.date, last_day: dt.date, below: Decimal, in_a_row: int
) -> Iterator[tuple[CourseReport, list[RiskRow]]]:
    """Go through the courses that met in these days and give those with somebody to talk to, one at a time.

    One course is in memory at once, counted as on its own page, so that the school's list and the course's agree.
    """
    met = ClassSession.objects.filter(course=OuterRef("pk"), held_on__range=(first_day, last_day))
    courses = Course.objects.filter(Exists(met)).select_related("term").order_by("term__starts_on", "name", "pk")
    for course in list(courses):
        report = course_report(course, first_day=first_day, last_day=last_day)
        risks = at_risk(report, below=below, in_a_row=in_a_row)
        if risks:
            yield report, risks


def _absences_in_a_row(report: CourseReport, row: ReportRow) -> int:
    absences = 0
    for session in reversed(report.sessions):
        if session.pk not in row.marks:
            continue
        status = row.marks[session.pk]
        if points_of(report.course, status, final=session.is_final) is None:
            continue
        if status not in (Status.ABSENT, None):
            break
        absences += 1
    return absences


def _marks(
    course: Course, first_day: dt.date, last_day: dt.date, student: Student | None = None
) -> dict[int, dict[int, Status]]:
    records = AttendanceRecord.objects.filter(session__course=course, session__held_on__range=(first_day, last_day))
    if student is not None:
        records = records.filter(student=student)
    marks: dict[int, dict[int, Status]] = defaultdict(dict)
    for student_id, session_id, status in records.values_list("student_id", "session_id", "status"):
        marks[student_id][session_id] = _STATUSES[status]
    return marks


def _sessions_within(sessions: Sequence[ClassSession], spans: list[Enrolment]) -> Sequence[ClassSession]:
    """Give the sessions, in their order of time, that lie within an enrolment."""
    if not sessions:
        return sessions
    days = [session.held_on for session in sessions]
    first, last = min(days), max(days)
    if any(span.starts_on <= first and (span.ends_on is None or last <= span.ends_on) for span in spans):
        return sessions
    return [
        session
        for session in sessions
        if any(
            span.starts_on <= session.held_on and (span.ends_on is None or session.held_on <= span.ends_on)
            for span in spans
        )
    ]


def _worth(course: Course) -> Worth:
    """Ask the formula once for each mark, not once for each of thousands of sessions."""
    return {
        (status, final): points_of(course, status, final=final) for status in (*Status, None) for final in (True, False)
    }


def _row(student: Student, sessions: Sequence[ClassSession], marks: Mapping[int, Status], worth: Worth) -> ReportRow:
    within = {session.pk: marks.get(session.pk) for session in sessions}
    kinds = Counter((within[session.pk], session.is_final) for session in sessions)
    counts: Counter[Status | None] = Counter()
    counted, points = 0, Decimal(0)
    for (status, final), number in kinds.items():
        if status is not None or final:
            counts[status] += number
        each = worth[status, final]
        if each is not None:
            counted += number
            points += each * number
    return ReportRow(
        student=student,
        present=counts[Status.PRESENT],
        absent=counts[Status.ABSENT],
        late=counts[Status.LATE],
        excused=counts[Status.EXCUSED],
        unmarked=counts[None],
        counted=counted,
        points=points,
        percent=_percent(points, counted),
        marks=within,
    )


def _percent(points: Decimal, counted: int) -> Decimal | None:
    if not counted:
        return None
    return (points * 100 / counted).quantize(_TENTH, rounding=ROUND_HALF_UP)
