"""Whose data key seals what: one a student, one a session; and the names that bind sealed bytes to their place."""

from django.db import transaction

from attendance.models import ClassSession, Selfie, Student
from attendance.services import sealing
from attendance.services.errors import not_found


def require_master_key() -> None:
    """See that the master key opens what was sealed before, so that nothing is sealed with a wrong one beside it.

    Raises:
        KeyNotAtHand: it opens neither the newest student's key nor the newest session's.
    """
    student = Student.objects.exclude(wrapped_key=None).order_by("-pk").first()
    if student is not None:
        sealing.unwrap_key(bytes(student.wrapped_key or b""), context=_student(student.pk))
    session = ClassSession.objects.exclude(wrapped_key=None).order_by("-pk").first()
    if session is not None:
        sealing.unwrap_key(bytes(session.wrapped_key or b""), context=_session(session.pk))


def student_key(student_pk: int) -> bytes:
    """Give the student's data key, made at first use.

    Raises:
        NotFound: the student was erased.
        KeyNotAtHand: the master key is not the one that sealed what is there; no key was made.
    """
    with transaction.atomic():
        student = Student.objects.select_for_update().filter(pk=student_pk, erased_at=None).first()
        if student is None:
            raise not_found("student")
        if student.wrapped_key is None:
            require_master_key()
            student.wrapped_key = sealing.new_wrapped_key(context=_student(student_pk))
            student.save(update_fields=["wrapped_key"])
    return sealing.unwrap_key(bytes(student.wrapped_key), context=_student(student_pk))


def session_key(session: ClassSession) -> bytes:
    """Give the data key of a session's probes, made at first use. The caller holds the session's row lock.

    Raises:
        KeyNotAtHand: the master key is not the one that sealed what is there; no key was made.
    """
    if session.wrapped_key is None:
        require_master_key()
        session.wrapped_key = sealing.new_wrapped_key(context=_session(session.pk))
        session.save(update_fields=["wrapped_key"])
    return sealing.unwrap_key(bytes(session.wrapped_key), context=_session(session.pk))


def open_student_key(wrapped: bytes, student_pk: int) -> bytes:
    """Unwrap a student's key that was read beside other rows."""
    return sealing.unwrap_key(wrapped, context=_student(student_pk))


def open_session_key(wrapped: bytes, session_pk: int) -> bytes:
    """Unwrap a session's key that was read beside other rows."""
    return sealing.unwrap_key(wrapped, context=_session(session_pk))


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
