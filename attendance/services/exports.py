"""Reports as files: CSV and XLSX that a spreadsheet opens as text, never as formulas.

Source: OWASP, CSV Injection; the characters that start a formula, and their full-width forms.
"""

import csv
import datetime as dt
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import chain
from typing import Any, Final

import xlsxwriter
from django.utils import timezone
from django.utils.translation import gettext as _

from attendance.models import AttendanceRecord, ClassSession, Status, User
from attendance.services.audit import record_event
from attendance.services.register import register
from attendance.services.reports import CourseReport, ReportRow, RiskRow, school_at_risk

BOM: Final = "\ufeff"
_PIECE: Final = 16_384
_STARTS_FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001  the full-width forms are meant

_SESSION_FIELDS: Final = ("pk", "course__term__name", "course__name", "course__code", "held_on", "starts_at", "state")
_RECORD_FIELDS: Final = (
    *("session_id", "student__school_id", "student_id", "student__name", "student__sort_key"),
    *("status", "source"),
)
_SESSIONS_AT_ONCE: Final = 300

Cell = str | int | Decimal


def safe_cell(value: Cell | None) -> Cell:
    """Give a cell that no spreadsheet takes for a formula; numbers stay numbers, None is empty."""
    if value is None:
        return ""
    if isinstance(value, str) and value.lstrip(" \u3000\xa0").startswith(_STARTS_FORMULA):
        return f"'{value}"
    return value


def report_csv(report: CourseReport, *, by: User) -> str:
    """Write a course's report: a student a line, a column a session, the formula in the last column.

    The mark of a session outside the enrolment is ``-``; that of a session without a mark is empty.
    """
    _log_export("report", report.course.pk, by=by, new={"format": "csv", **_span(report)})
    header = [*_sum_header(), *(_session_title(session) for session in report.sessions), _("Formula")]
    lines = ([*_sums(row), *_marks(report, row), report.formula] for row in report.rows)
    return BOM + "".join(_csv_lines([header], lines))


def report_xlsx(report: CourseReport, *, by: User) -> bytes:
    """Write the same report as a workbook, the formula above the table."""
    _log_export("report", report.course.pk, by=by, new={"format": "xlsx", **_span(report)})
    buffer = io.BytesIO()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "in_memory": False}
    with xlsxwriter.Workbook(buffer, options) as book:
        bold = book.add_format({"bold": True})
        sheet = book.add_worksheet(_("Report"))
        sheet.set_column(0, 0, 14)
        sheet.set_column(1, 1, 30)
        head: list[list[Cell]] = [
            [str(report.course), f"{report.first_day.isoformat()} - {report.last_day.isoformat()}"],
            [report.formula],
            [],
            [*_sum_header(), *(_session_title(session) for session in report.sessions)],
        ]
        for number, cells in enumerate(head):
            sheet.write_row(number, 0, cells, bold)
        sheet.freeze_panes(len(head), 2)
        for number, row in enumerate(report.rows, start=len(head)):
            sheet.write_row(number, 0, [*_sums(row), *_marks(report, row)])
    return buffer.getvalue()


def session_csv(session: ClassSession, *, by: User) -> str:
    """Write a session's register: a student a line."""
    _log_export("session", session.course_id, by=by, session_id=session.pk, new={"format": "csv"})
    header = [_("School id"), _("Name"), _("Mark"), _("Code"), _("Source"), _("Seen at"), _("Changed by")]
    lines = (
        [
            row.student.school_id,
            row.student.name,
            row.label,
            "" if row.status is None else row.status.letter,
            row.source,
            "" if row.seen_at is None else _clock(row.seen_at),
            "" if row.by is None else str(row.by),
        ]
        for row in register(session)
    )
    return BOM + "".join(_csv_lines([header], lines))


def school_csv(*, first_day: dt.date, last_day: dt.date, by: User) -> Iterator[str]:
    """Write every mark of all courses in these days, a mark a line, in pieces: memory stays flat.

    Args:
        first_day: from.
        last_day: to, included.
        by: an admin.
    """
    new = {"format": "csv", "first_day": first_day.isoformat(), "last_day": last_day.isoformat()}
    _log_export("school", None, by=by, new=new)
    return _school_lines(first_day, last_day)


def at_risk_csv(*, first_day: dt.date, last_day: dt.date, below: Decimal, in_a_row: int, by: User) -> Iterator[str]:
    """Write whom to talk to in all courses, a student and course a line, in pieces.

    Args:
        first_day: from.
        last_day: to, included.
        below: limit in percent.
        in_a_row: how many absences without a break; 0 switches this rule off.
        by: an admin.
    """
    new = {"format": "csv", "first_day": first_day.isoformat(), "last_day": last_day.isoformat()}
    _log_export("at-risk", None, by=by, new=new)
    found = school_at_risk(first_day=first_day, last_day=last_day, below=below, in_a_row=in_a_row)
    return _at_risk_lines(found)


