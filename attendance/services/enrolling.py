"""A student becomes recognisable: also in the photos that were taken before, as long as their review is open.

Who enrols in the lesson, or whose selfie waited behind the class photo, is found without another photo: the faces'
embeddings are kept until the session is finalised, and are compared once more.
"""

from django.db import transaction
from django.db.models import F

from attendance.models import ClassSession, Enrolment, Selfie, User
from attendance.services import gallery, queue
from attendance.services.marks import lock_session
from attendance.services.solving import solve_again


def enrol(pk: int) -> None:
    """Embed this queued selfie now, and look for its student in the open sessions. Safe to run twice.

    Raises:
        EngineNotReady: this machine cannot embed now; the selfie stays queued and no attempt counts.
    """
    gallery.process_selfie(pk)
    _find_accepted(pk)


def enrol_claimed(claim: queue.Claim) -> None:
    """Embed a selfie that this worker has taken, and look for its student in the open sessions.

    Raises:
        EngineNotReady: this machine cannot embed now; the selfie is queued again and no attempt counts.
    """
    gallery.embed_claimed(claim)
    _find_accepted(claim.pk)


def _find_accepted(pk: int) -> None:
    accepted = Selfie.objects.filter(pk=pk, verdict=Selfie.Verdict.ACCEPTED).first()
    if accepted is not None:
        _look_again(student_pk=accepted.student_id)


def review_held_selfie(*, selfie: Selfie, accept: bool, by: User) -> None:
    """Decide on a selfie that looks like somebody else; an accepted one's student is looked for in the open sessions.

    Raises:
        WrongState: it is not held.
    """
    gallery.review_held_selfie(selfie=selfie, accept=accept, by=by)
    if accept:
        _look_again(student_pk=selfie.student_id)


def _look_again(*, student_pk: int) -> None:
    open_sessions = ClassSession.objects.filter(state=ClassSession.State.OPEN, wrapped_key__isnull=False)
    of_student = Enrolment.objects.filter(student=student_pk).values("course")
    for session in open_sessions.filter(course__in=of_student).order_by(F("starts_at").desc()):
        enrolled = Enrolment.objects.on(session.held_on).filter(course=session.course_id, student=student_pk)
        if enrolled.exists():
            # Each in a transaction of its own: a session's lock is held no longer than its own faces take.
            with transaction.atomic():
                locked = lock_session(session)
                if not locked.is_final:
                    solve_again(locked)
