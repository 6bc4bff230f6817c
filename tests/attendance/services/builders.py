"""Rows that other services would make, for tests that need them and not those services."""

import datetime as dt
import uuid

from django.db import transaction

from attendance.models import AttendanceRecord, ClassSession, DetectedFace, Snapshot, Student, WorkState
from attendance.services import records
from attendance.services.records import Evidence


def photo_of(session: ClassSession, *, state: WorkState = WorkState.DONE, reason: str = "") -> Snapshot:
    """A photo of a session, without a file."""
    return Snapshot.objects.create(
        session=session,
        image=f"snapshots/{uuid.uuid4().hex}.jpg",
        sha256=uuid.uuid4().hex * 2,
        width=640,
        height=480,
        state=state,
        failure_reason=reason,
    )


def face_in(session: ClassSession, student: Student) -> DetectedFace:
    """A face in a photo of its own, recognised as this student."""
    return DetectedFace.objects.create(
        snapshot=photo_of(session),
        x=10,
        y=10,
        width=40,
        height=50,
        landmarks=[],
        score=0.9,
        sealed_embedding=b"sealed",
        model_id="fake-sface-dlib-1",
        threshold_cosine=0.5,
        outcome=DetectedFace.Outcome.MARKED,
        student=student,
    )


def minutes_in(session: ClassSession, minutes: int) -> dt.datetime:
    return session.starts_at + dt.timedelta(minutes=minutes)


def recognise(session: ClassSession, student: Student, *, minute: int | None) -> int:
    """Let the machine see a student so many minutes into the session."""
    taken_at = None if minute is None else minutes_in(session, minute)
    face = face_in(session, student)
    with transaction.atomic():
        return records.mark_recognised(session=session, marks={student.pk: Evidence(face.pk, taken_at)})


def status_of(session: ClassSession, student: Student) -> str | None:
    record = AttendanceRecord.objects.filter(session=session, student=student).first()
    return None if record is None else record.status
