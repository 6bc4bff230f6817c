"""Both generations side by side: what would differ, the switch, the receipt, and what is looked at again."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from attendance import sweeper
from attendance.models import (
    AttendanceRecord,
    AuditEvent,
    ClassSession,
    DetectedFace,
    FaceCalibration,
    FaceModelChange,
    FaceTemplate,
    MarkDifference,
    SchoolSettings,
    ShadowPhoto,
    Snapshot,
    Student,
    User,
    WorkState,
)
from attendance.services import (
    engine,
    face_model,
    faces_review,
    files,
    model_change,
    queue,
    recognition,
    renewal,
    sessions,
    shadow,
    snapshots,
)
from attendance.services.errors import WrongState
from tests.fakes import Look, class_photo

Recognisable = Callable[..., Student]
Take = Callable[..., Snapshot]


@pytest.fixture
def take(class_session: ClassSession, teacher: User) -> Take:
    """Take a class photo and let the present model look at it."""

    def taken(*people: str | Look, seed: int = 0) -> Snapshot:
        photo = class_photo(*people, seed=seed)
        snapshot = snapshots.add_snapshot(session=class_session, data=photo, by=teacher).snapshot
        recognition.recognise(snapshot.pk)
        snapshot.refresh_from_db()
        return snapshot

    return taken


def threshold_of_facenet(value: float) -> None:
    """Make the coming model stricter or laxer than the present one, by its calibration."""
    FaceCalibration.objects.create(
        model_id="fake-facenet-1",
        threshold_cosine=value,
        kind=FaceCalibration.Kind.COMPARISONS,
        rate=0.01,
        rate_upper=0.02,
        impostors=1000,
        accepted_impostors=10,
        genuine=10,
        rejected_genuine=0,
        origin=FaceCalibration.Origin.PAIRS,
    )


def held(by: User | None = None) -> FaceModelChange:
    """Run a change up to where it waits."""
    change = model_change.set_face_model(name="facenet", by=by, when_done=False)
    assert model_change.change_model(change.pk) is False
    change.refresh_from_db()
    return change


def finish(change: FaceModelChange, *, by: User | None = None) -> FaceModelChange:
    model_change.switch(change=change, by=by)
    assert model_change.change_model(change.pk) is False
    change.refresh_from_db()
    return change


class TestComparison:
    def test_waits_ready_and_the_old_model_goes_on(self, recognisable: Recognisable, take: Take) -> None:
        recognisable("ada")
        take("ada")
        change = held()
        assert (change.state, change.photos_done, change.photos_total) == (WorkState.QUEUED, 1, 1)
        assert change.ready_at is not None
        assert change.not_before > timezone.now()
        assert SchoolSettings.objects.get().face_model == "sface-dlib"
        assert FaceTemplate.objects.count() == 2
        assert take("ada", seed=1).faces.get().outcome == "MARKED"
        assert not MarkDifference.objects.exists()

    def test_mark_that_would_go_is_listed_with_both_similarities(self, recognisable: Recognisable, take: Take) -> None:
        ada, _ben = recognisable("ada"), recognisable("ben")
        threshold_of_facenet(0.9)
        take(Look("ada", 0.7), "ben")
        change = held()
        listed = change.differences.get()
        assert (listed.student, listed.old_outcome, listed.new_outcome) == (ada, "MARKED", "UNKNOWN")
        assert (listed.standing, listed.source) == ("PRESENT", "RECOGNISED")
        assert listed.old_similarity == pytest.approx(0.7, abs=0.05)

    def test_mark_that_would_come_is_listed(self, recognisable: Recognisable, take: Take, settings: Settings) -> None:
        settings.UNCERTAIN_MARGIN = 0.0
        ada = recognisable("ada")
        threshold_of_facenet(0.3)
        take(Look("ada", 0.4))
        listed = held().differences.get()
        assert (listed.student, listed.old_outcome, listed.new_outcome) == (ada, "UNKNOWN", "MARKED")
        assert (listed.standing, listed.source) == ("", "")
        assert listed.new_similarity == pytest.approx(0.4, abs=0.05)

    def test_teachers_words_hold_for_both(self, recognisable: Recognisable, take: Take, teacher: User) -> None:
        ada, ben = recognisable("ada"), recognisable("ben")
        threshold_of_facenet(0.3)
        photo = take(Look("ada", 0.4), Look("ben", 0.4))
        first, second = photo.faces.order_by("x")
        faces_review.decide_face(face=first, decision="STUDENT", student=ada, by=teacher)
        DetectedFace.objects.filter(pk=second.pk).update(rejected=[ben.pk])
        assert not held().differences.exists()

    def test_second_photo_may_take_a_difference_back(self, recognisable: Recognisable, take: Take) -> None:
        recognisable("ada")
        threshold_of_facenet(0.9)
        take(Look("ada", 0.7))
        change = held()
        assert change.differences.count() == 1
        take("ada", seed=1)
        model_change.change_model(change.pk)
        assert change.photos.count() == 1  # not due yet
        FaceModelChange.objects.update(not_before=timezone.now() - dt.timedelta(seconds=1))
        model_change.change_model(change.pk)
        assert (change.photos.count(), change.differences.count()) == (2, 0)

    def test_final_sessions_take_part_and_old_ones_do_not(
        self, recognisable: Recognisable, take: Take, class_session: ClassSession, teacher: User, today: dt.date
    ) -> None:
        recognisable("ada")
        threshold_of_facenet(0.9)
        take(Look("ada", 0.7))
        sessions.finalise_session(session=class_session, by=teacher)
        assert held().differences.count() == 1
        ClassSession.objects.update(held_on=today - dt.timedelta(days=shadow.RECENT_DAYS + 1))
        FaceModelChange.objects.update(state=WorkState.CANCELLED)
        assert held().photos_done == 0

    def test_photo_that_cannot_be_read_is_passed_over(self, recognisable: Recognisable, take: Take) -> None:
        recognisable("ada")
        photo = take("ada")
        files.remove(photo.image.name)
        change = held()
        assert (change.photos.get().readable, change.differences.count()) == (False, 0)

    def test_no_vector_is_kept(self, recognisable: Recognisable, take: Take) -> None:
        recognisable("ada")
        take("ada", "zoe")
        held()
        [outcome] = ShadowPhoto.objects.get().outcomes.values()
        assert outcome == ["MARKED", pytest.approx(1.0, abs=0.01)]
        assert set(DetectedFace.objects.values_list("model_id", flat=True)) == {"fake-sface-dlib-1"}

    def test_goes_photo_by_photo_and_lets_a_class_go_first(
        self, recognisable: Recognisable, take: Take, class_session: ClassSession, teacher: User
    ) -> None:
        recognisable("ada")
        for seed in range(3):
            take("ada", seed=seed)
        change = model_change.set_face_model(name="facenet", by=None, when_done=False)
        waiting = snapshots.add_snapshot(session=class_session, data=class_photo("ada", seed=9), by=teacher).snapshot
        for done in (0, 1, 2):  # a selfie, then photos, one a slice while the class waits
            assert model_change.change_model(change.pk) is True
            change.refresh_from_db()
            assert change.photos_done == done
        recognition.recognise(waiting.pk)
        assert model_change.change_model(change.pk) is False
        change.refresh_from_db()
        assert (change.photos_done, change.attempts) == (4, 0)

    def test_slice_that_lost_its_claim_writes_nothing(self, recognisable: Recognisable, take: Take) -> None:
        recognisable("ada")
        photo = take("ada")
        change = held()
        ShadowPhoto.objects.all().delete()
        claim = queue.Claim(FaceModelChange, change.pk, token=99, attempt=1)
        pipeline = engine.pipeline("facenet")
        assert shadow.look_at(claim, change, photo, pipeline) is False
        assert not ShadowPhoto.objects.exists()


class TestSwitch:
    def test_by_an_admin_deletes_the_old_vectors_with_a_receipt(
        self, recognisable: Recognisable, take: Take, admin: User
    ) -> None:
        for name in ("ada", "ben"):
            recognisable(name)
        take("ada", "zoe")
        change = finish(held(by=admin), by=admin)
        assert (change.state, change.switched_by) == (WorkState.DONE, admin)
        receipt = (change.removed_model_id, change.removed_templates, change.removed_probes)
        assert receipt == ("fake-sface-dlib-1", 2, 2)
        assert change.switched_at is not None
        event = AuditEvent.objects.get(action="face_model.vectors_deleted")
        assert (event.actor_id, event.old, event.new) == (
            admin.pk,
            {"model_id": "fake-sface-dlib-1"},
            {"templates": 2, "probes": 2},
        )
        assert set(FaceTemplate.objects.values_list("model_id", flat=True)) == {"fake-facenet-1"}
        assert not DetectedFace.objects.filter(model_id="fake-sface-dlib-1", sealed_embedding__isnull=False).exists()

    def test_of_what_is_not_ready_or_at_an_end_is_refused(self, recognisable: Recognisable) -> None:
        recognisable("ada")
        change = model_change.set_face_model(name="facenet", by=None, when_done=False)
        with pytest.raises(WrongState):
            model_change.switch(change=change, by=None)
        finish_ready = held()
        finish(finish_ready)
        with pytest.raises(WrongState):
            model_change.switch(change=finish_ready, by=None)

    def test_embeds_first_whoever_enrolled_while_it_waited(self, recognisable: Recognisable) -> None:
        recognisable("ada")
        change = held()
        recognisable("ben")
        assert finish(change).done == 2
        assert FaceTemplate.objects.filter(model_id="fake-facenet-1").count() == 2

    def test_there_is_no_moment_without_recognition(
        self, recognisable: Recognisable, take: Take, settings: Settings
    ) -> None:
        for name in ("ada", "ben", "cem"):
            recognisable(name)
        seed = iter(range(100))

        def works() -> str:
            photo = take("ada", "ben", seed=next(seed))
            assert {face.outcome for face in photo.faces.all()} == {"MARKED"}
            return photo.model_id

        assert works() == "fake-sface-dlib-1"
        settings.LEASE_SECONDS = 0
        change = model_change.set_face_model(name="facenet", by=None, when_done=False)
        while model_change.change_model(change.pk):
            assert works() == "fake-sface-dlib-1"
            if next(seed) > 12:
                settings.LEASE_SECONDS = 120
        assert works() == "fake-sface-dlib-1"
        settings.LEASE_SECONDS = 120
        finish(change)
        assert works() == "fake-facenet-1"


class TestOpenSessionsAfterTheSwitch:
    def test_are_looked_at_again_and_keep_marks_and_words(
        self, recognisable: Recognisable, take: Take, teacher: User
    ) -> None:
        ada, ben, cem = recognisable("ada"), recognisable("ben"), recognisable("cem")
        photo = take("ada", Look("ben", 0.1), "zoe")
        _first, second, third = photo.faces.order_by("x")
        faces_review.decide_face(face=second, decision="STUDENT", student=ben, by=teacher)
        DetectedFace.objects.filter(pk=third.pk).update(rejected=[cem.pk])
        finish(held())
        photo.refresh_from_db()
        assert (photo.state, photo.attempts) == (WorkState.QUEUED, 0)
        recognition.recognise(photo.pk)
        photo.refresh_from_db()
        assert (photo.state, photo.model_id) == (WorkState.DONE, "fake-facenet-1")
        first, second, third = photo.faces.order_by("x")
        assert (first.student, second.decided_student, third.rejected) == (ada, ben, [cem.pk])
        marks = dict(AttendanceRecord.objects.values_list("student", "source"))
        assert marks == {ada.pk: "RECOGNISED", ben.pk: "MANUAL"}
        assert AttendanceRecord.objects.get(student=ada).face == first
        recognisable("zoe")
        assert all(face.sealed_embedding for face in photo.faces.all())

    def test_final_ones_stay_as_they_are(
        self, recognisable: Recognisable, take: Take, class_session: ClassSession, teacher: User
    ) -> None:
        recognisable("ada")
        photo = take("ada")
        sessions.finalise_session(session=class_session, by=teacher)
        finish(held())
        photo.refresh_from_db()
        assert (photo.state, photo.model_id) == (WorkState.DONE, "fake-sface-dlib-1")

    def test_come_a_few_at_a_time_and_behind_the_class(
        self, recognisable: Recognisable, take: Take, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(renewal, "AT_A_TIME", 2)
        recognisable("ada")
        for seed in range(3):
            take("ada", seed=seed)
        finish(held())
        assert Snapshot.objects.unfinished().count() == 2
        assert renewal.queue_stale_photos() == 0
        recognition.recognise(Snapshot.objects.unfinished()[0].pk)
        sweeper.sweep(thorough=False)
        assert Snapshot.objects.unfinished().count() == 2
        for photo in Snapshot.objects.unfinished():
            recognition.recognise(photo.pk)
        assert renewal.queue_stale_photos() == 0
        assert set(Snapshot.objects.values_list("model_id", flat=True)) == {"fake-facenet-1"}

    def test_nothing_is_queued_for_a_recipe_that_has_no_templates(self, recognisable: Recognisable, take: Take) -> None:
        recognisable("ada")
        take("ada")
        SchoolSettings.objects.update(face_model_id="fake-sface-dlib-0")
        assert renewal.queue_stale_photos() == 0


class TestCommand:
    def test_holds_tells_and_switches(
        self, recognisable: Recognisable, take: Take, capsys: pytest.CaptureFixture[str]
    ) -> None:
        recognisable("ada")
        threshold_of_facenet(0.9)
        take(Look("ada", 0.7))
        call_command("set_face_model", "facenet", "--hold")
        change = FaceModelChange.objects.get()
        call_command("set_face_model", "--status")
        assert "at work" in capsys.readouterr().out
        model_change.change_model(change.pk)
        call_command("set_face_model", "--status")
        told = capsys.readouterr().out
        assert "ready; waiting for --switch" in told
        assert "1 of 1 recent photos compared" in told
        assert "1 marks would differ" in told
        assert "Physics, Ada: PRESENT RECOGNISED; MARKED 0.7" in told
        call_command("set_face_model", "--switch")
        model_change.change_model(change.pk)
        call_command("set_face_model", "--status")
        assert "by the command line: 1 templates and 1 faces' vectors of fake-sface-dlib-1 deleted" in (
            capsys.readouterr().out
        )

    def test_says_what_it_cannot_do(self, school: SchoolSettings, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(CommandError, match="no change"):
            call_command("set_face_model", "--switch")
        with pytest.raises(CommandError, match="Name a face model"):
            call_command("set_face_model")
        call_command("set_face_model", "--status")
        assert "never changed" in capsys.readouterr().out

    def test_waiting_ends_where_the_change_waits(
        self, recognisable: Recognisable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        recognisable("ada")
        monkeypatch.setattr(
            "time.sleep", lambda seconds: model_change.change_model(FaceModelChange.objects.latest("pk").pk)
        )
        call_command("set_face_model", "facenet", "--hold", "--wait")
        assert "ready; waiting" in capsys.readouterr().out


def test_threshold_of_the_coming_model_is_its_own(recognisable: Recognisable) -> None:
    threshold_of_facenet(0.77)
    assert face_model.threshold_cosine(engine.pipeline("facenet")) == 0.77
