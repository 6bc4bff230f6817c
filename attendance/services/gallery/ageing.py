"""Which students' selfies have grown old or weak, so that a new one should be asked for."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from attendance.models import ClassSession, Course, DetectedFace, Selfie
from attendance.services.school import school_settings

OLD_DAYS: Final = 365
"""A year: the class photos' misses by cause name many years between two pictures, and pupils change within one."""
ENDING_DAYS: Final = 30
"""So long before retention deletes a selfie a new one is asked for, so that nobody drops out unnoticed."""
SESSIONS: Final = 10
MISSED: Final = 3
"""Named in so many of the last sessions by a teacher while the machine had missed them, and in more than it found."""
FAIR_PX: Final = 35.0
"""Narrower faces are the photo's fault, not the selfie's (``services.advice``)."""


class Retake(StrEnum):
    """Why a new selfie would help."""

    OLD = "OLD"
    ENDING = "ENDING"
    WEAK = "WEAK"


@dataclass(frozen=True, slots=True)
class Advice:
    """That a student should give a new selfie.

    Attributes:
        retake: why.
        sentence: the same in words, with what to do.
    """

    retake: Retake
    sentence: str


def retakes(student_pks: Iterable[int], *, courses: Sequence[Course]) -> dict[int, Advice]:
    """Give those of these students who should give a new selfie, in a constant number of queries.

    Args:
        student_pks: who.
        courses: whose last sessions say how well the selfie works.
    """
    wanted = set(student_pks)
    newest = dict(
        Selfie.objects.filter(student__in=wanted, verdict=Selfie.Verdict.ACCEPTED)
        .order_by()
        .values_list("student_id")
        .annotate(Max("created_at"))
    )
    weak = _missed(newest, courses) if newest and courses else {}
    kept = dt.timedelta(days=school_settings().template_retention_days)
    found: dict[int, Advice] = {}
    for student_pk, given_at in newest.items():
        advice = _of_age(given_at, kept) or _of_misses(weak.get(student_pk, 0))
        if advice is not None:
            found[student_pk] = advice
    return found


def _of_age(given_at: dt.datetime, kept: dt.timedelta) -> Advice | None:
    now = timezone.now()
    ends_on = timezone.localdate(given_at + kept)
    if now >= given_at + kept - dt.timedelta(days=min(ENDING_DAYS, kept.days // 2)):
        return Advice(
            Retake.ENDING, _("The selfie is deleted on %(day)s: ask for a new one.") % {"day": ends_on.isoformat()}
        )
    if now - given_at > dt.timedelta(days=OLD_DAYS):
        return Advice(Retake.OLD, _("The selfie is over a year old: ask for a new one."))
    return None


def _of_misses(missed: int) -> Advice | None:
    if not missed:
        return None
    sentence = _("The photo missed this student in %(n)d of the last lessons: ask for a new selfie.")
    return Advice(Retake.WEAK, sentence % {"n": missed})


def _missed(newest: dict[int, dt.datetime], courses: Sequence[Course]) -> dict[int, int]:
    """Count the sessions in which a teacher named a student whom the machine did not find, where those are most."""
    last = ClassSession.objects.filter(course__in=courses).order_by("-starts_at").values_list("pk", flat=True)
    by_machine = Q(student__in=newest, outcome=DetectedFace.Outcome.MARKED, decision=DetectedFace.Decision.NONE)
    by_hand = Q(decided_student__in=newest, decision=DetectedFace.Decision.STUDENT)
    faces = DetectedFace.objects.filter(
        by_machine | by_hand,
        snapshot__session__in=list(last[:SESSIONS]),
        width__gte=FAIR_PX,
        model_id=school_settings().face_model_id,
    )
    fields = ("student", "decided_student", "candidates", "threshold_cosine", "snapshot__session")
    found: dict[int, dict[int, bool]] = defaultdict(dict)
    for face in faces.values(*fields, "snapshot__uploaded_at"):
        student_pk = face["decided_student"] or face["student"]
        if face["snapshot__uploaded_at"] >= newest[student_pk]:
            sessions = found[student_pk]
            session = face["snapshot__session"]
            sessions[session] = sessions.get(session, False) or _was_found(face, student_pk)
    counted = {pk: (sum(not hit for hit in hits.values()), sum(hits.values())) for pk, hits in found.items()}
    return {pk: missed for pk, (missed, hit) in counted.items() if missed >= MISSED and missed > hit}


def _was_found(face: dict[str, Any], student_pk: int) -> bool:
    """Whether the machine's own likeness reached its threshold, whatever was made of it."""
    if face["decided_student"] is None:
        return True
    likeness = {int(pk): float(similarity) for pk, similarity in face["candidates"]}
    return likeness.get(student_pk, -1.0) >= float(face["threshold_cosine"])
