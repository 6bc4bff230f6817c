"""Which faces speak for a student in a session, and what becomes of a mark when one of them no longer does."""

import datetime as dt
from collections.abc import Iterable

from django.db.models import Q

from attendance.models import AttendanceRecord, ClassSession, DetectedFace, Source, User
from attendance.services import audit, marks, records
from attendance.services.records import Evidence


def of_faces(faces: Iterable[DetectedFace]) -> dict[int, Evidence]:
    """Give the evidence of the faces that the machine takes for a student, the earliest of several."""
    found: dict[int, Evidence] = {}
    for face in faces:
        if face.outcome != DetectedFace.Outcome.MARKED or face.decision != DetectedFace.Decision.NONE:
            continue
        offered, taken_at = face.student_id, face.snapshot.taken_at
        if offered is None:
            continue
        standing = found.get(offered)
        if standing is None or _is_earlier(taken_at, standing.taken_at):
            found[offered] = Evidence(face_id=face.pk, taken_at=taken_at)
    return found


def withdraw(session: ClassSession, face: DetectedFace, *, by: User | None, by_hand_for: int | None = None) -> None:
    """Take back the machine's mark that stands on this face, or rest it on another face of the same student.

    A mark by hand stays, except that of the student whom a teacher had named on this very face. Runs in the caller's
    transaction, which holds the session's row lock.

    Args:
        session: locked and open.
        face: which no longer speaks for whom it spoke.
        by: the teacher; None is the machine, when it decides anew.
        by_hand_for: the student whom a teacher had named, if the word is taken back.
    """
    mine = Q(source=Source.RECOGNISED) | Q(source=Source.MANUAL, student=by_hand_for)
    record = AttendanceRecord.objects.filter(mine, session=session, face=face).first()
    if record is None:
        return
    others = DetectedFace.objects.filter(
        snapshot__session=session, student=record.student_id, outcome=DetectedFace.Outcome.MARKED
    ).exclude(pk=face.pk)
    old = marks.value_of(record)
    audit.record_event(
        actor=by,
        action=marks.WITHDRAWN,
        object_type="attendancerecord",
        object_id=record.pk,
        course_id=session.course_id,
        session_id=session.pk,
        student_id=record.student_id,
        old=old,
    )
    record.delete()
    marks_left = of_faces(others.select_related("snapshot").order_by("pk"))
    records.mark_recognised(session=session, marks=marks_left)


def _is_earlier(taken_at: dt.datetime | None, standing: dt.datetime | None) -> bool:
    return taken_at is not None and (standing is None or taken_at < standing)
