"""Erasing, forgetting in time, and telling students what is kept about them."""

import datetime as dt
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from attendance.models import (
    UNFINISHED,
    AuditEvent,
    ClassSession,
    DetectedFace,
    Enrolment,
    EnrolmentLink,
    FaceModelChange,
    FaceTemplate,
    MarkDifference,
    Role,
    Selfie,
    ShadowPhoto,
    Snapshot,
    Student,
    UploadKey,
    User,
)
from attendance.services import erasures, files, queue
from attendance.services.audit import record_event
from attendance.services.erasures import Forgotten
from attendance.services.errors import not_found
from attendance.services.gallery.confirmed import forget_old_confirmed
from attendance.services.gallery.forgetting import forget_faces, hold_open_sessions
from attendance.services.school import school_settings
from attendance.services.solving import drop_probe_vectors

_log = logging.getLogger(__name__)
COMPARISON_DAYS: Final = 30
"""How long the marks that differed are shown after a change of the face model."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an erasure removed.

    Attributes:
        student_id: whose.
        erased_at: when.
        selfies: pictures removed.
        templates: face templates removed.
        links: one-time links removed.
        cancelled: pieces of waiting work cancelled.
        photos: class photos that may still show the student until they are deleted in their time.
        records: marks that stay.
    """

    student_id: int
    erased_at: dt.datetime
    selfies: int
    templates: int
    links: int
    cancelled: int
    photos: int
    records: int


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """What one round of forgetting removed.

    Attributes:
        photos: class photos whose time was over.
        sessions: sessions whose faces' embeddings were dropped with them.
        templates: templates whose time was over.
        students: students who lost selfies and templates, because of their age or because no course has them any more.
        links: one-time links that were too old.
        orphans: files that no row named.
    """

    photos: int
    sessions: int
    templates: int
    students: int
    links: int
    orphans: int


def erase_student(*, student: Student, by: User | None, keep_name: bool = False) -> Receipt:
    """Erase a student's face data for good, by deleting the key that sealed them; marks stay.

    A backup of before still holds that key, and no restore brings the student back: see ``services.erasures``.

    Args:
        student: who.
        by: the admin; None is the command line.
        keep_name: keep name, e-mail and account; else the register shows "Erased student 17".

    Raises:
        NotFound: erased before.
    """
    with transaction.atomic():
        hold_open_sessions([student.pk])
        locked = Student.objects.select_for_update().filter(pk=student.pk, erased_at=None).first()
        if locked is None:
            raise not_found(_("student"))
        receipt = _receipt(locked, cancelled=queue.cancel(locked.selfies.all()))
        names = forget_faces([locked.pk])
        EnrolmentLink.objects.filter(student=locked).delete()
        locked.consents.filter(withdrawn_at=None).update(withdrawn_at=receipt.erased_at)
        _mark_erased(locked, receipt.erased_at, keep_name=keep_name)
        record_event(
            actor=by,
            action="student.erased",
            object_type="student",
            object_id=locked.pk,
            student_id=locked.pk,
            new={"selfies": receipt.selfies, "templates": receipt.templates, "keep_name": keep_name},
        )
        erasures.note(Forgotten.ERASED, students=[locked.pk], files=names, keep_name=keep_name)
    _remove(names)
    student.refresh_from_db()
    return receipt


def retention() -> RetentionReport:
    """Forget what has been kept long enough; run nightly. Safe to run at any time and twice."""
    photos, sessions = _forget_photos()
    templates, students = _forget_templates()
    links, _kinds = EnrolmentLink.objects.filter(expires_at__lt=timezone.now()).delete()
    _forget_comparisons()
    UploadKey.objects.filter(created_at__lt=timezone.now() - dt.timedelta(days=1)).delete()
    report = RetentionReport(
        photos=photos,
        sessions=sessions,
        templates=templates,
        students=students,
        links=links,
        orphans=files.collect_orphans(),
    )
    _log.info("retention: %s", report)
    return report


