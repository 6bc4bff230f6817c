"""Whose data key seals what: one a student, one a session; and the names that bind sealed bytes to their place."""

from django.db import transaction

from attendance.models import ClassSession, Selfie, Student
from attendance.services import sealing
from attendance.services.errors import not_found


def student_key(student_pk: int) -> bytes:
    """Give the student's data key, made at first use.

    Raises:
        NotFound: the student was erased.
    """
    with transaction.atomic():
        student = Student.objects.select_for_update().filter(pk=student_pk, erased_at=None).first()
        if student is None:
            raise not_found("student")
        if student.wrapped_key is None:
            student.wrapped_key = sealing.new_wrapped_key(context=_student(student_pk))
            student.save(update_fields=["wrapped_key"])
    return sealing.unwrap_key(bytes(student.wrapped_key), context=_student(student_pk))


def session_key(session: ClassSession) -> bytes:
    """Give the data key of a session's probes, made at first use. The caller holds the session's row lock."""
    if session.wrapped_key is None:
        session.wrapped_key = sealing.new_wrapped_key(context=_session(session.pk))
        session.save(update_fields=["wrapped_key"])
    return sealing.unwrap_key(bytes(session.wrapped_key), context=_session(session.pk))


def open_student_key(wrapped: bytes, student_pk: int) -> bytes:
    """Unwrap a student's key that was read beside other rows."""
    return sealing.unwrap_key(wrapped, context=_student(student_pk))


def selfie_place(selfie: Selfie) -> str:
    """Name the place of a selfie's file for the seal."""
    return f"selfie:{selfie.student_id}:{selfie.sha256}"


def template_place(student_pk: int, model_id: str) -> str:
    """Name the place of a template for the seal."""
    return f"template:{student_pk}:{model_id}"


def probe_place(session_pk: int, model_id: str) -> str:
    """Name the place of a probe's embedding for the seal."""
    return f"probe:{session_pk}:{model_id}"


def rewrap_all() -> int:
    """Wrap every key with today's master key.

    Returns:
        how many keys were wrapped again.

    Raises:
        SealBroken: a key opens with none of the master keys at hand; nothing was changed.
    """
    count = 0
    with transaction.atomic():
        for student in Student.objects.select_for_update().exclude(wrapped_key=None):
            student.wrapped_key = _rewrapped(student.wrapped_key, _student(student.pk))
            student.save(update_fields=["wrapped_key"])
            count += 1
        for session in ClassSession.objects.select_for_update().exclude(wrapped_key=None):
            session.wrapped_key = _rewrapped(session.wrapped_key, _session(session.pk))
            session.save(update_fields=["wrapped_key"])
            count += 1
    return count


def _rewrapped(wrapped: bytes | memoryview | None, context: str) -> bytes:
    return sealing.wrap_key(sealing.unwrap_key(bytes(wrapped or b""), context=context), context=context)


def _student(pk: int) -> str:
    return f"student:{pk}"


def _session(pk: int) -> str:
    return f"session:{pk}"
