"""Templates from faces that a teacher confirmed: kept only where student and school agreed, and taken back easily.

A template of this kind never comes from the machine's own word, nor from a face of somebody with a known look-alike. It
is compared with selfies only, so that no template vouches for the next one.
"""

import datetime as dt
from collections.abc import Collection
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from attendance.models import (
    AttendanceRecord,
    ClassSession,
    Consent,
    DetectedFace,
    FaceTemplate,
    PolicyText,
    Selfie,
    Source,
    Status,
    Student,
    User,
)
from attendance.services import engine, erasures, keys, sealing
from attendance.services.audit import record_event
from attendance.services.erasures import Forgotten
from attendance.services.gallery.templates import classmates_gallery, has_look_alike, own_selfies
from attendance.services.school import school_settings

KEPT_DAYS: Final = 180
"""Half a year: hair, glasses and growing faces change faster than a selfie is asked for anew."""


def keep_confirmed(session: ClassSession, face: DetectedFace, student: Student, *, by: User) -> FaceTemplate | None:
    """Keep a confirmed face as one more template of its student, if it may be kept and is good enough.

    Runs in the caller's transaction, which holds the session's row lock and the student's.

    Args:
        session: open.
        face: of one of its photos; the teacher said that it is the student's.
        student: who.
        by: the teacher.

    Returns:
        the template; None where none is kept.
    """
    standing = FaceTemplate.objects.filter(face=face, student=student, model_id=face.model_id).first()
    if standing is not None:
        return standing
    if not (_may_be_kept(student) and _can_be_kept(session, face)) or has_look_alike(student.pk):
        return None
    place = keys.probe_place(session.pk, face.model_id)
    key = keys.session_key(session)
    embedding = sealing.open_embedding(bytes(face.sealed_embedding or b""), key=key, context=place)
    own = own_selfies(student_pk=student.pk, model_id=face.model_id)
    others = classmates_gallery(student_pk=student.pk, model_id=face.model_id)
    if not engine.agrees_with_selfies(embedding, own=own, others=others, threshold_cosine=face.threshold_cosine):
        return None
    template = FaceTemplate.objects.create(
        student=student,
        face=face,
        model_id=face.model_id,
        sealed_embedding=sealing.seal_embedding(
            embedding, key=keys.student_key(student.pk), context=keys.template_place(student.pk, face.model_id)
        ),
    )
    oldest_last = confirmed_templates().filter(student=student).order_by("-created_at", "-pk")
    too_many = list(oldest_last.values_list("pk", flat=True)[engine.MOST_CONFIRMED :])
    FaceTemplate.objects.filter(pk__in=too_many).delete()
    _note(student, "template.kept", by=by, count=1 - len(too_many))
    return template


def forget_face(face: DetectedFace, *, by: User | None, unless: Student | None = None) -> None:
    """Take back what a teacher's word on this face had added, unless it is still the same student's."""
    for template in confirmed_templates().filter(face=face).exclude(student=unless).select_related("student"):
        template.delete()
        _note(template.student, "template.removed", by=by, count=1)


def forget_unconfirmed(session: ClassSession, student_pks: Collection[int], *, by: User) -> None:
    """Take back what faces of this session had added for students whom no mark by hand calls present any more."""
    of_session = confirmed_templates().filter(face__snapshot__session=session, student__in=student_pks)
    present = AttendanceRecord.objects.filter(
        session=session, source=Source.MANUAL, status__in=[Status.PRESENT, Status.LATE]
    )
    for template in of_session.exclude(student__in=present.values("student")).select_related("student"):
        template.delete()
        _note(template.student, "template.removed", by=by, count=1)


def remove_confirmed(*, student: Student, by: User | None) -> int:
    """Delete all that confirmed faces of a student have added; selfies and marks stay.

    Returns:
        how many templates went.
    """
    count, _kinds = confirmed_templates().filter(student=student).delete()
    if count:
        _note(student, "template.removed", by=by, count=count)
        erasures.note(Forgotten.CONFIRMED, students=[student.pk])
    return count


def forget_without_selfie(student: Student, *, by: User | None) -> None:
    """Delete what confirmed faces of a student have added, if no selfie of theirs stands any more."""
    if not Selfie.objects.filter(student=student, verdict=Selfie.Verdict.ACCEPTED).exists():
        remove_confirmed(student=student, by=by)


def forget_old_confirmed() -> int:
    """Delete those whose time is over, of another model, or of students without a standing selfie; run nightly.

    Returns:
        how many went.
    """
    school = school_settings()
    days = min(KEPT_DAYS, school.template_retention_days)
    over = Q(created_at__lt=timezone.now() - dt.timedelta(days=days)) | ~Q(model_id=school.face_model_id)
    standing = Selfie.objects.filter(verdict=Selfie.Verdict.ACCEPTED)
    count, _kinds = confirmed_templates().filter(over | ~Q(student__in=standing.values("student"))).delete()
    return count


def confirmed_templates() -> QuerySet[FaceTemplate]:
    """Templates that come from confirmed faces."""
    return FaceTemplate.objects.filter(face__isnull=False)


def _may_be_kept(student: Student) -> bool:
    """Whether today's privacy text and the one that the student agreed to both say that faces may be added."""
    latest = PolicyText.objects.first()
    agreed = Consent.objects.filter(student=student, withdrawn_at=None, policy__keeps_confirmed=True)
    return latest is not None and latest.keeps_confirmed and not student.by_hand_only and agreed.exists()


def _can_be_kept(session: ClassSession, face: DetectedFace) -> bool:
    return (
        session.wrapped_key is not None
        and face.sealed_embedding is not None
        and face.model_id == school_settings().face_model_id
        and engine.fit_to_keep(face.quality)
    )


def _note(student: Student, action: str, *, by: User | None, count: int) -> None:
    record_event(
        actor=by,
        action=action,
        object_type="student",
        object_id=student.pk,
        student_id=student.pk,
        new={"count": count},
    )
