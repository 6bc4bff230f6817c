"""From a photo to the register."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone

from attendance.models import (
    AttendanceRecord,
    ClassSession,
    DetectedFace,
    Enrolment,
    Selfie,
    Snapshot,
    Source,
    Status,
    Student,
    User,
    WorkState,
)
from attendance.services import gallery, recognition, records, sessions, snapshots
from tests.fakes import Look, class_photo

Recognisable = Callable[..., Student]
Outcome = DetectedFace.Outcome


@pytest.fixture
def recognised(class_session: ClassSession, teacher: User) -> Callable[..., Snapshot]:
    """Upload a photo of these people and let a worker do it."""

    def do(*people: str | Look, seed: int = 0, taken_at: dt.datetime | None = None) -> Snapshot:
        data = class_photo(*people, seed=seed, taken_at=taken_at)
        added = snapshots.add_snapshot(session=class_session, data=data, by=teacher)
        recognition.recognise(added.snapshot.pk)
        added.snapshot.refresh_from_db()
        return added.snapshot

    return do


def marks(session: ClassSession) -> dict[str, str]:
    return {record.student.name: record.status for record in session.records.select_related("student")}


def test_student_in_the_photo_is_marked_and_absent_one_is_not(
    recognisable: Recognisable, class_session: ClassSession, recognised: Callable[..., Snapshot]
) -> None:
    recognisable("ada")
    recognisable("ben")
    snapshot = recognised("ada", "zoe")
    assert (snapshot.state, snapshot.face_count, snapshot.attempts) == (WorkState.DONE, 2, 1)
    assert marks(class_session) == {"Ada": Status.PRESENT}
    record = AttendanceRecord.objects.get()
    assert record.source == Source.RECOGNISED
    assert record.face is not None
    assert (record.face.outcome, record.face.student_id) == (Outcome.MARKED, record.student_id)
    stranger = snapshot.faces.exclude(pk=record.face.pk).get()
    assert (stranger.outcome, stranger.student) == (Outcome.UNKNOWN, None)


def test_photo_without_faces_is_done(class_session: ClassSession, recognised: Callable[..., Snapshot]) -> None:
    snapshot = recognised()
    assert (snapshot.state, snapshot.face_count) == (WorkState.DONE, 0)


def test_second_photo_adds_students_and_takes_no_mark_away(
    recognisable: Recognisable, class_session: ClassSession, recognised: Callable[..., Snapshot]
) -> None:
    recognisable("ada")
    recognisable("ben")
    recognised("ada")
    recognised("ben")
    assert marks(class_session) == {"Ada": Status.PRESENT, "Ben": Status.PRESENT}


def test_second_face_of_same_student_is_not_counted_twice(
    recognisable: Recognisable, class_session: ClassSession, recognised: Callable[..., Snapshot]
) -> None:
    recognisable("ada")
    snapshot = recognised("ada", Look("ada", 0.8))
    assert sorted(face.outcome for face in snapshot.faces.all()) == [Outcome.MARKED, Outcome.UNKNOWN]
    assert class_session.records.count() == 1


def test_face_just_below_the_threshold_is_uncertain_and_marks_nobody(
    recognisable: Recognisable, class_session: ClassSession, recognised: Callable[..., Snapshot]
) -> None:
    ada = recognisable("ada")
    face = recognised(Look("ada", 0.45)).faces.get()
    assert (face.outcome, face.student_id) == (Outcome.UNCERTAIN, ada.pk)
    assert face.similarity == pytest.approx(0.45, abs=0.03)
    assert face.candidates[0][0] == ada.pk
    assert marks(class_session) == {}


def test_face_far_below_the_threshold_is_unknown(
    recognisable: Recognisable, recognised: Callable[..., Snapshot]
) -> None:
    recognisable("ada")
    assert recognised(Look("ada", 0.3)).faces.get().outcome == Outcome.UNKNOWN


def test_nobody_is_asked_about_a_student_who_was_seen_already(
    recognisable: Recognisable, recognised: Callable[..., Snapshot]
) -> None:
    recognisable("ada")
    recognised("ada")
    assert recognised(Look("ada", 0.45)).faces.get().outcome == Outcome.UNKNOWN


def test_mark_by_hand_is_never_touched(
    recognisable: Recognisable, class_session: ClassSession, teacher: User, recognised: Callable[..., Snapshot]
) -> None:
    ada = recognisable("ada")
    records.set_status(session=class_session, student=ada, status=Status.EXCUSED, by=teacher)
    recognised("ada")
    record = AttendanceRecord.objects.get()
    assert (record.status, record.source) == (Status.EXCUSED, Source.MANUAL)


def test_course_that_wants_suggestions_gets_no_marks(
    recognisable: Recognisable, class_session: ClassSession, recognised: Callable[..., Snapshot]
) -> None:
    ada = recognisable("ada")
    class_session.course.suggestions_only = True
    class_session.course.save()
    face = recognised("ada").faces.get()
    assert (face.outcome, face.student_id) == (Outcome.UNCERTAIN, ada.pk)
    assert marks(class_session) == {}


def test_photo_taken_late_marks_late_and_an_earlier_photo_betters_it(
    recognisable: Recognisable, class_session: ClassSession, recognised: Callable[..., Snapshot]
) -> None:
    recognisable("ada")
    class_session.starts_at = timezone.now() - dt.timedelta(hours=2)
    class_session.ends_at = class_session.starts_at + dt.timedelta(minutes=90)
    class_session.save()
    recognised("ada", taken_at=class_session.starts_at + dt.timedelta(minutes=40))
    assert marks(class_session) == {"Ada": Status.LATE}
    recognised("ada", taken_at=class_session.starts_at + dt.timedelta(minutes=5))
    assert marks(class_session) == {"Ada": Status.PRESENT}


@pytest.mark.parametrize("reason", ["withdrawn", "by_hand", "left", "held", "other_course"])
def test_only_who_is_enrolled_and_agrees_is_looked_for(
    reason: str,
    recognisable: Recognisable,
    class_session: ClassSession,
    teacher: User,
    today: dt.date,
    other_course: object,
    recognised: Callable[..., Snapshot],
) -> None:
    ada = recognisable("ada", course=other_course) if reason == "other_course" else recognisable("ada")
    if reason == "withdrawn":
        gallery.withdraw_consent(student=ada, by=teacher)
    elif reason == "by_hand":
        gallery.set_by_hand_only(student=ada, on=True, by=teacher)
    elif reason == "left":
        Enrolment.objects.update(ends_on=today - dt.timedelta(days=1))
    elif reason == "held":
        Selfie.objects.update(verdict=Selfie.Verdict.HELD)
    face = recognised("ada").faces.get()
    assert (face.outcome, face.student, face.candidates) == (Outcome.UNKNOWN, None, [])


def test_photo_that_cannot_be_decoded_fails_at_once_with_a_sentence(snapshot: Snapshot, private_files: Path) -> None:
    (private_files / str(snapshot.image.name)).write_bytes(b"no picture any more")
    recognition.recognise(snapshot.pk)
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.failure_code, snapshot.attempts) == (WorkState.FAILED, "bad-photo", 1)
    assert "photo" in snapshot.failure_reason


def test_photo_whose_file_is_gone_fails_with_a_reason(snapshot: Snapshot, private_files: Path) -> None:
    (private_files / str(snapshot.image.name)).unlink()
    recognition.recognise(snapshot.pk)
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.failure_code) == (WorkState.FAILED, "not-found")


def test_photo_done_after_the_session_closed_keeps_no_vector_and_marks_nobody(
    recognisable: Recognisable, class_session: ClassSession, teacher: User
) -> None:
    recognisable("ada")
    added = snapshots.add_snapshot(session=class_session, data=class_photo("ada"), by=teacher)
    sessions.finalise_session(session=class_session, by=teacher, mark_absent=False)
    recognition.recognise(added.snapshot.pk)
    face = DetectedFace.objects.get()
    assert face.sealed_embedding is None
    assert class_session.records.count() == 0
    class_session.refresh_from_db()
    assert class_session.wrapped_key is None


def test_teachers_word_on_a_face_survives_another_run(
    recognisable: Recognisable, class_session: ClassSession, teacher: User, recognised: Callable[..., Snapshot]
) -> None:
    ada, ben = recognisable("ada"), recognisable("ben")
    snapshot = recognised("ada", "zoe")
    stranger = snapshot.faces.get(outcome=Outcome.UNKNOWN)
    stranger.decision, stranger.decided_student, stranger.decided_by = DetectedFace.Decision.STUDENT, ben, teacher
    stranger.save()
    known = snapshot.faces.get(outcome=Outcome.MARKED)
    known.rejected = [ada.pk]
    known.save()
    Snapshot.objects.update(state=WorkState.QUEUED)
    recognition.recognise(snapshot.pk)
    left, right = snapshot.faces.order_by("x")
    assert (right.decision, right.decided_student_id) == (DetectedFace.Decision.STUDENT, ben.pk)
    assert (left.rejected, left.outcome, left.student) == ([ada.pk], Outcome.UNKNOWN, None)


def test_embeddings_lie_sealed_and_under_the_sessions_own_key(
    class_session: ClassSession, recognised: Callable[..., Snapshot]
) -> None:
    face = recognised("zoe").faces.get()
    class_session.refresh_from_db()
    assert class_session.wrapped_key is not None
    assert face.sealed_embedding is not None
    assert len(face.sealed_embedding) == 128 * 4 + 12 + 16