def student_export(*, student: Student, by: User) -> dict[str, Any]:
    """Give all that is kept about a student, without pictures of others and without vectors; the export is logged."""
    record_event(
        actor=by, action="student.exported", object_type="student", object_id=student.pk, student_id=student.pk
    )
    return {
        "student": {
            "name": student.name,
            "preferred_name": student.preferred_name,
            "pronunciation": student.pronunciation,
            "school_id": student.school_id,
            "email": student.email,
            "by_hand_only": student.by_hand_only,
        },
        "enrolments": _rows(student.enrolments.order_by("starts_on"), "course__name", "starts_on", "ends_on"),
        "consents": _rows(student.consents.order_by("given_at"), "policy__version", "given_at", "withdrawn_at"),
        "selfies": _rows(student.selfies.order_by("created_at"), "created_at", "state", "verdict", "failure_reason"),
        "templates": _rows(
            student.templates.order_by("created_at"), "created_at", "model_id", "face__snapshot__session__held_on"
        ),
        "records": _rows(
            student.records.order_by("session__starts_at"),
            *("session__course__name", "session__starts_at", "status", "source", "seen_at", "updated_at"),
        ),
        "faces": _rows(
            DetectedFace.objects.filter(Q(student=student) | Q(decided_student=student)).order_by("pk"),
            *("snapshot__session__course__name", "snapshot__session__starts_at", "snapshot__taken_at"),
            *("outcome", "similarity", "decision"),
        ),
        "comparisons": _rows(
            MarkDifference.objects.filter(student=student).order_by("session__starts_at"),
            *("session__course__name", "session__starts_at", "old_outcome", "old_similarity"),
            *("new_outcome", "new_similarity", "standing", "source"),
        ),
        "looks_and_changes": _rows(
            AuditEvent.objects.filter(student_id=student.pk).order_by("at"), "at", "action", "old", "new", "reason"
        ),
    }


def _receipt(student: Student, *, cancelled: int) -> Receipt:
    return Receipt(
        student_id=student.pk,
        erased_at=timezone.now(),
        selfies=student.selfies.exclude(image="").count(),
        templates=student.templates.count(),
        links=student.links.count(),
        cancelled=cancelled,
        photos=Snapshot.objects.filter(faces__student=student).exclude(image="").distinct().count(),
        records=student.records.count(),
    )


def _mark_erased(student: Student, erased_at: dt.datetime, *, keep_name: bool) -> None:
    account = student.user
    student.erased_at, student.wrapped_key, student.by_hand_only = erased_at, None, True
    if not keep_name:
        student.name = student.sort_key = _("Erased student %(n)d") % {"n": student.pk}
        student.preferred_name = student.pronunciation = student.email = ""
        student.school_id = student.user = None
    student.save()
    if account is not None and not keep_name and account.role == Role.STUDENT:
        account.delete()


def _forget_photos() -> tuple[int, int]:
    """Delete the files of class photos whose time is over, and the embeddings of their sessions' faces."""
    before = timezone.localdate() - dt.timedelta(days=school_settings().photo_retention_days)
    with transaction.atomic():
        old = Snapshot.objects.filter(session__held_on__lt=before).exclude(image="")
        names = [name for name in old.values_list("image", flat=True) if name]
        queue.cancel(old)
        old.update(image="")
        sessions = list(ClassSession.objects.filter(held_on__lt=before, wrapped_key__isnull=False))
        for session in sessions:
            drop_probe_vectors(session)
        if names:
            _note("retention.photos", len(names))
            erasures.note(Forgotten.PICTURE, files=names)
    _remove(names)
    return len(names), len(sessions)


def _forget_templates() -> tuple[int, int]:
    """Forget faces whose time is over, and those of students whom no course has any more."""
    before = timezone.now() - dt.timedelta(days=school_settings().template_retention_days)
    lasting = Enrolment.objects.filter(Q(ends_on=None) | Q(ends_on__gte=timezone.localdate()))
    with transaction.atomic():
        old = Selfie.objects.filter(created_at__lt=before)
        gone = Selfie.objects.exclude(student__in=lasting.values("student"))
        names = [name for name in (old | gone).values_list("image", flat=True) if name]
        students = set((old | gone).values_list("student_id", flat=True))
        templates = FaceTemplate.objects.filter(selfie__in=old | gone).count()
        old.delete()
        left = set(gone.values_list("student_id", flat=True))
        forget_faces(left)
        templates += forget_old_confirmed()
        if students or templates:
            _note("retention.faces", len(students))
        erasures.note(Forgotten.PICTURE, files=names)
        erasures.note(Forgotten.FACE, students=left)
    _remove(names)
    return templates, len(students)


def _forget_comparisons() -> None:
    """Forget whom another recogniser would have marked, a while after the change came to its end."""
    before = timezone.now() - dt.timedelta(days=COMPARISON_DAYS)
    ended = FaceModelChange.objects.exclude(state__in=UNFINISHED).filter(finished_at__lt=before)
    ShadowPhoto.objects.filter(change__in=ended).delete()
    MarkDifference.objects.filter(change__in=ended).delete()


def _rows(rows: Any, *fields: str) -> list[dict[str, Any]]:
    return [{name.replace("__", "_"): value for name, value in row.items()} for row in rows.values(*fields)]


def _remove(names: Iterable[str]) -> None:
    for name in names:
        files.remove(name)


def _note(action: str, count: int) -> None:
    record_event(actor=None, action=action, object_type="school", object_id=1, new={"count": count})
