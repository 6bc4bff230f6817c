"""How a student's selfies look on a page: the state in words, the reason, and what to do next."""

from typing import Any

from attendance.models import PolicyText, Selfie, Student, WorkState
from attendance.services import gallery


def selfie_context(student: Student) -> dict[str, Any]:
    """What the pages about a student's selfies need."""
    selfies = list(student.selfies.exclude(state=WorkState.CANCELLED).exclude(verdict=Selfie.Verdict.REPLACED)[:6])
    return {
        "student": student,
        "selfies": selfies,
        "busy": any(selfie.is_unfinished for selfie in selfies),
        "accepted": any(is_accepted(selfie) for selfie in selfies),
        "consent": student.consents.filter(withdrawn_at=None).select_related("policy").first(),
        "policy": PolicyText.objects.first(),
        "confirmed": gallery.confirmed_templates().filter(student=student).count(),
    }


def is_accepted(selfie: Selfie) -> bool:
    """Whether this selfie stands."""
    return selfie.state == WorkState.DONE and selfie.verdict == Selfie.Verdict.ACCEPTED
