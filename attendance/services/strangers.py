"""Faces that nobody on the roster matched: the same person across a course's open sessions, and one word for all.

Groups are made anew at each look, from the embeddings that the open sessions keep for their review. Nothing about them
is stored, so they end where those embeddings do: when a session is finalised, its strangers are in no group any more.
A session that nobody finalises leaves the groups after ``GROUPED_DAYS``.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from attendance.models import (
    AttendanceRecord,
    ClassSession,
    Course,
    DetectedFace,
    Enrolment,
    Source,
    Student,
    User,
    WorkState,
)
from attendance.services import engine, keys, sealing, solving
from attendance.services.errors import (
    EngineNotReady,
    InvalidValue,
    NotEnrolled,
    ServiceError,
    SessionClosed,
    WrongState,
    not_found,
)
from attendance.services.faces_review import take_word
from attendance.services.marks import lock_session
from attendance.services.sealing import SealBroken

MOST_FACES: Final = 2000
"""So many faces, the newest, are grouped in well under a second; more wait in a course that never finalises."""
MOST_ANSWERED: Final = 200
"""A word on so many faces is taken in a few seconds, for which their sessions are locked to everybody else."""
GROUPED_DAYS: Final = 30
"""So long after its lesson a guest's face is still worth a question; a register left open longer links nobody on."""
Decision, Outcome = DetectedFace.Decision, DetectedFace.Outcome


@dataclass(frozen=True, slots=True)
class Group:
    """Faces that look like one person.

    Attributes:
        faces: the newest session's first; never two of one photo.
        photos: how many photos they are in.
        sessions: how many sessions those are of.
        candidates: the students most like any of them with their similarities, best first, rejected ones left out.
    """

    faces: tuple[DetectedFace, ...]
    photos: int
    sessions: int
    candidates: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a word on a group.

    Attributes:
        face_ids: the faces it was taken for.
        left: how many were left as they are: answered meanwhile or, to take back, by somebody else; final; or the
            student was not enrolled, is named in that photo already, or marked by hand in that session.
    """

    face_ids: tuple[int, ...]
    left: int


def unknown_faces(course: Course) -> QuerySet[DetectedFace]:
    """Give the faces of a course's open sessions of late that nobody on the roster matched and nobody spoke about."""
    return DetectedFace.objects.filter(
        snapshot__session__course=course,
        snapshot__session__state=ClassSession.State.OPEN,
        snapshot__session__wrapped_key__isnull=False,
        snapshot__session__held_on__gte=timezone.localdate() - dt.timedelta(days=GROUPED_DAYS),
        snapshot__state=WorkState.DONE,
        sealed_embedding__isnull=False,
        outcome=Outcome.UNKNOWN,
        decision=Decision.NONE,
    )


def roster(course: Course) -> QuerySet[Student]:
    """Give the students who are on the roster on the day of at least one open session, in roster order."""
    meetings = ClassSession.objects.filter(
        course=OuterRef("course"), state=ClassSession.State.OPEN, held_on__gte=OuterRef("starts_on")
    )
    holds = Q(Exists(meetings), ends_on=None) | Q(Exists(meetings.filter(held_on__lte=OuterRef("ends_on"))))
    enrolled = Enrolment.objects.filter(holds, course=course)
    return Student.objects.filter(pk__in=enrolled.values("student")).order_by("sort_key", "pk")


def groups(course: Course) -> list[Group]:
    """Group a course's unknown faces by person, the largest group first, then the newest.

    Raises:
        EngineNotReady: the embeddings do not open with this machine's master key.
    """
    faces = unknown_faces(course).select_related("snapshot__session").defer("landmarks")
    newest_first = faces.order_by("-snapshot__session__starts_at", "-snapshot__session", "snapshot", "x", "pk")
    by_model: dict[str, list[DetectedFace]] = defaultdict(list)
    for face in newest_first[:MOST_FACES]:
        by_model[face.model_id].append(face)
    found = [group for of_model in by_model.values() for group in _grouped(of_model)]
    return sorted(found, key=lambda group: -len(group.faces))


@transaction.atomic
def answer(
    *,
    course: Course,
    face_ids: Collection[int],
    decision: str,
    student: Student | None = None,
    outsider: str = "",
    by: User,
) -> Answer:
    """Say of several faces who they are, each as ``decide_face`` says it of one; NONE takes one's own words back.

    A face on which the word cannot stand is left as it is; the others take it. What a teacher marked by hand without a
    face stands: it may be in a session that this teacher does not look at now.

    Args:
        course: whose open sessions the faces are from.
        face_ids: what the teacher saw together; a group that was made anew since may be another one.
        decision: one of ``DetectedFace.Decision``.
        student: with STUDENT, and only then.
        outsider: with NOT_IN_CLASS one of ``DetectedFace.Outsider``, where the teacher says more.
        by: the teacher.

    Raises:
        NotFound: a face is none of this course's.
        InvalidValue: no faces or too many, two of one photo for one student, or no such word.
        SessionClosed, WrongState, NotEnrolled: the word can stand on none of them.
    """
    faces = _locked(course, face_ids)
    if not faces:
        raise InvalidValue(_("Choose at least one face."))
    if decision == Decision.STUDENT and len({face.snapshot_id for face in faces}) < len(faces):
        raise InvalidValue(_("Two of these faces are in one photo: they are not the same student."))
    refusals = {face.pk: _refusal(face, decision, student, by=by) for face in faces}
    fit = [face for face in faces if refusals[face.pk] is None]
    for refusal in refusals.values():
        if not fit and refusal is not None:
            raise refusal
    affected = {face.snapshot.session_id: face.snapshot.session for face in fit}
    for face in fit:
        session = affected[face.snapshot.session_id]
        take_word(session=session, face=face, decision=decision, student=student, outsider=outsider, by=by)
    for session in affected.values():
        solving.solve_again(session)
    return Answer(face_ids=tuple(face.pk for face in fit), left=len(faces) - len(fit))


