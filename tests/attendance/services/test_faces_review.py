"""A teacher's word on a box."""

import datetime as dt
from collections.abc import Callable

import pytest

from attendance.models import (
    AttendanceRecord,
    AuditEvent,
    ClassSession,
    DetectedFace,
    Snapshot,
    Source,
    Status,
    Student,
    User,
)
from attendance.services import recognition, records, sessions, snapshots
from attendance.services.errors import InvalidValue, NotEnrolled, SessionClosed
from attendance.services.faces_review import decide_face
from tests.fakes import Look, class_photo

Recognisable = Callable[..., Student]
Decision, Outcome = DetectedFace.Decision, DetectedFace.Outcome


@pytest.fixture
def recognised(class_session: ClassSession, teacher: User) -> Callable[..., list[DetectedFace]]:
    """Upload a photo of these people, let a worker do it, give its faces from left to right."""

    def do(*people: str | Look, taken_at: dt.datetime | None = None) -> list[DetectedFace]:
        data = class_photo(*people, taken_at=taken_at)
        added = snapshots.add_snapshot(session=class_session, data=data, by=teacher)
        recognition.recognise(added.snapshot.pk)
        return list(added.snapshot.faces.order_by("x"))

    return do


def marks(session: ClassSession) -> dict[str, tuple[str, str]]:
    return {one.student.name: (one.status, one.source) for one in session.records.select_related("student")}


def test_named_student_is_marked_by_hand_with_the_face(
    make_student: Recognisable,
    class_session: ClassSession,
    teacher: User,
    recognised: Callable[..., list[DetectedFace]],
) -> None:
    ben = make_student("ben")
    late = class_session.starts_at + dt.timedelta(minutes=20)
    [face, _stranger] = recognised("zoe", "yan", taken_at=late)
    decide_face(face=face, decision=Decision.STUDENT, student=ben, by=teacher)
    record = AttendanceRecord.objects.get()
    assert (record.student, record.source, record.face) == (ben, Source.MANUAL, face)
    event = AuditEvent.objects.get(action="face.decided")
    assert (event.actor_id, event.new) == (teacher.pk, {"decision": "STUDENT", "student": ben.pk})


def test_wrong_guess_is_withdrawn_remembered_and_solved_anew(
    recognisable: Recognisable,
    class_session: ClassSession,
    teacher: User,
    recognised: Callable[..., list[DetectedFace]],
) -> None:
    recognisable("ada")
    ben = recognisable("ben")
    [left, right] = recognised("ada", Look("ada", 0.8))
    assert (left.outcome, right.outcome) == (Outcome.MARKED, Outcome.UNKNOWN)
    decide_face(face=left, decision=Decision.STUDENT, student=ben, by=teacher)
    right.refresh_from_db()
    assert right.outcome == Outcome.MARKED
    assert marks(class_session) == {
        "Ada": (Status.PRESENT, Source.RECOGNISED),
        "Ben": (Status.PRESENT, Source.MANUAL),
    }
    assert AttendanceRecord.objects.get(student__name="Ada").face == right


def test_not_in_class_takes_the_machines_mark_back_until_another_photo_shows_the_student(
    recognisable: Recognisable,
    class_session: ClassSession,
    teacher: User,
    recognised: Callable[..., list[DetectedFace]],
) -> None:
    ada = recognisable("ada")
    [face] = recognised("ada")
    decided = decide_face(face=face, decision=Decision.NOT_IN_CLASS, by=teacher)
    assert (decided.outcome, decided.rejected, marks(class_session)) == (Outcome.UNKNOWN, [ada.pk], {})
    recognised(Look("ada", 0.9))
    assert marks(class_session) == {"Ada": (Status.PRESENT, Source.RECOGNISED)}


def test_mark_by_hand_outlives_a_rejected_face(
    recognisable: Recognisable,
    class_session: ClassSession,
    teacher: User,
    recognised: Callable[..., list[DetectedFace]],
) -> None:
    ada = recognisable("ada")
    [face] = recognised("ada")
    records.set_status(session=class_session, student=ada, status=Status.LATE, by=teacher)
    decide_face(face=face, decision=Decision.NOT_A_FACE, by=teacher)
    assert marks(class_session) == {"Ada": (Status.LATE, Source.MANUAL)}


def test_changed_mind_moves_the_mark_and_taking_it_back_lets_the_machine_speak(
    recognisable: Recognisable,
    class_session: ClassSession,
    teacher: User,
    recognised: Callable[..., list[DetectedFace]],
) -> None:
    recognisable("ada")
    ben, cem = recognisable("ben"), recognisable("cem")
    [face] = recognised("ada")
    for student in (ben, cem):
        decide_face(face=face, decision=Decision.STUDENT, student=student, by=teacher)
        assert marks(class_session) == {student.name: (Status.PRESENT, Source.MANUAL)}
    decided = decide_face(face=face, decision=Decision.NONE, by=teacher)
    assert (decided.outcome, decided.decided_by, decided.rejected) == (Outcome.MARKED, None, [])
    assert marks(class_session) == {"Ada": (Status.PRESENT, Source.RECOGNISED)}


def test_refuses_what_makes_no_sense(
    make_student: Recognisable,
    other_course: object,
    class_session: ClassSession,
    teacher: User,
    recognised: Callable[..., list[DetectedFace]],
) -> None:
    stranger = make_student("ben", course=other_course)
    [face] = recognised("zoe")
    for decision, student in (("STUDENT", None), ("NOT_A_FACE", stranger), ("MAYBE", None)):
        with pytest.raises(InvalidValue):
            decide_face(face=face, decision=decision, student=student, by=teacher)
    with pytest.raises(NotEnrolled):
        decide_face(face=face, decision=Decision.STUDENT, student=stranger, by=teacher)
    face.refresh_from_db()
    assert face.decision == Decision.NONE
    sessions.finalise_session(session=class_session, by=teacher)
    with pytest.raises(SessionClosed):
        decide_face(face=face, decision=Decision.NOT_A_FACE, by=teacher)


def test_outsider_is_said_of_somebody_not_in_class_and_goes_with_another_word(
    teacher: User, recognised: Callable[..., list[DetectedFace]]
) -> None:
    [face] = recognised("zoe")
    guest = decide_face(face=face, decision=Decision.NOT_IN_CLASS, outsider="GUEST", by=teacher)
    assert (guest.decision, guest.outsider) == (Decision.NOT_IN_CLASS, "GUEST")
    decide_face(face=face, decision=Decision.NOT_A_FACE, by=teacher)
    face.refresh_from_db()
    assert face.outsider == ""
    first, second = AuditEvent.objects.filter(action="face.decided").order_by("pk")
    assert first.new == second.old == {"decision": "NOT_IN_CLASS", "student": None, "outsider": "GUEST"}
    for decision, outsider in (("NOT_A_FACE", "GUEST"), ("NOT_IN_CLASS", "ALIEN")):
        with pytest.raises(InvalidValue):
            decide_face(face=face, decision=decision, outsider=outsider, by=teacher)


def test_closing_the_session_drops_all_vectors_and_their_key(
    recognisable: Recognisable,
    class_session: ClassSession,
    teacher: User,
    recognised: Callable[..., list[DetectedFace]],
) -> None:
    recognisable("ada")
    recognised("ada", "zoe")
    sessions.finalise_session(session=class_session, by=teacher)
    assert not DetectedFace.objects.exclude(sealed_embedding=None).exists()
    class_session.refresh_from_db()
    assert class_session.wrapped_key is None
    assert Snapshot.objects.get().face_count == 2
