"""How a mark is written: under the session's lock, with a rising version and its line in the audit log.

Everything that writes records takes the session's row lock first, so that two teachers, a worker and a finalising
teacher follow each other; the version then says who was second.
"""

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from attendance.models import AttendanceRecord, AuditEvent, ClassSession, DetectedFace, Enrolment, Source, Status, User
from attendance.services import audit
from attendance.services.errors import InvalidValue, RecordChanged, SessionClosed

Value = dict[str, Any]
SET, CLEARED, UNDONE = "record.set", "record.cleared", "record.undone"
WITHDRAWN = "record.withdrawn"  # the face that it rested on is somebody else's


@dataclass(frozen=True, slots=True)
class Mark:
    """What a record says, without who it is about.

    Attributes:
        status: the mark.
        source: whose word it is.
        face_id: the face in a photo that shows it, if one does.
        seen_at: when the student was seen, by the photo's own clock; None when that is not known.
    """

    status: Status
    source: Source
    face_id: int | None = None
    seen_at: dt.datetime | None = None


def no_such_status() -> InvalidValue:
    """Give the one answer to a mark that there is not."""
    return InvalidValue(_("A mark is one of: %(marks)s.") % {"marks": ", ".join(str(one.label) for one in Status)})


def lock_session(session: ClassSession) -> ClassSession:
    """Hold the session's row until the transaction ends and give it as it stands now.

    On SQLite the transaction itself is the lock. New photos may still be added meanwhile.
    """
    rows = ClassSession.objects.select_related("course").select_for_update(of=("self",), no_key=True)
    return rows.get(pk=session.pk)


def lock_open_session(session: ClassSession) -> ClassSession:
    """Hold the session's row and make sure that marks may change.

    Raises:
        SessionClosed: the session's records are already final.
    """
    locked = lock_session(session)
    if locked.is_final:
        raise SessionClosed(_("This register is final. Reopen it to change a mark."))
    return locked


def enrolled_ids(session: ClassSession) -> list[int]:
    """Ids of the students on the roster on the session's day."""
    rows = Enrolment.objects.on(session.held_on).filter(course=session.course_id)
    return list(rows.values_list("student_id", flat=True))


def record_of(session: ClassSession, student_id: int) -> AttendanceRecord | None:
    """Give the student's record in this session, if there is one."""
    return AttendanceRecord.objects.filter(session=session, student=student_id).first()


def value_of(record: AttendanceRecord | None) -> Value | None:
    """Put a record into the form that the audit log keeps."""
    if record is None:
        return None
    return {
        "status": record.status,
        "source": record.source,
        "face": record.face_id,
        "seen_at": None if record.seen_at is None else record.seen_at.isoformat(),
        "version": record.version,
    }


def mark_of(value: Value) -> Mark:
    """Read a mark back from the audit log."""
    return Mark(
        status=Status(value["status"]),
        source=Source(value["source"]),
        face_id=value["face"],
        seen_at=None if value["seen_at"] is None else dt.datetime.fromisoformat(value["seen_at"]),
    )


def mark_of_record(record: AttendanceRecord) -> Mark:
    """Read the mark out of a record."""
    return Mark(
        status=Status(record.status), source=Source(record.source), face_id=record.face_id, seen_at=record.seen_at
    )


def require_version(record: AttendanceRecord | None, version: int | None) -> None:
    """Refuse a change to a record that is not the one its author saw.

    Raises:
        RecordChanged: with the record as it stands now.
    """
    if version is not None and version != (0 if record is None else record.version):
        raise RecordChanged(_("Somebody changed this mark meanwhile. Look at it again."), current=record)


def first_versions(session: ClassSession, student_ids: Collection[int]) -> dict[int, int]:
    """Give the version that a new record starts with.

    It goes on from the versions of records that were cleared, so that a page that still shows one of those is noticed.
    """
    changes = AuditEvent.objects.filter(
        session_id=session.pk, student_id__in=student_ids, action__in=[SET, CLEARED, UNDONE]
    )
    counts = dict(changes.order_by().values_list("student_id").annotate(Count("pk")))
    return {student_id: counts.get(student_id, 0) + 1 for student_id in student_ids}