def _at_risk_lines(found: Iterable[tuple[CourseReport, list[RiskRow]]]) -> Iterator[str]:
    yield BOM
    header = [_("Term"), _("Course"), _("Course code"), _("School id"), _("Student"), _("Name")]
    header += [_("Percent"), _("Counted"), _("Absent in a row"), _("Formula")]
    lines = (
        [
            *(report.course.term.name, report.course.name, report.course.code),
            *(risk.row.student.school_id, risk.row.student.pk, risk.row.student.name),
            *(risk.row.percent, risk.row.counted, risk.in_a_row, report.formula),
        ]
        for report, risks in found
        for risk in risks
    )
    yield from _csv_lines([header], lines)


def _school_lines(first_day: dt.date, last_day: dt.date) -> Iterator[str]:
    yield BOM
    header = [_("Term"), _("Course"), _("Course code"), _("Day"), _("Starts"), _("School id"), _("Student"), _("Name")]
    header += [_("Mark"), _("Code"), _("Source"), _("Final")]
    words = {status.value: [str(status.label), status.letter] for status in Status}  # translated once, not a line
    final = {ClassSession.State.OPEN.value: _("no"), ClassSession.State.FINAL.value: _("yes")}
    zone = timezone.get_current_timezone()

    def line(session: tuple[Any, ...], record: tuple[Any, ...]) -> list[Cell | None]:
        _pk, *course, held_on, starts_at, state = session
        _session, school_id, student_id, name, _sort_key, status, source = record
        start = starts_at.astimezone(zone).strftime("%H:%M")
        return [
            *(*course, held_on.isoformat(), start, school_id, student_id, name),
            *(*words[status], source, final[state]),
        ]

    marks = _marks_of_school(first_day, last_day)
    yield from _csv_lines([header], (line(session, record) for session, record in marks))


def _marks_of_school(first_day: dt.date, last_day: dt.date) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """Give each mark with its session, some hundred sessions at a time.

    One query for all would sort millions of rows before the first line leaves, and hold them in the database.
    """
    sessions = (
        ClassSession.objects.filter(held_on__range=(first_day, last_day))
        .order_by("held_on", "pk")
        .values_list(*_SESSION_FIELDS)  # plain values: model instances take far longer
    )
    batch: list[tuple[Any, ...]] = []
    while not batch or len(batch) == _SESSIONS_AT_ONCE:
        following = sessions
        if batch:
            pk, held_on = batch[-1][0], batch[-1][4]
            following = sessions.filter(held_on__gte=held_on).exclude(held_on=held_on, pk__lte=pk)
        batch = list(following[:_SESSIONS_AT_ONCE])
        if not batch:
            return
        records = AttendanceRecord.objects.filter(session__in=[session[0] for session in batch])
        of_session: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        for record in records.values_list(*_RECORD_FIELDS):
            of_session[record[0]].append(record)
        for session in batch:
            for record in sorted(of_session[session[0]], key=_in_roster_order):
                yield session, record


def _in_roster_order(record: tuple[Any, ...]) -> tuple[str, int]:
    _session, _school_id, student_id, _name, sort_key, *_rest = record
    return sort_key.casefold(), student_id


def _clock(at: dt.datetime) -> str:
    return timezone.localtime(at).strftime("%H:%M")


def _sum_header() -> list[str]:
    counts = [_("Present"), _("Absent"), _("Late"), _("Excused"), _("Not marked"), _("Counted"), _("Points")]
    return [_("School id"), _("Name"), *counts, _("Percent")]


def _sums(row: ReportRow) -> list[Cell | None]:
    counts: list[Cell | None] = [row.present, row.absent, row.late, row.excused, row.unmarked, row.counted]
    return [row.student.school_id, row.student.name, *counts, row.points, row.percent]


def _marks(report: CourseReport, row: ReportRow) -> list[str]:
    """One code a session; a lone dash, which no spreadsheet takes for a formula, stands outside the enrolment."""
    cells = []
    for session in report.sessions:
        status = row.marks.get(session.pk)
        cells.append("–" if session.pk not in row.marks else "" if status is None else status.letter)  # noqa: RUF001
    return cells


def _session_title(session: ClassSession) -> str:
    start = timezone.localtime(session.starts_at).strftime("%Y-%m-%d %H:%M")
    return start if session.is_final else f"{start} {_('(open)')}"


def _span(report: CourseReport) -> dict[str, str]:
    return {"first_day": report.first_day.isoformat(), "last_day": report.last_day.isoformat()}


def _csv_lines(*parts: Iterable[Iterable[Cell | None]]) -> Iterator[str]:
    """Give the lines in pieces of some kilobytes."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for line in chain.from_iterable(parts):
        writer.writerow([safe_cell(cell) for cell in line])
        if buffer.tell() > _PIECE:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _log_export(what: str, course_id: int | None, *, by: User, new: object, session_id: int | None = None) -> None:
    record_event(
        actor=by,
        action="report.exported",
        object_type=what,
        object_id=session_id or course_id or "",
        course_id=course_id,
        session_id=session_id,
        new=new,
    )
