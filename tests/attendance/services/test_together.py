"""A student who falls short in each of two photos and is recognised by both together."""

from collections.abc import Callable

import numpy as np
import pytest
from django.db import transaction

from attendance.models import ClassSession, DetectedFace, Source, Student, User
from attendance.services import keys, recognition, records, sealing, snapshots
from attendance.services.faces_review import decide_face
from attendance.services.gallery.templates import roster_gallery
from attendance.services.marks import lock_session
from attendance.services.solving import solve_again
from tests.fakes import Look, class_photo

Recognisable = Callable[..., Student]
Faces = tuple[DetectedFace, DetectedFace]


@pytest.fixture
def ada(recognisable: Recognisable) -> Student:
    return recognisable("ada")


@pytest.fixture
def faces(ada: Student, class_session: ClassSession, teacher: User) -> Faces:
    """Two photos of Ada: each look is like her selfie by 0.44, and like the other by 0.67; the second face is wider."""
    found = []
    for number, size_px in enumerate((50, 60)):
        data = class_photo(Look("zoe", 0.3, size_px=size_px), seed=number)
        added = snapshots.add_snapshot(session=class_session, data=data, by=teacher)
        recognition.recognise(added.snapshot.pk)
        found.append(added.snapshot.faces.get())
    give_looks(class_session, found, 0.44)
    return found[0], found[1]


def give_looks(session: ClassSession, faces: list[DetectedFace], likeness: float) -> None:
    """Replace the stored probes by looks of the one student on the roster."""
    session.refresh_from_db()
    model_id = faces[0].model_id
    ada = roster_gallery(course_pk=session.course_id, day=session.held_on, model_id=model_id).embeddings[0]
    person, noise = np.zeros_like(ada), np.zeros_like(ada)
    person[-1], noise[-2] = 0.8, np.sqrt(1 - likeness**2 - 0.64)
    place = keys.probe_place(session.pk, model_id)
    for face, sign in zip(faces, (1, -1), strict=True):
        look = (likeness * ada + person + sign * noise).astype(np.float32)
        look /= np.linalg.norm(look)
        face.sealed_embedding = sealing.seal_embedding(look, key=keys.session_key(session), context=place)
        face.save()


def solve(session: ClassSession) -> None:
    with transaction.atomic():
        solve_again(lock_session(session))


def marks(session: ClassSession) -> dict[str, str]:
    return {one.student.name: one.source for one in session.records.select_related("student")}


def outcomes(faces: Faces) -> list[str]:
    for face in faces:
        face.refresh_from_db()
    return [face.outcome for face in faces]


def test_two_looks_mark_whom_neither_marks_alone(faces: Faces, ada: Student, class_session: ClassSession) -> None:
    solve(class_session)
    assert marks(class_session) == {"Ada": Source.RECOGNISED}
    assert outcomes(faces) == ["UNCERTAIN", "MARKED"]
    record = class_session.records.get()
    assert (record.face, record.student) == (faces[1], ada)
    assert faces[1].similarity == pytest.approx(0.44 / np.sqrt(0.44**2 + 0.64), abs=1e-3)


def test_another_photo_brings_them_together_too(faces: Faces, class_session: ClassSession, teacher: User) -> None:
    added = snapshots.add_snapshot(session=class_session, data=class_photo("yan", seed=7), by=teacher)
    recognition.recognise(added.snapshot.pk)
    assert marks(class_session) == {"Ada": Source.RECOGNISED}


def test_looks_too_unlike_the_selfie_mark_nobody(faces: Faces, class_session: ClassSession) -> None:
    give_looks(class_session, list(faces), 0.3)
    solve(class_session)
    assert marks(class_session) == {}


def test_solving_again_keeps_the_mark(faces: Faces, class_session: ClassSession) -> None:
    solve(class_session)
    version = class_session.records.get().version
    solve(class_session)
    assert class_session.records.get().version == version


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("decision", ["NOT_IN_CLASS", "NOT_A_FACE"])
def test_a_word_on_either_look_takes_the_mark_back(
    faces: Faces, class_session: ClassSession, teacher: User, which: int, decision: str
) -> None:
    solve(class_session)
    decide_face(face=faces[which], decision=decision, by=teacher)
    assert marks(class_session) == {}
    assert "MARKED" not in outcomes(faces)


@pytest.mark.parametrize("which", [0, 1])
def test_deleting_either_photo_takes_the_mark_back(
    faces: Faces, class_session: ClassSession, teacher: User, which: int
) -> None:
    solve(class_session)
    snapshots.delete_snapshot(snapshot=faces[which].snapshot, by=teacher)
    assert marks(class_session) == {}


def test_mark_by_hand_stays_whatever_becomes_of_the_looks(
    faces: Faces, ada: Student, class_session: ClassSession, teacher: User
) -> None:
    solve(class_session)
    records.set_status(session=class_session, student=ada, status="PRESENT", by=teacher)
    decide_face(face=faces[0], decision="NOT_IN_CLASS", by=teacher)
    assert marks(class_session) == {"Ada": Source.MANUAL}


def test_confirming_the_face_keeps_the_mark(
    faces: Faces, ada: Student, class_session: ClassSession, teacher: User
) -> None:
    solve(class_session)
    decide_face(face=faces[1], decision="STUDENT", student=ada, by=teacher)
    assert marks(class_session) == {"Ada": Source.MANUAL}


def test_course_with_suggestions_only_gets_none(faces: Faces, class_session: ClassSession) -> None:
    class_session.course.suggestions_only = True
    class_session.course.save()
    solve(class_session)
    assert marks(class_session) == {}
    assert "MARKED" not in outcomes(faces)


def test_student_whose_mark_a_teacher_cleared_is_left_alone(
    faces: Faces, ada: Student, class_session: ClassSession, teacher: User
) -> None:
    solve(class_session)
    records.clear_status(session=class_session, student=ada, by=teacher)
    solve(class_session)
    assert marks(class_session) == {}
