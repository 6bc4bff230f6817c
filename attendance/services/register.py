"""The register as a page shows it, and the history of a mark."""

import datetime as dt
from dataclasses import dataclass

from django.utils.translation import gettext as _

from attendance.models import AttendanceRecord, AuditEvent, ClassSession, Enrolment, Status, Student, User


@dataclass(frozen=True, slots=True)
class RegisterRow:
    """One student of a session.

    Attributes:
        student: who.
        record: the mark, or None while nobody and nothing marked the student.
        enrolled: False for a record of somebody who is not on that day's roster any more.
    """

    student: Student
    record: AttendanceRecord | None
    enrolled: bool

    @property
    def status(self) -> Status | None:
        """The mark, or None for *not seen*."""
        return None if self.record is None else Status(self.record.status)

    @property
    def label(self) -> str:
        """The mark in words; *not seen* is not *absent*."""
        return status_label(None if self.record is None else self.record.status)

    @property
    def seen_at(self) -> dt.datetime | None:
        """When the student was seen, where a photo's time is believed."""
        return None if self.record is None else self.record.seen_at

    @property
    def face_id(self) -> int | None:
        """The face that shows the student."""
        return None if self.record is None else self.record.face_id

    @property
    def source(self) -> str:
        """RECOGNISED, MANUAL or empty."""
        return "" if self.record is None else self.record.source

    @property
    def by(self) -> User | None:
        """Who marked by hand."""
        return None if self.record is None else self.record.updated_by

    @property
    def version(self) -> int:
        """What an edit of this row states as seen; 0 without a record."""
        return 0 if self.record is None else self.record.version


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One change of a mark.

    Attributes:
        at: when.
        who: the person's name, or the machine.
        action: ``record.set``, ``record.cleared`` or ``record.undone``.
        old: the mark before, in words.
        new: the mark after, in words.
        reason: why, in that person's words.
    """

    at: dt.datetime
    who: str
    action: str
    old: str
    new: str
    reason: str


def status_label(status: str | None) -> str:
    """Say a mark in words."""
    return _("not seen") if status is None else str(Status(status).label)


def register(session: ClassSession) -> list[RegisterRow]:
    """Give everybody on the session day's roster, and whoever has a record besides, in roster order."""
    enrolments = Enrolment.objects.on(session.held_on).filter(course=session.course_id).select_related("student")
    enrolled = {enrolment.student_id: enrolment.student for enrolment in enrolments}
    records = {
        record.student_id: record
        for record in AttendanceRecord.objects.filter(session=session).select_related("student", "updated_by")
    }
    students = {**{pk: record.student for pk, record in records.items()}, **enrolled}
    return [
        RegisterRow(student=student, record=records.get(student.pk), enrolled=student.pk in enrolled)
        for student in sorted(students.values(), key=lambda student: (student.sort_key.casefold(), student.pk))
    ]


def history(*, session: ClassSession, student: Student) -> list[HistoryEntry]:
    """Give all changes of a student's mark in a session, the latest first."""
    events = list(
        AuditEvent.objects.filter(session_id=session.pk, student_id=student.pk, action__startswith="record.").order_by(
            "-pk"
        )
    )
    people = User.objects.in_bulk({event.actor_id for event in events if event.actor_id is not None})
    return [
        HistoryEntry(
            at=event.at,
            who=_who(event, people),
            action=event.action,
            old=status_label(event.old and event.old["status"]),
            new=status_label(event.new and event.new["status"]),
            reason=event.reason,
        )
        for event in events
    ]


def _who(event: AuditEvent, people: dict[int, User]) -> str:
    if event.actor_id is None:
        return _("recognition")
    person = people.get(event.actor_id)
    return _("somebody who has left") if person is None else str(person)
