"""Looks at one person in several photos of a session, decided on together where each alone falls short.

Only faces that no photo alone gave to anybody take part, and only students whom nothing has marked yet. The mark rests
on the widest of the faces; it falls when a teacher's word or a deleted photo takes one of the looks away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Q

from attendance.models import AttendanceRecord, ClassSession, DetectedFace, Source, WorkState
from attendance.services import engine, evidence, keys, records, sealing
from attendance.services.gallery.templates import alike_in, look_alikes

Outcome, Decision = DetectedFace.Outcome, DetectedFace.Decision
_ROUNDING: Final = 1e-4  # of the stored candidates


def join_photos(session: ClassSession, gallery: engine.Gallery) -> None:
    """Mark who is recognised by all looks together.

    Runs in the caller's transaction, which holds the session's row lock.

    Args:
        session: with its photos decided on one by one.
        gallery: the day's roster.
    """
    faces = _faces(session, gallery.model_id)
    by_photo = _left_over(faces)
    if len(by_photo) < 2 or session.wrapped_key is None or session.course.suggestions_only:
        return
    key, place = keys.session_key(session), keys.probe_place(session.pk, gallery.model_id)
    embeddings = {
        face.pk: sealing.open_embedding(bytes(face.sealed_embedding or b""), key=key, context=place) for face in faces
    }
    widths = [[face.width for face in of_photo] for of_photo in by_photo]
    # The strictest of the photos' thresholds holds: a mark on the widest look then reaches that look's own.
    threshold = max(face.threshold_cosine for of_photo in by_photo for face in of_photo)
    looks_of = [[embeddings[face.pk] for face in of_photo] for of_photo in by_photo]
    people = engine.join_looks(looks_of, widths, threshold_cosine=threshold)
    looks = [[by_photo[number][at] for number, at in person.places.items()] for person in people]
    searched = _Searched(gallery, threshold, list(embeddings.values()))
    marked = _decided(session, searched, looks, [person.embedding for person in people])
    DetectedFace.objects.bulk_update(marked, ["outcome", "student", "similarity"])
    records.mark_recognised(session=session, marks=evidence.of_faces(marked))


def joined_marks(session: ClassSession) -> set[tuple[int, int]]:
    """Give face and student of the marks that rest on several looks: the face alone does not reach its threshold."""
    faces = DetectedFace.objects.filter(snapshot__session=session, outcome=Outcome.MARKED, decision=Decision.NONE)
    found = set()
    for pk, student_pk, near, threshold in faces.values_list("pk", "student", "candidates", "threshold_cosine"):
        alone = {int(candidate): float(similarity) for candidate, similarity in near}.get(student_pk or 0, -1.0)
        if student_pk is not None and alone < threshold - _ROUNDING:
            found.add((pk, student_pk))
    return found


def withdraw_lost(session: ClassSession, before: set[tuple[int, int]]) -> None:
    """Take back the marks that rested on several looks which no longer speak for their student.

    Args:
        session: decided on anew.
        before: ``joined_marks`` as they were.
    """
    for face in DetectedFace.objects.filter(pk__in=[pk for pk, _student in before]):
        stands = face.outcome == Outcome.MARKED or face.decision == Decision.STUDENT
        if not stands or (face.pk, face.decided_student_id or face.student_id) not in before:
            evidence.withdraw(session, face, by=None)


@dataclass(frozen=True, slots=True, eq=False)
class _Searched:
    """What joined looks are searched in: the roster, at which threshold, and all of the session's faces."""

    gallery: engine.Gallery
    threshold_cosine: float
    everybody: list[engine.Embedding]


def _faces(session: ClassSession, model_id: str) -> list[DetectedFace]:
    faces = DetectedFace.objects.filter(
        snapshot__session=session, snapshot__state=WorkState.DONE, model_id=model_id, sealed_embedding__isnull=False
    )
    return list(faces.select_related("snapshot").order_by("snapshot__uploaded_at", "snapshot_id", "pk"))


def _left_over(faces: Sequence[DetectedFace]) -> list[list[DetectedFace]]:
    """Give the faces that nobody was recognised in, by photo."""
    by_photo: dict[int, list[DetectedFace]] = {}
    for face in faces:
        if face.decision == Decision.NONE and face.outcome != Outcome.MARKED:
            by_photo.setdefault(face.snapshot_id, []).append(face)
    return list(by_photo.values())


def _decided(
    session: ClassSession,
    searched: _Searched,
    looks: Sequence[Sequence[DetectedFace]],
    embeddings: Sequence[engine.Embedding],
) -> list[DetectedFace]:
    """Give the faces, one a person, that now speak for a student."""
    if not looks:
        return []
    gallery, threshold_cosine = searched.gallery, searched.threshold_cosine
    spoken_for = _spoken_for(session, gallery, [face.pk for of_person in looks for face in of_person])
    spoken_for |= alike_in(gallery, threshold_cosine=threshold_cosine)
    solutions = engine.solve(
        embeddings,
        gallery,
        threshold_cosine=threshold_cosine,
        not_these=[spoken_for | {pk for face in of_person for pk in face.rejected} for of_person in looks],
        photo=searched.everybody,
    )
    marked = []
    for solution, of_person in zip(solutions, looks, strict=True):
        # Who resembles somebody that has a mark even more is probably that one, seen badly.
        if solution.student_pk is not None and solution.candidates[0][0] == solution.student_pk:
            face = max(of_person, key=lambda face: face.width)
            face.outcome, face.student_id, face.similarity = Outcome.MARKED, solution.student_pk, solution.similarity
            marked.append(face)
    return marked


def _spoken_for(session: ClassSession, gallery: engine.Gallery, open_faces: Sequence[int]) -> set[int]:
    """Students of whom machine or teacher have spoken in this session, and those who are always asked about.

    A mark of the machine's that rests on one of these open faces came from joined looks before, and is decided anew.
    """
    faces = DetectedFace.objects.filter(snapshot__session=session)
    named = faces.filter(Q(outcome=Outcome.MARKED) | Q(decision=Decision.STUDENT))
    spoken = {pk for pair in named.values_list("student", "decided_student") for pk in pair if pk is not None}
    marked = AttendanceRecord.objects.filter(session=session)
    marked = marked.exclude(source=Source.RECOGNISED, face__in=open_faces)
    spoken |= set(marked.values_list("student_id", flat=True))
    return spoken | look_alikes(set(gallery.student_pks))
