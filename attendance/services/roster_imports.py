"""A roster file against the roster: first what would happen, then, once confirmed, exactly that.

Rows are matched by the student's school id; without one by the name, if only one student of the roster has it. Whoever
is missing from the file is proposed for leaving, never removed by itself.
"""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from attendance.models import Course, Enrolment, Student, User
from attendance.services import rosters
from attendance.services.audit import record_event
from attendance.services.roster_files import FileRow, read_roster_file


class Action(StrEnum):
    """What becomes of a row."""

    ADD = "ADD"
    ENROL = "ENROL"
    UPDATE = "UPDATE"
    SAME = "SAME"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A row and what would become of it.

    Attributes:
        row: the line of the file.
        action: ADD a new student, ENROL one of the school, UPDATE one of the roster, SAME, or REFUSED for its errors.
        student: whom it speaks of, if that is somebody known.
        changes: old and new value of each field that would change.
        errors: what is wrong with it.
    """

    row: FileRow
    action: Action
    student: Student | None = None
    changes: dict[str, tuple[str, str]] = field(default_factory=dict)
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RosterPreview:
    """What a roster file would do; nothing has been written.

    Attributes:
        course: whose roster.
        from_day: first day of new enrolments.
        rows: each line with what becomes of it.
        missing: enrolments of students who are not in the file.
        unused: headings that mean nothing here.
        encoding: how the bytes were read.
    """

    course: Course
    from_day: dt.date
    rows: list[PlannedRow]
    missing: list[Enrolment]
    unused: list[str]
    encoding: str

    @property
    def counts(self) -> Counter[Action]:
        """How many rows there are of each action."""
        return Counter(planned.action for planned in self.rows)

    @property
    def file_rows(self) -> list[FileRow]:
        """The lines as read, for ``apply_roster``."""
        return [planned.row for planned in self.rows]


@dataclass(frozen=True, slots=True)
class Applied:
    """What was written.

    Attributes:
        counts: rows of each action.
        left: students whose enrolment ended because the person said so.
    """

    counts: Counter[Action]
    left: int


@dataclass(slots=True)
class _Known:
    """Students that a file may speak of."""

    by_id: dict[str, Student]
    by_name: dict[str, list[Student]]
    enrolled: set[int]


def preview_roster(*, course: Course, data: bytes, filename: str, from_day: dt.date | None = None) -> RosterPreview:
    """Say what a roster file would do.

    Args:
        course: whose roster.
        data: the file's bytes.
        filename: tells its kind.
        from_day: first day of new enrolments; None takes today, or the term's first day if that is later.

    Raises:
        BadRoster: the file as a whole cannot be read.
    """
    read = read_roster_file(data, filename=filename)
    day = _first_day(course, from_day)
    planned = _plan(course, read.rows, day)
    named = {entry.student.pk for entry in planned if entry.student is not None}
    on_roster = Enrolment.objects.on(day).filter(course=course).exclude(student__in=named).select_related("student")
    return RosterPreview(
        course=course,
        from_day=day,
        rows=planned,
        missing=list(on_roster.order_by("student__sort_key", "student_id")),
        unused=read.unused,
        encoding=read.encoding,
    )


@transaction.atomic
def apply_roster(
    *,
    course: Course,
    rows: Sequence[FileRow],
    by: User,
    from_day: dt.date | None = None,
    leave: Collection[int] = (),
) -> Applied:
    """Write what a preview showed, all of it or nothing; refused rows are left out.

    Args:
        course: whose roster.
        rows: the preview's ``file_rows``; they are planned anew against the roster as it stands now.
        by: an admin.
        from_day: first day of new enrolments, as in the preview.
        leave: enrolments among the preview's missing ones that end on the day before ``from_day``.

    Raises:
        InvalidValue: somebody else took a school id meanwhile.
        BadDate: the day lies outside the term, or an enrolment has not begun before it.
    """
    day = _first_day(course, from_day)
    planned = _plan(course, rows, day)
    for entry in planned:
        _apply(course, entry, day, by=by)
    leaving = list(Enrolment.objects.on(day).filter(course=course, pk__in=leave))
    for enrolment in leaving:
        rosters.end_enrolment(enrolment=enrolment, last_day=day - dt.timedelta(days=1), by=by)
    counts = Counter(entry.action for entry in planned)
    record_event(
        actor=by,
        action="roster.imported",
        object_type="course",
        object_id=course.pk,
        course_id=course.pk,
        new={**{action.value: n for action, n in counts.items()}, "left": len(leaving)},
    )
    return Applied(counts=counts, left=len(leaving))


def _first_day(course: Course, day: dt.date | None) -> dt.date:
    return max(timezone.localdate(), course.term.starts_on) if day is None else day


def _plan(course: Course, rows: Sequence[FileRow], day: dt.date) -> list[PlannedRow]:
    known = _known(course, rows, day)
    without_id = Counter(row.name.casefold() for row in rows if row.school_id is None)
    return [_plan_row(row, known, alone=without_id[row.name.casefold()] < 2) for row in rows]


def _known(course: Course, rows: Sequence[FileRow], day: dt.date) -> _Known:
    ids = [row.school_id for row in rows if row.school_id is not None]
    roster = Enrolment.objects.filter(course=course).exclude(ends_on__lt=day).select_related("student")
    by_name: dict[str, list[Student]] = {}
    for student in {enrolment.student_id: enrolment.student for enrolment in roster}.values():
        by_name.setdefault(student.name.casefold(), []).append(student)
    return _Known(
        by_id={str(s.school_id): s for s in Student.objects.filter(school_id__in=ids, erased_at=None)},
        by_name=by_name,
        enrolled={enrolment.student_id for enrolment in roster},
    )


def _plan_row(row: FileRow, known: _Known, *, alone: bool) -> PlannedRow:
    if row.errors:
        return PlannedRow(row=row, action=Action.REFUSED, errors=row.errors)
    same_name = known.by_name.get(row.name.casefold(), [])
    if row.school_id is None and (len(same_name) > 1 or not alone):
        error = _("More than one student has this name: the row needs a school id.")
        return PlannedRow(row=row, action=Action.REFUSED, errors=(error,))
    student = known.by_id.get(row.school_id or "") or _namesake(row, same_name)
    if student is None:
        return PlannedRow(row=row, action=Action.ADD)
    changes = _changes(student, row)
    if student.pk not in known.enrolled:
        return PlannedRow(row=row, action=Action.ENROL, student=student, changes=changes)
    return PlannedRow(row=row, action=Action.UPDATE if changes else Action.SAME, student=student, changes=changes)


def _namesake(row: FileRow, same_name: list[Student]) -> Student | None:
    """Give the roster's only student of that name, unless their school ids say that they are two."""
    if len(same_name) != 1 or (row.school_id is not None and same_name[0].school_id is not None):
        return None
    return same_name[0]


def _changes(student: Student, row: FileRow) -> dict[str, tuple[str, str]]:
    """Old and new of what the file says otherwise; an empty cell says nothing."""
    return {
        name: (getattr(student, name) or "", value)
        for name, value in row.fields.items()
        if value and value != (getattr(student, name) or "")
    }


def _apply(course: Course, entry: PlannedRow, day: dt.date, *, by: User) -> None:
    if entry.action == Action.ADD:
        fields = {name: value or "" for name, value in entry.row.fields.items()}
        student = rosters.create_student(by=by, **{**fields, "name": entry.row.name})
        rosters.enrol(course=course, student=student, from_day=day, by=by)
        return
    if entry.student is None:
        return
    if entry.changes:
        new = {name: value for name, (_old, value) in entry.changes.items()}
        rosters.update_student(student=entry.student, by=by, **new)
    if entry.action == Action.ENROL:
        rosters.enrol(course=course, student=entry.student, from_day=day, by=by)