def _grouped(faces: Sequence[DetectedFace]) -> Iterable[Group]:
    """Group faces of one model. The strictest of their thresholds holds: a wrong group costs more than a split one."""
    numbers = engine.group(
        _opened(faces),
        photos=[str(face.snapshot_id) for face in faces],
        threshold_cosine=max(face.threshold_cosine for face in faces),
    )
    people: dict[int, list[DetectedFace]] = defaultdict(list)
    for face, number in zip(faces, numbers, strict=True):
        people[number].append(face)
    return [_group(part) for of_person in people.values() for part in _answerable(of_person)]


def _answerable(faces: Sequence[DetectedFace]) -> Iterable[Sequence[DetectedFace]]:
    """Cut one person's faces into what one answer takes."""
    return (faces[start : start + MOST_ANSWERED] for start in range(0, len(faces), MOST_ANSWERED))


def _group(faces: Sequence[DetectedFace]) -> Group:
    rejected = {pk for face in faces for pk in face.rejected}
    likeness: dict[int, float] = {}
    for face in faces:
        for pk, similarity in face.candidates:
            likeness[pk] = max(similarity, likeness.get(pk, -1.0))
    ranked = sorted(likeness.items(), key=lambda one: (-one[1], one[0]))
    return Group(
        faces=tuple(faces),
        photos=len({face.snapshot_id for face in faces}),
        sessions=len({face.snapshot.session_id for face in faces}),
        candidates=tuple(one for one in ranked if one[0] not in rejected),
    )


def _opened(faces: Iterable[DetectedFace]) -> list[engine.Embedding]:
    data_keys: dict[int, bytes] = {}
    embeddings = []
    try:
        for face in faces:
            session = face.snapshot.session
            if session.pk not in data_keys:
                data_keys[session.pk] = keys.session_key(session)
            place = keys.probe_place(session.pk, face.model_id)
            sealed = bytes(face.sealed_embedding or b"")
            embeddings.append(sealing.open_embedding(sealed, key=data_keys[session.pk], context=place))
    except SealBroken as error:
        raise EngineNotReady(
            _("These faces do not open: MASTER_KEY is not the one that they were sealed under.")
        ) from error
    return embeddings


def _locked(course: Course, face_ids: Collection[int]) -> list[DetectedFace]:
    """Hold the sessions of these faces, always in one order, and read the faces as they stand then."""
    if len(set(face_ids)) > MOST_ANSWERED:
        raise InvalidValue(_("One answer takes %(n)d faces at most.") % {"n": MOST_ANSWERED})
    of_course = DetectedFace.objects.filter(snapshot__session__course=course, pk__in=face_ids)
    for session in ClassSession.objects.filter(snapshots__faces__in=of_course).distinct().order_by("pk"):
        try:
            lock_session(session)
        except ClassSession.DoesNotExist as error:
            raise not_found(_("face")) from error  # it went with its session since that was listed
    of_session = of_course.select_related("snapshot__session__course")
    faces = list(of_session.order_by("snapshot__session", "snapshot", "pk"))
    if len(faces) < len(set(face_ids)):
        raise not_found(_("face"))
    return faces


def _refusal(face: DetectedFace, decision: str, student: Student | None, *, by: User) -> ServiceError | None:
    """Say why a word cannot be taken for this face, if so."""
    if face.snapshot.session.is_final:
        return SessionClosed(_("This register is final. Reopen it to change a mark."))
    if decision == Decision.NONE:
        fits = face.decision != Decision.NONE and face.decided_by_id == by.pk
    else:
        fits = face.decision == Decision.NONE and face.outcome == Outcome.UNKNOWN
    if not fits:
        return WrongState(_("Somebody answered meanwhile. Look at these faces again."))
    return None if student is None else _refusal_of(student, face)


def _refusal_of(student: Student, face: DetectedFace) -> ServiceError | None:
    """Say why this student cannot be named there, if so."""
    session = face.snapshot.session
    if not Enrolment.objects.on(session.held_on).filter(course=session.course_id, student=student).exists():
        return NotEnrolled(_("This student is not on the course's roster on that day."))
    others = DetectedFace.objects.filter(snapshot=face.snapshot_id, decided_student=student).exclude(pk=face.pk)
    if others.exists():
        return WrongState(_("A teacher has named this student in the same photo already."))
    if AttendanceRecord.objects.filter(session=session, student=student, source=Source.MANUAL, face=None).exists():
        return WrongState(_("This student is marked by hand in that session already."))
    return None