def create_marks(
    session: ClassSession, marks: dict[int, Mark], *, by: User | None, batch: str | None = None, reason: str = ""
) -> list[AttendanceRecord]:
    """Create the records of students who have none, with their audit events, in a constant number of statements.

    Args:
        session: locked by the caller.
        marks: the mark of each student, by id.
        by: who said so; None is the machine.
        batch: one id for changes that are undone together.
        reason: why, in that person's words.
    """
    versions = first_versions(session, marks.keys())
    records = AttendanceRecord.objects.bulk_create(
        AttendanceRecord(
            session=session,
            student_id=student_id,
            status=mark.status,
            source=mark.source,
            face_id=mark.face_id,
            seen_at=mark.seen_at,
            version=versions[student_id],
            updated_at=timezone.now(),
            updated_by=by,
        )
        for student_id, mark in marks.items()
    )
    audit.record_events(_event(session, SET, record, None, by=by, batch=batch, reason=reason) for record in records)
    return records


def change_mark(session: ClassSession, record: AttendanceRecord, mark: Mark, *, by: User | None, reason: str) -> None:
    """Change a record that its caller read under the session's lock, with its audit event."""
    audit.record_events([update_mark(session, record, mark, by=by, reason=reason)])


def update_mark(
    session: ClassSession, record: AttendanceRecord, mark: Mark, *, by: User | None, reason: str = "", action: str = SET
) -> AuditEvent:
    """Change a record and give the audit event, not saved yet.

    Raises:
        RecordChanged: somebody who did not take the lock was faster.
    """
    old = value_of(record)
    fields = {
        "status": mark.status,
        "source": mark.source,
        "face_id": mark.face_id,
        "seen_at": mark.seen_at,
        "version": record.version + 1,
        "updated_at": timezone.now(),
        "updated_by": by,
    }
    if not AttendanceRecord.objects.filter(pk=record.pk, version=record.version).update(**fields):
        raise RecordChanged(
            _("Somebody changed this mark meanwhile. Look at it again."), current=record_of(session, record.student_id)
        )
    for name, value in fields.items():
        setattr(record, name, value)
    return _event(session, action, record, old, by=by, reason=reason)


def remove_mark(session: ClassSession, record: AttendanceRecord, *, by: User, reason: str) -> None:
    """Delete a record, with its audit event; the student is *not seen* again."""
    event = _event(session, CLEARED, record, value_of(record), by=by, reason=reason)
    event.new = None
    record.delete()
    audit.record_events([event])


def undo_marks(session: ClassSession, events: Iterable[AuditEvent], *, by: User) -> None:
    """Take changes back whose outcome still stands: each record becomes what it was before its event."""
    events = list(events)
    records = {
        record.student_id: record
        for record in AttendanceRecord.objects.filter(session=session, student__in=[e.student_id for e in events])
    }
    log: list[AuditEvent] = []
    gone: list[int] = []
    for event in events:
        record = records.get(event.student_id or 0)
        before, after = value_of(record), None
        if event.old is not None:
            after = _restore(session, event, mark_of(event.old), record, by=by)
        elif record is not None:
            gone.append(record.pk)
        log.append(_undone(session, event, before, after, by=by))
    AttendanceRecord.objects.filter(pk__in=gone).delete()
    audit.record_events(log)


def _restore(
    session: ClassSession, event: AuditEvent, mark: Mark, record: AttendanceRecord | None, *, by: User
) -> AttendanceRecord:
    if mark.face_id is not None and not DetectedFace.objects.filter(pk=mark.face_id).exists():
        mark = replace(mark, face_id=None)  # its photo was deleted since
    if record is not None:
        update_mark(session, record, mark, by=by)
        return record
    student_id = event.student_id or 0
    return AttendanceRecord.objects.create(
        session=session,
        student_id=student_id,
        status=mark.status,
        source=mark.source,
        face_id=mark.face_id,
        seen_at=mark.seen_at,
        version=first_versions(session, [student_id])[student_id],
        updated_by=by,
    )


def _undone(
    session: ClassSession, event: AuditEvent, old: Value | None, record: AttendanceRecord | None, *, by: User
) -> AuditEvent:
    return audit.new_event(
        actor=by,
        action=UNDONE,
        object_type="auditevent",
        object_id=event.pk,
        course_id=session.course_id,
        session_id=session.pk,
        student_id=event.student_id,
        old=old,
        new=value_of(record),
    )


def _event(
    session: ClassSession,
    action: str,
    record: AttendanceRecord,
    old: Value | None,
    *,
    by: User | None,
    reason: str = "",
    batch: str | None = None,
) -> AuditEvent:
    new = value_of(record)
    if new is not None and batch is not None:
        new["batch"] = batch
    return audit.new_event(
        actor=by,
        action=action,
        object_type="attendancerecord",
        object_id=record.pk,
        course_id=session.course_id,
        session_id=session.pk,
        student_id=record.student_id,
        old=old,
        new=new,
        reason=reason,
    )
