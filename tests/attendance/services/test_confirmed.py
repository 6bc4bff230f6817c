"""A teacher's confirmation as one more template: kept with consent, from good crops, and taken back easily."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.utils import timezone

from attendance.models import (
    AuditEvent,
    ClassSession,
    Consent,
    DetectedFace,
    FaceTemplate,
    SchoolSettings,
    Selfie,
    Status,
    Student,
    User,
)
from attendance.services import enrolling, gallery, model_change, privacy, recognition, records, snapshots
from attendance.services.faces_review import decide_face
from attendance.services.gallery.confirmed import KEPT_DAYS
from tests.fakes import Look, class_photo, selfie_of

Recognisable = Callable[..., Student]
Recognised = Callable[..., list[DetectedFace]]
Decision = DetectedFace.Decision


def publish(admin: User, *, keeps_confirmed: bool) -> None:
    gallery.publish_policy(
        by=admin,
        text="Confirmed faces help to find you.",
        lawful_basis="consent",
        photo_retention_days=30,
        template_retention_days=400,
        keeps_confirmed=keeps_confirmed,
    )


@pytest.fixture
def agreeing_school(school: SchoolSettings, admin: User) -> None:
    """A school whose privacy text says that confirmed faces are kept."""
    publish(admin, keeps_confirmed=True)


@pytest.fixture
def recognised(class_session: ClassSession, teacher: User) -> Recognised:
    """Upload a photo of these people, let a worker do it, give its faces from left to right."""

    def do(*people: str | Look, seed: int = 0) -> list[DetectedFace]:
        data = class_photo(*people, seed=seed)
        added = snapshots.add_snapshot(session=class_session, data=data, by=teacher)
        recognition.recognise(added.snapshot.pk)
        return list(added.snapshot.faces.order_by("x"))

    return do


@pytest.fixture
def ada(agreeing_school: None, recognisable: Recognisable) -> Student:
    return recognisable("ada")


def confirm(face: DetectedFace, student: Student, by: User) -> DetectedFace:
    return decide_face(face=face, decision=Decision.STUDENT, student=student, by=by)


def kept(student: Student) -> int:
    return gallery.confirmed_templates().filter(student=student).count()


def weak(*, seed: int = 0, likeness: float = 0.45) -> Look:
    """Ada as the machine misses her: below the threshold of 0.5; ``seed`` makes other fog by another size."""
    return Look("ada", likeness, size_px=64 + seed)


class TestWhenOneIsKept:
    def test_missed_student_is_found_in_another_photo_once_confirmed(
        self, ada: Student, teacher: User, recognised: Recognised
    ) -> None:
        [missed, _far] = recognised(weak(), "zoe")
        [missed_too, _other] = recognised(weak(), "yan", seed=1)
        assert [missed.outcome, missed_too.outcome] == ["UNCERTAIN", "UNCERTAIN"]
        confirm(missed, ada, teacher)
        missed_too.refresh_from_db()
        assert (kept(ada), missed_too.outcome, missed_too.student) == (1, "MARKED", ada)
        template = gallery.confirmed_templates().get()
        assert (template.face, template.selfie) == (missed, None)
        event = AuditEvent.objects.get(action="template.kept")
        assert (event.actor_id, event.student_id) == (teacher.pk, ada.pk)

    def test_nothing_is_kept_without_a_word_on_it_in_the_privacy_text(
        self, recognisable: Recognisable, admin: User, teacher: User, recognised: Recognised
    ) -> None:
        ada = recognisable("ada")
        [face, _other] = recognised(weak(), "zoe")
        confirm(face, ada, teacher)
        assert kept(ada) == 0
        publish(admin, keeps_confirmed=True)  # Ada agreed to the version before
        confirm(face, ada, teacher)
        assert kept(ada) == 0
        gallery.give_consent(student=ada, by=admin)
        confirm(face, ada, teacher)
        assert kept(ada) == 1

    def test_machines_own_mark_keeps_nothing(self, ada: Student, recognised: Recognised) -> None:
        [face] = recognised(Look("ada", 0.9, size_px=64))
        assert (face.outcome, kept(ada)) == ("MARKED", 0)

    def test_small_crop_is_not_kept(self, ada: Student, teacher: User, recognised: Recognised) -> None:
        [face, _other] = recognised(Look("ada", 0.9, size_px=56), "zoe")
        confirm(face, ada, teacher)
        assert kept(ada) == 0

    def test_crop_that_nobody_measured_is_not_kept(self, ada: Student, teacher: User, recognised: Recognised) -> None:
        [face, _other] = recognised(weak(), "zoe")
        DetectedFace.objects.update(quality={})
        confirm(face, ada, teacher)
        assert kept(ada) == 0

    def test_slip_of_the_finger_is_not_kept(
        self, ada: Student, recognisable: Recognisable, teacher: User, recognised: Recognised
    ) -> None:
        ben = recognisable("ben")
        [face, _other] = recognised(weak(), "zoe")
        confirm(face, ben, teacher)
        assert kept(ben) == 0

    def test_look_alikes_get_none_and_lose_those_they_had(
        self, ada: Student, make_student: Recognisable, admin: User, teacher: User, recognised: Recognised
    ) -> None:
        [face, _other] = recognised(weak(), "zoe")
        confirm(face, ada, teacher)
        twin = make_student("ben")
        gallery.give_consent(student=twin, by=admin)
        selfie = gallery.add_selfie(student=twin, data=selfie_of(Look("ada", 0.9), seed=1), by=admin)
        gallery.process_selfie(selfie.pk)
        selfie.refresh_from_db()
        assert selfie.verdict == Selfie.Verdict.HELD
        enrolling.review_held_selfie(selfie=selfie, accept=True, by=teacher)
        assert kept(ada) == 0
        [again, _other] = recognised(weak(), "yan", seed=1)
        confirm(again, ada, teacher)
        assert (kept(ada), kept(twin)) == (0, 0)

    def test_fourth_replaces_the_oldest(self, ada: Student, teacher: User, recognised: Recognised) -> None:
        faces = [recognised(weak(seed=number), "zoe", seed=number)[0] for number in range(4)]
        for face in faces:
            confirm(face, ada, teacher)
        standing = gallery.confirmed_templates().order_by("created_at").values_list("face", flat=True)
        assert list(standing) == [face.pk for face in faces[1:]]

    def test_same_word_twice_keeps_one(self, ada: Student, teacher: User, recognised: Recognised) -> None:
        [face, _other] = recognised(weak(), "zoe")
        confirm(face, ada, teacher)
        confirm(face, ada, teacher)
        assert kept(ada) == 1


class TestHowItIsTakenBack:
    @pytest.fixture
    def face(self, ada: Student, teacher: User, recognised: Recognised) -> DetectedFace:
        """A face that was confirmed and kept."""
        [face, _other] = recognised(weak(), "zoe")
        confirm(face, ada, teacher)
        assert kept(ada) == 1
        return face

    @pytest.mark.parametrize("decision", [Decision.NONE, Decision.NOT_IN_CLASS, Decision.NOT_A_FACE])
    def test_another_word_on_the_face(
        self, face: DetectedFace, ada: Student, teacher: User, decision: Decision
    ) -> None:
        decide_face(face=face, decision=decision, by=teacher)
        assert kept(ada) == 0
        assert AuditEvent.objects.filter(action="template.removed", student_id=ada.pk).count() == 1

    def test_somebody_elses_name(
        self, face: DetectedFace, ada: Student, recognisable: Recognisable, teacher: User
    ) -> None:
        confirm(face, recognisable("ben"), teacher)
        assert kept(ada) == 0

    def test_undoing_the_mark(
        self, face: DetectedFace, ada: Student, class_session: ClassSession, teacher: User
    ) -> None:
        records.undo(session=class_session, by=teacher)
        assert kept(ada) == 0

    def test_clearing_the_mark_or_saying_absent(
        self, face: DetectedFace, ada: Student, class_session: ClassSession, teacher: User
    ) -> None:
        records.set_status(session=class_session, student=ada, status=Status.LATE, by=teacher)
        assert kept(ada) == 1
        records.set_status(session=class_session, student=ada, status=Status.ABSENT, by=teacher)
        assert kept(ada) == 0
        confirm(face, ada, teacher)
        assert kept(ada) == 1
        records.clear_status(session=class_session, student=ada, by=teacher)
        assert kept(ada) == 0

    def test_deleting_the_photo(self, face: DetectedFace, ada: Student, teacher: User) -> None:
        snapshots.delete_snapshot(snapshot=face.snapshot, by=teacher)
        assert kept(ada) == 0

    def test_withdrawal_by_hand_only_and_erasure(
        self, face: DetectedFace, ada: Student, teacher: User, admin: User
    ) -> None:
        gallery.withdraw_consent(student=ada, by=teacher)
        assert not FaceTemplate.objects.exists()

    def test_by_hand_only(self, face: DetectedFace, ada: Student, teacher: User) -> None:
        gallery.set_by_hand_only(student=ada, on=True, by=teacher)
        assert not FaceTemplate.objects.exists()

    def test_erasure_counts_it_in_the_receipt(self, face: DetectedFace, ada: Student, admin: User) -> None:
        assert privacy.erase_student(student=ada, by=admin).templates == 2
        assert not FaceTemplate.objects.exists()

    def test_removing_the_last_selfie(self, face: DetectedFace, ada: Student, teacher: User) -> None:
        gallery.remove_selfie(selfie=ada.selfies.get(), by=teacher)
        assert kept(ada) == 0

    def test_privacy_text_that_no_longer_says_so(self, face: DetectedFace, ada: Student, admin: User) -> None:
        publish(admin, keeps_confirmed=False)
        assert (kept(ada), FaceTemplate.objects.count()) == (0, 1)

    def test_model_change(self, face: DetectedFace, ada: Student, admin: User) -> None:
        change = model_change.set_face_model(name="other", by=admin)
        model_change.change_model(change.pk)
        assert kept(ada) == 0

    def test_rebuilding_the_gallery_still_sees_what_selfies_lack(
        self, face: DetectedFace, ada: Student, recognisable: Recognisable, admin: User
    ) -> None:
        ben = recognisable("ben")
        FaceTemplate.objects.filter(student=ben).delete()
        change = model_change.rebuild_gallery(by=admin)
        while model_change.change_model(change.pk):
            pass
        assert ben.templates.count() == 1

    def test_age(self, face: DetectedFace, ada: Student) -> None:
        just_in_time = timezone.now() - dt.timedelta(days=KEPT_DAYS - 1)
        FaceTemplate.objects.filter(face=face).update(created_at=just_in_time)
        privacy.retention()
        assert kept(ada) == 1
        FaceTemplate.objects.filter(face=face).update(created_at=just_in_time - dt.timedelta(days=2))
        assert privacy.retention().templates == 1
        assert (kept(ada), FaceTemplate.objects.count()) == (0, 1)

    def test_by_the_teacher_or_the_student_with_one_word(self, face: DetectedFace, ada: Student, teacher: User) -> None:
        assert gallery.remove_confirmed(student=ada, by=teacher) == 1
        assert ada.templates.count() == 1

    def test_reading_the_photo_anew_keeps_it_with_its_face(self, face: DetectedFace, ada: Student) -> None:
        photo = face.snapshot
        photo.state = "QUEUED"
        photo.save()
        recognition.recognise(photo.pk)
        template = gallery.confirmed_templates().get()
        assert (template.face.snapshot, template.face.decided_student) == (photo, ada)  # type: ignore[union-attr]

    def test_withdrawn_consent_is_never_searched(
        self, face: DetectedFace, ada: Student, recognised: Recognised
    ) -> None:
        Consent.objects.update(withdrawn_at=timezone.now())
        [missed, _other] = recognised(weak(), "yan", seed=1)
        assert missed.candidates == []
