"""Selfies, consent, and who can be recognised."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from attendance.models import (
    AttendanceRecord,
    AuditEvent,
    Consent,
    Course,
    Enrolment,
    FaceTemplate,
    PolicyText,
    SchoolSettings,
    Selfie,
    Student,
    User,
    WorkState,
)
from attendance.services import gallery, keys, recognition, sealing, snapshots
from attendance.services.errors import (
    BadPhoto,
    ByHandOnly,
    FaceFeaturesOff,
    InvalidValue,
    NoConsent,
    SelfieTwin,
    WrongState,
)
from attendance.services.sealing import SealBroken
from tests.fakes import FakePipeline, Look, class_photo, selfie_of

Recognisable = Callable[..., Student]
Verdict = Selfie.Verdict


@pytest.fixture
def agreeing(student: Student, school: SchoolSettings, teacher: User) -> Student:
    """Ada, who has agreed and given no selfie yet."""
    gallery.give_consent(student=student, by=teacher)
    return student


@pytest.fixture
def enrol(school: SchoolSettings, teacher: User) -> Callable[..., Selfie]:
    """Give a selfie and let a worker do it."""

    def do(student: Student, looks: str | Look, *, seed: int = 0, extra: bool = False) -> Selfie:
        if gallery.standing_consent(student) is None:
            gallery.give_consent(student=student, by=teacher)
        selfie = gallery.add_selfie(student=student, data=selfie_of(looks, seed=seed), by=teacher, extra=extra)
        gallery.process_selfie(selfie.pk)
        selfie.refresh_from_db()
        return selfie

    return do


def test_accepted_selfie_makes_one_template_of_the_schools_model(
    agreeing: Student, enrol: Callable[..., Selfie]
) -> None:
    selfie = enrol(agreeing, "ada")
    assert (selfie.state, selfie.verdict) == (WorkState.DONE, Verdict.ACCEPTED)
    template = FaceTemplate.objects.get()
    assert (template.student, template.model_id) == (agreeing, FakePipeline().model_id)
    assert SchoolSettings.objects.get().face_model_id == template.model_id
    assert selfie.quality["face_px"] == 60


def test_picture_and_template_open_with_the_students_own_key_only(
    agreeing: Student, make_student: Recognisable, enrol: Callable[..., Selfie], private_files: Path
) -> None:
    selfie = enrol(agreeing, "ada")
    other = enrol(make_student("ben"), "ben")
    sealed = (private_files / str(selfie.image.name)).read_bytes()
    assert b"JFIF" not in sealed
    key, place = keys.student_key(agreeing.pk), keys.selfie_place(selfie)
    assert sealing.open_sealed(sealed, key=key, context=place).startswith(b"\xff\xd8")
    with pytest.raises(SealBroken):
        sealing.open_sealed(sealed, key=keys.student_key(other.student_id), context=place)
    with pytest.raises(SealBroken):
        sealing.open_sealed(sealed, key=key, context=keys.selfie_place(other))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (class_photo(), "no-face"),
        (class_photo("ada", "ben"), "several-faces"),
        (selfie_of(Look("ada", size_px=20)), "small"),
    ],
    ids=["none", "two", "tiny"],
)
def test_unusable_selfie_fails_with_reason_and_leaves_no_template(
    data: bytes, code: str, agreeing: Student, teacher: User
) -> None:
    selfie = gallery.add_selfie(student=agreeing, data=data, by=teacher)
    gallery.process_selfie(selfie.pk)
    selfie.refresh_from_db()
    assert (selfie.state, selfie.failure_code, selfie.verdict) == (WorkState.FAILED, code, Verdict.PENDING)
    assert len(selfie.failure_reason) > 15
    assert not FaceTemplate.objects.exists()


def test_old_selfie_stays_until_the_new_one_is_accepted(
    agreeing: Student, enrol: Callable[..., Selfie], teacher: User, private_files: Path
) -> None:
    first = enrol(agreeing, "ada")
    bad = gallery.add_selfie(student=agreeing, data=class_photo(), by=teacher)
    gallery.process_selfie(bad.pk)
    first.refresh_from_db()
    assert first.verdict == Verdict.ACCEPTED
    name = str(first.image.name)
    second = enrol(agreeing, "ada", seed=1)
    first.refresh_from_db()
    assert (first.verdict, bool(first.image), second.verdict) == (Verdict.REPLACED, False, Verdict.ACCEPTED)
    assert not (private_files / name).exists()
    assert FaceTemplate.objects.get().selfie == second
    assert not Selfie.objects.filter(pk=bad.pk).exists()


def test_three_selfies_stand_at_most(agreeing: Student, enrol: Callable[..., Selfie]) -> None:
    made = [enrol(agreeing, "ada", seed=seed, extra=True) for seed in range(4)]
    standing = Selfie.objects.filter(verdict=Verdict.ACCEPTED).values_list("pk", flat=True)
    assert set(standing) == {selfie.pk for selfie in made[1:]}
    assert FaceTemplate.objects.count() == 3


def test_same_picture_again_is_the_same_selfie_and_a_replaced_one_can_come_back(
    agreeing: Student, enrol: Callable[..., Selfie]
) -> None:
    first = enrol(agreeing, "ada")
    assert enrol(agreeing, "ada") == first
    enrol(agreeing, "ada", seed=1)
    back = enrol(agreeing, "ada")
    assert (back.verdict, back == first) == (Verdict.ACCEPTED, False)


def test_very_same_picture_of_two_students_is_refused_without_a_name(
    agreeing: Student, make_student: Recognisable, enrol: Callable[..., Selfie], teacher: User
) -> None:
    enrol(agreeing, "ada")
    ben = make_student("ben")
    gallery.give_consent(student=ben, by=teacher)
    with pytest.raises(SelfieTwin) as refusal:
        gallery.add_selfie(student=ben, data=selfie_of("ada"), by=teacher)
    assert "Ada" not in str(refusal.value)


class TestLookAlikes:
    def test_selfie_that_looks_like_a_classmate_is_held_and_not_searched(
        self, agreeing: Student, make_student: Recognisable, enrol: Callable[..., Selfie]
    ) -> None:
        enrol(agreeing, "ada")
        held = enrol(make_student("ben"), "ada", seed=1)
        assert (held.verdict, held.look_alike) == (Verdict.HELD, agreeing)
        assert "ada" not in held.failure_reason.lower()

    def test_stranger_who_barely_reaches_the_threshold_is_not_held(
        self, agreeing: Student, make_student: Recognisable, enrol: Callable[..., Selfie]
    ) -> None:
        enrol(agreeing, "ada")
        assert enrol(make_student("ben"), Look("ada", 0.53), seed=1).verdict == Verdict.ACCEPTED

    def test_student_of_no_common_course_does_not_hold_it(
        self, agreeing: Student, make_student: Recognisable, enrol: Callable[..., Selfie], other_course: Course
    ) -> None:
        enrol(agreeing, "ada")
        assert enrol(make_student("ben", course=other_course), "ada", seed=1).verdict == Verdict.ACCEPTED

    def test_accepted_pair_is_asked_and_never_marked(
        self,
        agreeing: Student,
        make_student: Recognisable,
        enrol: Callable[..., Selfie],
        class_session: object,
        teacher: User,
    ) -> None:
        enrol(agreeing, "ada")
        held = enrol(make_student("ben"), Look("ada", 0.9), seed=1)
        gallery.review_held_selfie(selfie=held, accept=True, by=teacher)
        added = snapshots.add_snapshot(session=class_session, data=class_photo("ada"), by=teacher)  # type: ignore[arg-type]
        recognition.recognise(added.snapshot.pk)
        face = added.snapshot.faces.get()
        assert face.outcome == "UNCERTAIN"
        assert {pk for pk, _similarity in face.candidates} == {agreeing.pk, held.student_id}

    def test_pair_that_meets_on_a_roster_only_later_is_asked_too(
        self,
        agreeing: Student,
        make_student: Recognisable,
        enrol: Callable[..., Selfie],
        course: Course,
        other_course: Course,
        class_session: object,
        teacher: User,
    ) -> None:
        enrol(agreeing, "ada")
        twin = make_student("ben", course=other_course)
        assert enrol(twin, Look("ada", 0.9), seed=1).verdict == Verdict.ACCEPTED
        Enrolment.objects.create(course=course, student=twin, starts_on=course.term.starts_on)
        added = snapshots.add_snapshot(session=class_session, data=class_photo("ada"), by=teacher)  # type: ignore[arg-type]
        recognition.recognise(added.snapshot.pk)
        assert added.snapshot.faces.get().outcome == "UNCERTAIN"
        assert not AttendanceRecord.objects.exists()

    def test_refused_one_is_gone_with_its_template(
        self,
        agreeing: Student,
        make_student: Recognisable,
        enrol: Callable[..., Selfie],
        teacher: User,
        private_files: Path,
    ) -> None:
        enrol(agreeing, "ada")
        held = enrol(make_student("ben"), "ada", seed=1)
        name = str(held.image.name)
        gallery.review_held_selfie(selfie=held, accept=False, by=teacher)
        assert not Selfie.objects.filter(pk=held.pk).exists()
        assert FaceTemplate.objects.count() == 1
        assert not (private_files / name).exists()
        with pytest.raises(WrongState):
            gallery.review_held_selfie(selfie=Selfie.objects.get(), accept=True, by=teacher)


class TestWhoMayGiveOne:
    def test_nothing_is_kept_before_a_policy_is_published(self, student: Student, teacher: User) -> None:
        with pytest.raises(FaceFeaturesOff):
            gallery.add_selfie(student=student, data=selfie_of("ada"), by=teacher)
        with pytest.raises(FaceFeaturesOff):
            gallery.give_consent(student=student, by=teacher)

    def test_nothing_is_kept_without_consent(self, student: Student, school: SchoolSettings, teacher: User) -> None:
        with pytest.raises(NoConsent):
            gallery.add_selfie(student=student, data=selfie_of("ada"), by=teacher)

    def test_nothing_is_kept_of_a_student_marked_by_hand(self, agreeing: Student, teacher: User) -> None:
        gallery.set_by_hand_only(student=agreeing, on=True, by=teacher)
        with pytest.raises(ByHandOnly):
            gallery.add_selfie(student=agreeing, data=selfie_of("ada"), by=teacher)

    def test_bad_file_is_refused_at_once(self, agreeing: Student, teacher: User, private_files: Path) -> None:
        with pytest.raises(BadPhoto):
            gallery.add_selfie(student=agreeing, data=b"text", by=teacher)
        assert not Selfie.objects.exists()

    def test_consent_withdrawn_while_the_worker_is_at_it_leaves_no_template(
        self, agreeing: Student, teacher: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        selfie = gallery.add_selfie(student=agreeing, data=selfie_of("ada"), by=teacher)
        embed = FakePipeline.embed_selfie

        def withdraw_meanwhile(pipeline: FakePipeline, image: object) -> object:
            Consent.objects.update(withdrawn_at=dt.datetime.now(dt.UTC))
            return embed(pipeline, image)  # type: ignore[arg-type]

        monkeypatch.setattr(FakePipeline, "embed_selfie", withdraw_meanwhile)
        gallery.process_selfie(selfie.pk)
        assert not FaceTemplate.objects.exists()
        assert not Selfie.objects.exists()


class TestConsent:
    def test_yes_is_to_one_version_and_a_new_text_asks_anew(self, agreeing: Student, admin: User) -> None:
        first = gallery.standing_consent(agreeing)
        assert gallery.give_consent(student=agreeing, by=admin) == first
        gallery.publish_policy(
            by=admin, text="New.", lawful_basis="consent", photo_retention_days=1, template_retention_days=1
        )
        second = gallery.give_consent(student=agreeing, by=admin)
        assert [consent.policy.version for consent in Consent.objects.order_by("pk")] == [1, 2]
        assert Consent.objects.filter(withdrawn_at=None).get() == second

    def test_withdrawal_deletes_selfie_template_file_and_key_at_once(
        self, recognisable: Recognisable, teacher: User, private_files: Path
    ) -> None:
        ada = recognisable("ada")
        gallery.withdraw_consent(student=ada, by=teacher)
        ada.refresh_from_db()
        assert (Selfie.objects.count(), FaceTemplate.objects.count(), ada.wrapped_key) == (0, 0, None)
        assert [path for path in private_files.rglob("*") if path.is_file()] == []
        event = AuditEvent.objects.get(action="consent.withdrawn")
        assert (event.actor_id, event.student_id, event.new) == (teacher.pk, ada.pk, {"consents": 1, "selfies": 1})

    def test_policy_needs_text_basis_and_a_time(self, admin: User) -> None:
        good = {"text": "t", "lawful_basis": "b", "photo_retention_days": 1, "template_retention_days": 1}
        for bad in ({"text": " "}, {"lawful_basis": ""}, {"photo_retention_days": 0}):
            with pytest.raises(InvalidValue):
                gallery.publish_policy(by=admin, **(good | bad))  # type: ignore[arg-type]
        assert not PolicyText.objects.exists()


class TestReadiness:
    def test_says_who_can_be_recognised_and_who_is_missing(
        self, recognisable: Recognisable, make_student: Recognisable, course: Course, today: dt.date, teacher: User
    ) -> None:
        recognisable("ada")
        ben, cem = make_student("ben"), make_student("cem")
        gallery.set_by_hand_only(student=cem, on=True, by=teacher)
        ready = gallery.readiness(gallery.roster_rows(course, day=today), day=today)
        assert (ready.enrolled, ready.recognisable, ready.by_hand, ready.held) == (3, 1, 1, 0)
        assert ready.missing == [ben]

    def test_same_number_of_queries_for_one_student_and_for_three(
        self, recognisable: Recognisable, course: Course, today: dt.date
    ) -> None:
        counts = []
        for names in (["ada"], ["ben", "cem"]):
            for name in names:
                recognisable(name)
            with CaptureQueriesContext(
                connection,
            ) as queries:
                rows = gallery.roster_rows(course, day=today)
            counts.append((len(rows), len(queries)))
        assert counts == [(1, 7), (3, 7)]

    def test_every_look_at_a_selfie_is_written_down(self, recognisable: Recognisable, teacher: User) -> None:
        recognisable("ada")
        selfie = Selfie.objects.get()
        assert gallery.open_selfie_image(selfie=selfie, by=teacher).startswith(b"\xff\xd8")
        event = AuditEvent.objects.get(action="selfie.viewed")
        assert (event.actor_id, event.object_id) == (teacher.pk, str(selfie.pk))

    def test_removed_selfie_is_gone_with_file_and_template(
        self, recognisable: Recognisable, teacher: User, private_files: Path
    ) -> None:
        recognisable("ada")
        gallery.remove_selfie(selfie=Selfie.objects.get(), by=teacher)
        assert not FaceTemplate.objects.exists()
        assert [path for path in private_files.rglob("*") if path.is_file()] == []

    def test_failed_selfie_can_be_tried_again(self, agreeing: Student, teacher: User) -> None:
        selfie = gallery.add_selfie(student=agreeing, data=class_photo(), by=teacher)
        with pytest.raises(WrongState):
            gallery.retry_selfie(selfie=selfie, by=teacher)
        gallery.process_selfie(selfie.pk)
        assert gallery.retry_selfie(selfie=selfie, by=teacher).state == WorkState.QUEUED
