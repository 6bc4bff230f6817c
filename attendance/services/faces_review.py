"""A teacher's word on a box in a class photo."""

from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext as _

from attendance.models import ClassSession, DetectedFace, Student, User
from attendance.services import evidence, records, solving
from attendance.services.audit import record_event
from attendance.services.errors import InvalidValue, not_found
from attendance.services.gallery.confirmed import forget_face, keep_confirmed
from attendance.services.marks import lock_open_session

Decision = DetectedFace.Decision


@transaction.atomic
def decide_face(
    *, face: DetectedFace, decision: str, student: Student | None = None, outsider: str = "", by: User
) -> DetectedFace:
    """Say who a face is, or that it is nobody of this class, or no face; NONE takes the word back.

    The named student is marked by hand, present or late by the photo's time. What the machine took the face for is
    remembered as wrong, its mark on this face goes, and the session's open faces are decided on anew. Where the school
    and the student agreed to it, a good crop of the named student becomes one more template of theirs.

    Args:
        face: which box.
        decision: one of ``DetectedFace.Decision``.
        student: with STUDENT, and only then.
        outsider: with NOT_IN_CLASS one of ``DetectedFace.Outsider``, where the teacher says more.
        by: the teacher.

    Raises:
        InvalidValue: no such decision, or a student or a reason too many or too few.
        SessionClosed: the session's records are final.
        NotEnrolled: the student is not on the roster on that day.
        NotFound: the face went with its photo.
    """
    session = lock_open_session(face.snapshot.session)
    decided = take_word(session=session, face=face, decision=decision, student=student, outsider=outsider, by=by)
    solving.solve_again(session)
    decided.refresh_from_db()
    return decided


def take_word(
    *,
    session: ClassSession,
    face: DetectedFace,
    decision: str,
    student: Student | None = None,
    outsider: str = "",
    by: User,
) -> DetectedFace:
    """Take a teacher's word on a face as ``decide_face`` does, without deciding on the session's other faces.

    Runs in the caller's transaction, which holds the session's row lock and calls ``solving.solve_again`` once it has
    taken all words on the session's faces.

    Args:
        session: the face's, locked and open.
        face: which box.
        decision: one of ``DetectedFace.Decision``.
        student: with STUDENT, and only then.
        outsider: with NOT_IN_CLASS one of ``DetectedFace.Outsider``, where the teacher says more.
        by: the teacher.

    Raises:
        InvalidValue: no such decision, or a student or a reason too many or too few.
        NotEnrolled: the student is not on the roster on that day.
        NotFound: the face went with its photo.
    """
    _check(decision, student, outsider)
    locked = DetectedFace.objects.select_related("snapshot").filter(pk=face.pk).first()
    if locked is None:
        raise not_found(_("face"))
    if student is not None:
        # The student before the face, as erasing does: the other way round the two could block each other.
        Student.objects.select_for_update().filter(pk=student.pk).first()
    before = _word_on(locked)
    forget_face(locked, by=by, unless=student)
    _withdraw_former(session, locked, student, by=by)
    _apply(locked, Decision(decision), student, outsider, by=by)
    if student is not None:
        status, seen_at = records.status_when_seen(session, locked.snapshot.taken_at)
        records.set_status(session=session, student=student, status=status, by=by, face=locked, seen_at=seen_at)
        keep_confirmed(session, locked, student, by=by)
    _note(session, locked, before, by=by)
    return locked


def _check(decision: str, student: Student | None, outsider: str) -> None:
    if decision not in Decision.values or (decision == Decision.STUDENT) != (student is not None):
        raise InvalidValue(_("Say which student this is, or that it is nobody of this class, or not a face."))
    if outsider and (outsider not in DetectedFace.Outsider.values or decision != Decision.NOT_IN_CLASS):
        raise InvalidValue(_("Only somebody who is not in this class is a guest or of another class."))


def _withdraw_former(session: ClassSession, face: DetectedFace, student: Student | None, *, by: User) -> None:
    """Take back the mark that stood on this face, unless it is the same student's."""
    keeps = None if student is None else student.pk
    if face.decision == Decision.STUDENT and face.decided_student_id != keeps:
        evidence.withdraw(session, face, by=by, by_hand_for=face.decided_student_id)
    elif face.student_id is not None and face.student_id != keeps:
        evidence.withdraw(session, face, by=by)


def _apply(face: DetectedFace, decision: Decision, student: Student | None, outsider: str, *, by: User) -> None:
    if decision == Decision.NONE:
        face.rejected = []
    elif face.student_id is not None and (student is None or student.pk != face.student_id):
        face.rejected = sorted({*face.rejected, face.student_id})
    if student is not None:
        face.rejected = [pk for pk in face.rejected if pk != student.pk]
    if decision != Decision.NONE and (student is None or face.student_id != student.pk):
        # The machine's wrong guess must not keep that student from another face of this photo.
        face.outcome, face.student = DetectedFace.Outcome.UNKNOWN, None
    face.decision = decision
    face.decided_student = student
    face.outsider = outsider
    face.decided_by = None if decision == Decision.NONE else by
    face.save(update_fields=["rejected", "outcome", "student", "decision", "decided_student", "outsider", "decided_by"])


def _word_on(face: DetectedFace) -> dict[str, object]:
    """Put a teacher's word into the form that the audit log keeps."""
    word: dict[str, object] = {"decision": face.decision, "student": face.decided_student_id}
    return word | {"outsider": face.outsider} if face.outsider else word


def _note(session: ClassSession, face: DetectedFace, before: Mapping[str, object], *, by: User) -> None:
    record_event(
        actor=by,
        action="face.decided",
        object_type="detectedface",
        object_id=face.pk,
        course_id=session.course_id,
        session_id=session.pk,
        student_id=face.decided_student_id,
        old=before,
        new=_word_on(face),
    )
