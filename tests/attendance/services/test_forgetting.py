"""Who withdraws, wants to be marked by hand or is erased leaves no vector and no name on faces, wherever they were."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.utils import timezone

from attendance.models import (
    AttendanceRecord,
    ClassSession,
    DetectedFace,
    FaceModelChange,
    MarkDifference,
    SchoolSettings,
    ShadowPhoto,
    Snapshot,
    Student,
    User,
)
from attendance.services import (
    faces_review,
    gallery,
    model_change,
    privacy,
    recognition,
    sessions,
    shadow,
    snapshots,
    strangers,
)
from tests.fakes import Look, class_photo

Recognisable = Callable[..., Student]
Take = Callable[..., Snapshot]


@pytest.fixture
def take(teacher: User) -> Take:
    """Take a class photo in a session and let the present model look at it."""

    def taken(session: ClassSession, *people: str | Look, seed: int = 0) -> Snapshot:
        photo = class_photo(*people, seed=seed)
        snapshot = snapshots.add_snapshot(session=session, data=photo, by=teacher).snapshot
        recognition.recognise(snapshot.pk)
        return snapshot

    return taken


@pytest.fixture
def next_session(class_session: ClassSession, teacher: User) -> ClassSession:
    """The course's meeting after this morning's."""
    starts_at = class_session.starts_at + dt.timedelta(hours=3)
    return ClassSession.objects.create(
        course=class_session.course,
        starts_at=starts_at,
        ends_at=starts_at + dt.timedelta(hours=1),
        held_on=class_session.held_on,
        created_by=teacher,
    )


def named_on(student: Student) -> set[int]:
    """Faces on which a student is a candidate or was said not to be meant."""
    faces = DetectedFace.objects.all()
    return {one.pk for one in faces if student.pk in {*(pk for pk, _ in one.candidates), *one.rejected}}


def faces_of(student: Student) -> list[DetectedFace]:
    return list(DetectedFace.objects.filter(student=student))


class TestFacesInClassPhotos:
    @pytest.mark.parametrize("way", ["withdrawal", "by hand only"])
    def test_nothing_is_left_after_a_word_on_another_face_and_erasure(
        self,
        way: str,
        recognisable: Recognisable,
        take: Take,
        class_session: ClassSession,
        next_session: ClassSession,
        teacher: User,
        admin: User,
    ) -> None:
        ada, ben = recognisable("ada"), recognisable("ben")
        for session in (class_session, next_session):
            take(session, "ada", "ben", "zoe")
        hers = {face.pk for face in faces_of(ada)}
        assert (len(hers), bool(named_on(ada))) == (2, True)
        if way == "withdrawal":
            gallery.withdraw_consent(student=ada, by=teacher)
        else:
            gallery.set_by_hand_only(student=ada, on=True, by=teacher)
        for face in faces_of(ben):
            faces_review.decide_face(face=face, decision="STUDENT", student=ben, by=teacher)
        assert {face.student_id for face in DetectedFace.objects.filter(pk__in=hers)} == {ada.pk}
        assert not strangers.unknown_faces(class_session.course).filter(pk__in=hers).exists()
        assert AttendanceRecord.objects.filter(student=ada, status="PRESENT").count() == 2
        privacy.erase_student(student=ada, by=admin)
        assert not DetectedFace.objects.filter(pk__in=hers, sealed_embedding__isnull=False).exists()
        assert named_on(ada) == set()
        assert all(face.sealed_embedding for face in faces_of(ben))
        assert strangers.unknown_faces(class_session.course).count() == 2

    def test_face_that_was_denied_or_nearest_goes_too(
        self, recognisable: Recognisable, take: Take, class_session: ClassSession, teacher: User
    ) -> None:
        ada = recognisable("ada")
        denied, nearest = take(class_session, "ada").faces.get(), take(class_session, "ada", seed=1).faces.get()
        faces_review.decide_face(face=denied, decision="NOT_IN_CLASS", by=teacher)
        DetectedFace.objects.filter(pk=nearest.pk).update(outcome="UNKNOWN", student=None)
        gallery.withdraw_consent(student=ada, by=teacher)
        assert named_on(ada) == set()
        assert not DetectedFace.objects.filter(sealed_embedding__isnull=False).exists()

    def test_final_sessions_lose_the_name_as_well(
        self, recognisable: Recognisable, take: Take, class_session: ClassSession, teacher: User
    ) -> None:
        ada, ben = recognisable("ada"), recognisable("ben")
        take(class_session, "ada", "ben")
        sessions.finalise_session(session=class_session, by=teacher)
        gallery.withdraw_consent(student=ada, by=teacher)
        assert named_on(ada) == set()
        assert named_on(ben)


def held() -> FaceModelChange:
    """A change that has compared all photos and waits for its switch."""
    change = model_change.set_face_model(name="facenet", by=None, when_done=False)
    model_change.change_model(change.pk)
    change.refresh_from_db()
    return change


def difference(change: FaceModelChange, session: ClassSession, student: Student) -> None:
    MarkDifference.objects.create(
        change=change, session=session, student=student, old_outcome="MARKED", new_outcome="UNKNOWN"
    )


class TestComparisons:
    @pytest.fixture
    def ada(self, recognisable: Recognisable) -> Student:
        return recognisable("ada")

    @pytest.fixture
    def change(
        self, ada: Student, recognisable: Recognisable, take: Take, class_session: ClassSession
    ) -> FaceModelChange:
        """A change that compared a photo of Ada and Ben, and found that Ada's mark would go."""
        recognisable("ben")
        take(class_session, "ada", "ben")
        made = held()
        difference(made, class_session, ada)
        return made

    def test_go_with_the_student_and_do_not_come_back(
        self, change: FaceModelChange, ada: Student, take: Take, class_session: ClassSession, teacher: User
    ) -> None:
        assert str(ada.pk) in change.photos.get().outcomes
        gallery.withdraw_consent(student=ada, by=teacher)
        assert len(change.photos.get().outcomes) == 1
        take(class_session, "ada", "ben", seed=1)
        FaceModelChange.objects.update(not_before=timezone.now() - dt.timedelta(seconds=1))
        model_change.change_model(change.pk)
        assert change.photos.count() == 2
        assert not any(str(ada.pk) in photo.outcomes for photo in change.photos.all())
        assert not MarkDifference.objects.exists()

    def test_who_withdraws_while_a_photo_is_compared_is_left_out(
        self, ada: Student, take: Take, class_session: ClassSession, teacher: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take(class_session, "ada")
        compare = shadow._outcomes

        def and_then_withdraw(*args: object) -> shadow.Found:
            found = compare(*args)  # type: ignore[arg-type]
            gallery.withdraw_consent(student=ada, by=teacher)
            assert ada.pk in found
            return found

        monkeypatch.setattr(shadow, "_outcomes", and_then_withdraw)
        assert held().photos.get().outcomes == {}
        assert not MarkDifference.objects.exists()

    def test_switch_keeps_the_list_for_a_while_and_the_counts_for_good(
        self, change: FaceModelChange, school: SchoolSettings
    ) -> None:
        model_change.switch(change=change, by=None)
        model_change.change_model(change.pk)
        change.refresh_from_db()
        assert (change.photos.count(), change.differences.count()) == (0, 1)
        privacy.retention()
        assert change.differences.count() == 1
        old = timezone.now() - dt.timedelta(days=privacy.COMPARISON_DAYS, minutes=1)
        FaceModelChange.objects.update(finished_at=old)
        privacy.retention()
        change.refresh_from_db()
        assert change.differences.count() == 0
        assert (change.photos_done, change.removed_templates) == (1, 2)

    def test_cancelled_change_keeps_none(self, change: FaceModelChange) -> None:
        model_change.set_face_model(name="other", by=None)
        assert not ShadowPhoto.objects.exists()
        assert not MarkDifference.objects.exists()

    def test_are_told_to_the_student_with_the_faces(self, change: FaceModelChange, ada: Student, admin: User) -> None:
        told = privacy.student_export(student=ada, by=admin)
        [face], [one] = told["faces"], told["comparisons"]
        assert (face["outcome"], face["snapshot_session_course_name"]) == ("MARKED", "Physics")
        assert face["similarity"] == pytest.approx(1.0, abs=0.01)
        assert (one["old_outcome"], one["new_outcome"]) == ("MARKED", "UNKNOWN")
