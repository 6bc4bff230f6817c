"""Who of a class can be recognised on a day, and what the others lack."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from attendance.models import Consent, Course, Enrolment, Selfie, Student
from attendance.services.gallery.ageing import Advice, retakes
from attendance.services.gallery.templates import searchable
from attendance.services.school import school_settings


@dataclass(frozen=True, slots=True)
class RosterRow:
    """A student on the roster.

    Attributes:
        student: who.
        recognisable: whether a photo can find them.
        by_hand_only: whether they chose to be marked by hand.
        consent: whether they agree to face recognition.
        selfie: the latest that counts, None where there is none.
        advice: that and why they should give a new one; None where the selfie does its work.
    """

    student: Student
    recognisable: bool
    by_hand_only: bool
    consent: bool
    selfie: Selfie | None
    advice: Advice | None = None

    @property
    def retake(self) -> str:
        """Why a new selfie would help: OLD, ENDING, WEAK or empty."""
        return "" if self.advice is None else self.advice.retake.value

    @property
    def state(self) -> str:
        """Where the selfie stands in the queue; empty without one."""
        return "" if self.selfie is None else self.selfie.state

    @property
    def verdict(self) -> str:
        """What became of the selfie; empty without one."""
        return "" if self.selfie is None else self.selfie.verdict

    @property
    def reason(self) -> str:
        """Why the selfie cannot be used; empty otherwise."""
        return "" if self.selfie is None else self.selfie.failure_reason


@dataclass(frozen=True, slots=True)
class Readiness:
    """How many of a roster a photo can find.

    Attributes:
        day: of the roster.
        enrolled: students on it.
        recognisable: of them, those whom a photo can find.
        by_hand: of them, those who chose to be marked by hand.
        held: of them, those whose selfie waits for a teacher.
        missing: those whom a photo cannot find although they did not choose so.
        retake: those whose selfie has grown old or weak.
    """

    day: dt.date
    enrolled: int
    recognisable: int
    by_hand: int
    held: int
    missing: list[Student]
    retake: list[Student]


def roster_rows(course: Course, *, day: dt.date) -> list[RosterRow]:
    """Give the roster of a day with each student's readiness, in a constant number of queries."""
    students = list(_roster(course, day))
    latest: dict[int, Selfie] = {}
    # The newest last: it stays in the dictionary.
    for selfie in Selfie.objects.filter(student__in=students).exclude(verdict=Selfie.Verdict.REPLACED).reverse():
        latest[selfie.student_id] = selfie
    old_or_weak = retakes([student.pk for student in students if not student.by_hand_only], courses=[course])
    return [
        RosterRow(
            student=student,
            recognisable=student.has_template,  # type: ignore[attr-defined]  # annotated below
            by_hand_only=student.by_hand_only,
            consent=student.agrees,  # type: ignore[attr-defined]  # annotated below
            selfie=latest.get(student.pk),
            advice=old_or_weak.get(student.pk),
        )
        for student in students
    ]


def readiness(rows: Sequence[RosterRow], *, day: dt.date) -> Readiness:
    """Count who of a roster can be recognised.

    Args:
        rows: from ``roster_rows``.
        day: theirs.
    """
    return Readiness(
        day=day,
        enrolled=len(rows),
        recognisable=sum(row.recognisable for row in rows),
        by_hand=sum(row.by_hand_only for row in rows),
        held=sum(row.verdict == Selfie.Verdict.HELD for row in rows),
        missing=[row.student for row in rows if not row.recognisable and not row.by_hand_only],
        retake=[row.student for row in rows if row.advice is not None],
    )


def _roster(course: Course, day: dt.date) -> QuerySet[Student]:
    enrolled = Enrolment.objects.on(day).filter(course=course).values("student")
    template = searchable().filter(student=OuterRef("pk"), model_id=school_settings().face_model_id)
    consent = Consent.objects.filter(student=OuterRef("pk"), withdrawn_at=None)
    return Student.objects.filter(pk__in=enrolled).annotate(has_template=Exists(template), agrees=Exists(consent))
