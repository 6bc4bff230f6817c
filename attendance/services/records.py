"""The register: marks set by a teacher and by the machine, undone, and read back with their history.

A teacher's word beats the machine's for ever. A mark that the machine made only ever gets better, whatever the order
in which photos arrive. What nobody marked is *not seen*, which is not *absent*.
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.utils.translation import gettext as _

from attendance.models import (
    AttendanceRecord,
    AuditEvent,
    ClassSession,
    DetectedFace,
    Enrolment,
    Source,
    Status,
    Student,
    User,
)
from attendance.services import audit
from attendance.services import marks as marking
from attendance.services.errors import NotEnrolled, RecordChanged
from attendance.services.gallery.confirmed import forget_unconfirmed
from attendance.services.marks import CLEARED, SET, UNDONE, WITHDRAWN, Mark, lock_open_session, lock_session

PHOTO_TIME_TOLERANCE: Final = dt.timedelta(minutes=15)
"""How far before its start and after its end a session's photo may say it was taken and still be believed."""

_BETTER_FIRST: Final = {Status.PRESENT: 0, Status.LATE: 1, Status.EXCUSED: 2, Status.ABSENT: 3}
_LATEST: Final = dt.datetime.max.replace(tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A face in a photo that was recognised as a student.

    Attributes:
        face_id: the detected face.
        taken_at: when the photo was taken, if it says so; aware.
    """

    face_id: int
    taken_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo took back.

    Attributes:
        student_ids: whose marks are as they were before.
        action: the change that was taken back, ``record.set`` or ``record.cleared``.
    """

    student_ids: tuple[int, ...]
    action: str


@transaction.atomic
def set_status(
    *,
    session: ClassSession,
    student: Student,
    status: str,
    by: User,
    version: int | None = None,
    reason: str = "",
    face: DetectedFace | None = None,
    seen_at: dt.datetime | None = None,
) -> AttendanceRecord:
    """Mark a student by hand; recognition never changes it again.

    Args:
        session: the meeting.
        student: on the roster on the session's day.
        status: the mark.
        by: the teacher.
        version: of the record that the teacher saw, 0 for none; None does not ask.
        reason: why, in the teacher's words.
        face: the face that the teacher names, if the mark comes from one; a face in a later photo makes no mark worse.
        seen_at: when that face was photographed.

    Raises:
        InvalidValue: no such status.
        SessionClosed: the session's records are already final.
        NotEnrolled: the student is not on the roster on that day.
        RecordChanged: the record is not the one that the teacher saw.
    """
    if status not in Status.values:
        raise marking.no_such_status()
    locked = lock_open_session(session)
    _require_enrolled(locked, student)
    record = marking.record_of(locked, student.pk)
    marking.require_version(record, version)
    mark = _manual_mark(Status(status), record, face, seen_at)
    if record is None:
        record = _create(locked, student, mark, by=by, reason=reason)
    elif marking.mark_of_record(record) != mark or reason:
        marking.change_mark(locked, record, mark, by=by, reason=reason)
    forget_unconfirmed(locked, [student.pk], by=by)
    return record


@transaction.atomic
def clear_status(
    *, session: ClassSession, student: Student, by: User, version: int | None = None, reason: str = ""
) -> None:
    """Take a mark away: the student is *not seen* again, and the machine does not mark them in this session any more.

    Raises:
        SessionClosed: the session's records are already final.
        RecordChanged: the record is not the one that the teacher saw.
    """
    locked = lock_open_session(session)
    record = marking.record_of(locked, student.pk)
    marking.require_version(record, version)
    if record is not None:
        marking.remove_mark(locked, record, by=by, reason=reason)
        forget_unconfirmed(locked, [student.pk], by=by)


@transaction.atomic
def rest_present(*, session: ClassSession, by: User) -> int:
    """Mark everybody present who has no mark yet, and nobody else.

    Returns:
        how many were marked.

    Raises:
        SessionClosed: the session's records are already final.
    """
    return fill_empty(lock_open_session(session), Status.PRESENT, by=by)


def fill_empty(session: ClassSession, status: Status, *, by: User) -> int:
    """Give this mark to each enrolled student without one, as one change for ``undo``. The caller holds the lock."""
    marked = set(AttendanceRecord.objects.filter(session=session).values_list("student_id", flat=True))
    empty = [student_id for student_id in marking.enrolled_ids(session) if student_id not in marked]
    mark = Mark(status=status, source=Source.MANUAL)
    marking.create_marks(session, dict.fromkeys(empty, mark), by=by, batch=uuid.uuid4().hex)
    return len(empty)


@transaction.atomic
def undo(*, session: ClassSession, by: User, student: Student | None = None) -> Undone | None:
    """Take back the last change by hand; "rest present" is one change.

    Args:
        session: the meeting.
        by: who asks. Without a student it is this person's own last change.
        student: take back the last change of this student's mark, whoever made it.

    Returns:
        what was taken back, or None where nothing is left to undo.

    Raises:
        SessionClosed: the session's records are already final.
        RecordChanged: somebody else changed that mark since.
    """
    locked = lock_open_session(session)
    changes = _changes(locked).filter(actor_id__isnull=False)
    changes = changes.filter(actor_id=by.pk) if student is None else changes.filter(student_id=student.pk)
    last = changes.first()
    if last is None:
        return None
    standing = _standing(locked, _undone_together(locked, last, student))
    if not standing:
        current = marking.record_of(locked, last.student_id or 0)
        raise RecordChanged(_("Somebody changed this mark after you did."), current=current)
    marking.undo_marks(locked, standing, by=by)
    student_ids = tuple(event.student_id or 0 for event in standing)
    forget_unconfirmed(locked, student_ids, by=by)
    return Undone(student_ids=student_ids, action=last.action)


def can_undo(*, session: ClassSession, student: Student) -> bool:
    """Whether ``undo`` would take back a change of this student's mark, as things stand now."""
    last = _changes(session).filter(actor_id__isnull=False, student_id=student.pk).first()
    return not session.is_final and last is not None and bool(_standing(session, [last]))


def mark_recognised(*, session: ClassSession, marks: Mapping[int, Evidence]) -> int:
    """Mark the students that a photo shows. Runs in the caller's transaction, which took ``lock_session`` first.

    Creates a mark where there is none and betters one that the machine made (late becomes present, the time gets
    earlier). A mark by hand, an empty one that a teacher cleared, and a final session stay as they are.

    Args:
        session: the photo's session.
        marks: the evidence of each recognised student, by the student's id.

    Returns:
        how many records were created or bettered.
    """
    locked = lock_session(session)
    if locked.is_final or locked.course.suggestions_only:
        return 0
    offered = {pk: _recognised_mark(locked, marks[pk]) for pk in _markable(locked, marks)}
    standing = {r.student_id: r for r in AttendanceRecord.objects.filter(session=locked, student__in=offered)}
    created = {pk: mark for pk, mark in offered.items() if pk not in standing}
    marking.create_marks(locked, created, by=None)
    bettered = [record for pk, record in standing.items() if _is_better(offered[pk], record)]
    audit.record_events(marking.update_mark(locked, record, offered[record.student_id], by=None) for record in bettered)
    return len(created) + len(bettered)


def status_when_seen(session: ClassSession, taken_at: dt.datetime | None) -> tuple[Status, dt.datetime | None]:
    """Say what being seen at this time means.

    A time that is missing, or too far from the session to be that camera's right time, is not held against anybody.

    Returns:
        PRESENT or LATE, and the time where it is believed.
    """
    earliest, latest = session.starts_at - PHOTO_TIME_TOLERANCE, session.ends_at + PHOTO_TIME_TOLERANCE
    if taken_at is None or not earliest <= taken_at <= latest:
        return Status.PRESENT, None
    late_after = session.starts_at + dt.timedelta(minutes=session.course.late_after_minutes)
    return (Status.LATE if taken_at > late_after else Status.PRESENT), taken_at


def _require_enrolled(session: ClassSession, student: Student) -> None:
    if not Enrolment.objects.on(session.held_on).filter(course=session.course_id, student=student).exists():
        raise NotEnrolled(_("This student is not on the course's roster on that day."))


def _manual_mark(
    status: Status, record: AttendanceRecord | None, face: DetectedFace | None, seen_at: dt.datetime | None
) -> Mark:
    """Keep what a photo showed with a mark that says the student was there; drop it with one that says otherwise."""
    if status not in (Status.PRESENT, Status.LATE):
        return Mark(status=status, source=Source.MANUAL)
    by_face = Mark(status=status, source=Source.MANUAL, face_id=None if face is None else face.pk, seen_at=seen_at)
    if record is None:
        return by_face
    standing = replace(marking.mark_of_record(record), source=Source.MANUAL)
    if face is not None:
        return by_face if _goodness(by_face) < _goodness(standing) else standing
    return replace(standing, status=status)


def _create(session: ClassSession, student: Student, mark: Mark, *, by: User, reason: str) -> AttendanceRecord:
    try:
        with transaction.atomic():
            return marking.create_marks(session, {student.pk: mark}, by=by, reason=reason)[0]
    except IntegrityError as error:
        current = marking.record_of(session, student.pk)
        raise RecordChanged(_("Somebody marked this student meanwhile. Look again."), current=current) from error


def _changes(session: ClassSession) -> QuerySet[AuditEvent]:
    """Changes that nobody took back, the latest first: a stack for each student, begun anew by a withdrawal."""
    events = AuditEvent.objects.filter(session_id=session.pk)
    undone = [int(key) for key in events.filter(action=UNDONE).values_list("object_id", flat=True)]
    withdrawn_since = events.filter(action=WITHDRAWN, student_id=OuterRef("student_id"), pk__gt=OuterRef("pk"))
    changes = events.filter(~Exists(withdrawn_since), action__in=[SET, CLEARED])
    return changes.exclude(pk__in=undone).order_by("-pk")


def _undone_together(session: ClassSession, last: AuditEvent, student: Student | None) -> list[AuditEvent]:
    batch = (last.new or {}).get("batch")
    if batch is None or student is not None:
        return [last]
    return list(_changes(session).filter(new__batch=batch))


def _standing(session: ClassSession, events: list[AuditEvent]) -> list[AuditEvent]:
    """Those that are still the last change of their student's mark."""
    students = [event.student_id for event in events]
    newest = _changes(session).filter(student_id__in=students).order_by().values_list("student_id")
    last = {pk for _student, pk in newest.annotate(Max("pk"))}
    return [event for event in events if event.pk in last]


def _markable(session: ClassSession, marks: Mapping[int, Evidence]) -> list[int]:
    """Students of whom the machine may speak in this session."""
    cleared = AuditEvent.objects.filter(session_id=session.pk, action=CLEARED, student_id__isnull=False)
    rows = Enrolment.objects.on(session.held_on).filter(
        course=session.course_id, student__in=marks.keys(), student__by_hand_only=False, student__erased_at=None
    )
    return list(rows.exclude(student__in=cleared.values("student_id")).values_list("student_id", flat=True))


def _recognised_mark(session: ClassSession, evidence: Evidence) -> Mark:
    status, seen_at = status_when_seen(session, evidence.taken_at)
    return Mark(status=status, source=Source.RECOGNISED, face_id=evidence.face_id, seen_at=seen_at)


def _is_better(mark: Mark, record: AttendanceRecord) -> bool:
    """Whether the machine's new mark should stand instead of its old one; the same in whatever order photos come."""
    if record.source != Source.RECOGNISED:
        return False
    standing = marking.mark_of_record(record)
    new, old = _goodness(mark), _goodness(standing)
    return new < old or (new == old and standing.face_id is None)


def _goodness(mark: Mark) -> tuple[int, dt.datetime]:
    """Order marks for the student's good, the best first."""
    return _BETTER_FIRST[mark.status], mark.seen_at or _LATEST
