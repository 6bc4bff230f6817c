"""Sealed embeddings of accepted selfies and confirmed faces, opened only to search a photo or to compare a new one."""

import datetime as dt
import logging
from typing import Final

import numpy as np
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from attendance.models import Enrolment, FaceTemplate, Selfie, WorkState
from attendance.services import engine, keys, sealing
from attendance.services.errors import EngineNotReady
from attendance.services.sealing import SealBroken

_log = logging.getLogger(__name__)
MOST_STANDING: Final = 3
"""How many selfies of a student may stand at once."""


def store_template(selfie: Selfie, embedding: engine.Embedding, *, model_id: str) -> None:
    """Seal an embedding with the student's own key and keep it. Runs in the caller's transaction."""
    sealed = sealing.seal_embedding(
        embedding,
        key=keys.student_key(selfie.student_id),
        context=keys.template_place(selfie.student_id, model_id),
    )
    FaceTemplate.objects.update_or_create(
        selfie=selfie, model_id=model_id, defaults={"student_id": selfie.student_id, "sealed_embedding": sealed}
    )


def roster_gallery(*, course_pk: int, day: dt.date, model_id: str) -> engine.Gallery:
    """Open the templates of those who are on the roster that day and may be looked for."""
    roster = Enrolment.objects.on(day).filter(course=course_pk).values("student")
    return _opened(searchable().filter(student__in=roster, model_id=model_id), model_id)


def classmates_gallery(*, student_pk: int, model_id: str) -> engine.Gallery:
    """Open the templates of all who share a course with this student now or later."""
    lasting = Enrolment.objects.filter(Q(ends_on=None) | Q(ends_on__gte=timezone.localdate()))
    courses = lasting.filter(student=student_pk).values("course")
    classmates = lasting.filter(course__in=courses).exclude(student=student_pk).values("student")
    return _opened(searchable().filter(student__in=classmates, model_id=model_id), model_id)


def own_selfies(*, student_pk: int, model_id: str) -> engine.Gallery:
    """Open the templates of a student's accepted selfies."""
    return _opened(searchable().filter(student=student_pk, selfie__isnull=False, model_id=model_id), model_id)


def searchable() -> QuerySet[FaceTemplate]:
    """Templates that a photo may be compared with: accepted or confirmed, of who agrees and is not marked by hand."""
    return FaceTemplate.objects.filter(
        Q(selfie__verdict=Selfie.Verdict.ACCEPTED) | Q(face__isnull=False),
        student__by_hand_only=False,
        student__erased_at=None,
        student__wrapped_key__isnull=False,
        student__consents__withdrawn_at=None,
        student__consents__isnull=False,
    ).distinct()


def look_alikes(student_pks: set[int]) -> set[int]:
    """Give those of these students who are one of a known pair of look-alikes among them."""
    pairs = Selfie.objects.filter(
        verdict=Selfie.Verdict.ACCEPTED, student__in=student_pks, look_alike__in=student_pks
    ).values_list("student_id", "look_alike_id")
    return {pk for pair in pairs for pk in pair if pk is not None}


def alike_in(gallery: engine.Gallery, *, threshold_cosine: float) -> set[int]:
    """Give those students of a gallery of whom somebody else's template is about as alike as a held selfie's would be.

    Enrolment compares a selfie with the classmates of its day; who comes onto the roster later is met only here.

    Args:
        gallery: of a roster; may be empty.
        threshold_cosine: of identification in the photo at hand.
    """
    if not gallery.student_pks:
        return set()
    rows, owners = np.stack(gallery.embeddings), np.array(gallery.student_pks)
    alike = rows @ rows.T >= threshold_cosine + engine.margin_cosine(threshold_cosine)
    alike &= owners[:, None] != owners[None, :]
    return {int(pk) for pk in owners[alike.any(axis=1)]}


def has_look_alike(student_pk: int) -> bool:
    """Whether a selfie of this student, or one of somebody else, was ever found to look like the other's."""
    mine = Q(student=student_pk, look_alike__isnull=False)
    return Selfie.objects.filter(mine | Q(look_alike=student_pk)).exclude(verdict=Selfie.Verdict.REPLACED).exists()


def accept_selfie(selfie: Selfie) -> list[str]:
    """Let a selfie stand, and those that it replaces go. Runs in the caller's transaction.

    Returns:
        names of the files to remove once it has committed.
    """
    selfie.verdict = Selfie.Verdict.ACCEPTED
    selfie.save(update_fields=["verdict"])
    others = Selfie.objects.filter(student=selfie.student_id).exclude(pk=selfie.pk)
    unusable = others.filter(Q(state=WorkState.FAILED) | Q(verdict=Selfie.Verdict.HELD), pk__lt=selfie.pk)
    names = list(unusable.values_list("image", flat=True))
    unusable.delete()
    kept = MOST_STANDING - 1 if selfie.extra else 0
    standing = others.filter(verdict=Selfie.Verdict.ACCEPTED).order_by("-created_at", "-pk")
    for replaced in standing[kept:]:
        names.append(replaced.image.name)
        replaced.templates.all().delete()
        replaced.image.name = ""
        replaced.verdict = Selfie.Verdict.REPLACED
        replaced.save(update_fields=["image", "verdict"])
    return names


def _opened(templates: QuerySet[FaceTemplate], model_id: str) -> engine.Gallery:
    """Open templates; one that does not open is left out, but none opening at all is a wrong master key.

    Raises:
        EngineNotReady: nothing opens.
    """
    pks, embeddings, broken = [], [], 0
    for template in templates.select_related("student").order_by("student_id", "pk"):
        try:
            key = keys.open_student_key(bytes(template.student.wrapped_key or b""), template.student_id)
            place = keys.template_place(template.student_id, model_id)
            embeddings.append(sealing.open_embedding(bytes(template.sealed_embedding), key=key, context=place))
            pks.append(template.student_id)
        except SealBroken:
            broken += 1
            _log.error("template %d does not open", template.pk)
    if broken and not pks:
        raise EngineNotReady(_("No stored template opens: MASTER_KEY is not the one that they were sealed under."))
    return engine.Gallery(student_pks=tuple(pks), embeddings=tuple(embeddings), model_id=model_id)
