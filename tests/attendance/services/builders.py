"""Rows that other services would make, for tests that need them and not those services."""

import uuid

from attendance.models import ClassSession, DetectedFace, Snapshot, Student, WorkState


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
        model_id="fake-sface-1",
        threshold_cosine=0.5,
        outcome=DetectedFace.Outcome.MARKED,
        student=student,
    )
