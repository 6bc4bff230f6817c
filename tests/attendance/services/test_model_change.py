"""Another recogniser for the school, without a minute's gap."""

from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from attendance.checks import check_face_model
from attendance.models import (
    ClassSession,
    FaceModelChange,
    FaceTemplate,
    SchoolSettings,
    Selfie,
    Student,
    User,
    WorkState,
)
from attendance.services import engine, face_model, files, gallery, model_change, recognition, snapshots
from attendance.services.errors import EngineNotReady, InvalidValue
from faces.types import RGBImage
from tests.fakes import FakePipeline, class_photo, selfie_of

Recognisable = Callable[..., Student]


def models_of_templates() -> list[str]:
    return sorted(FaceTemplate.objects.values_list("model_id", flat=True))


def test_all_selfies_are_embedded_anew_and_the_school_switches(recognisable: Recognisable, admin: User) -> None:
    for name in ("ada", "ben"):
        recognisable(name)
    change = model_change.set_face_model(name="facenet", by=admin)
    assert face_model.active_recogniser() == "sface-dlib"
    assert model_change.change_model(change.pk) is False
    change.refresh_from_db()
    assert (change.state, change.total, change.done, change.skipped) == (WorkState.DONE, 2, 2, [])
    assert models_of_templates() == ["fake-facenet-1", "fake-facenet-1"]
    school = SchoolSettings.objects.get()
    assert (school.face_model, school.face_model_id) == ("facenet", "fake-facenet-1")


def test_photos_are_recognised_before_and_after(
    recognisable: Recognisable, class_session: ClassSession, teacher: User
) -> None:
    recognisable("ada")
    change = model_change.set_face_model(name="facenet", by=None)
    for seed in range(2):
        added = snapshots.add_snapshot(session=class_session, data=class_photo("ada", seed=seed), by=teacher)
        recognition.recognise(added.snapshot.pk)
        assert added.snapshot.faces.get().outcome == "MARKED"
        model_change.change_model(change.pk)
    assert set(class_session.snapshots.values_list("model_id", flat=True)) == {"fake-sface-dlib-1", "fake-facenet-1"}


def test_slice_that_ran_out_of_time_goes_on_where_it_stopped(recognisable: Recognisable, settings: Settings) -> None:
    for name in ("ada", "ben"):
        recognisable(name)
    change = model_change.set_face_model(name="facenet", by=None)
    settings.LEASE_SECONDS = 0
    assert model_change.change_model(change.pk) is True
    change.refresh_from_db()
    assert (change.state, change.attempts) == (WorkState.QUEUED, 0)
    assert SchoolSettings.objects.get().face_model == "sface-dlib"
    settings.LEASE_SECONDS = 120
    assert model_change.change_model(change.pk) is False
    assert SchoolSettings.objects.get().face_model == "facenet"


def test_selfie_that_the_new_model_cannot_use_is_skipped_and_said(
    recognisable: Recognisable, private_files: object
) -> None:
    recognisable("ada")
    recognisable("ben")
    lost = Selfie.objects.order_by("pk")[0]
    files.remove(lost.image.name)
    change = model_change.set_face_model(name="facenet", by=None)
    model_change.change_model(change.pk)
    change.refresh_from_db()
    assert (change.state, change.skipped, change.done) == (WorkState.DONE, [lost.pk], 2)
    assert models_of_templates() == ["fake-facenet-1"]


def test_selfie_accepted_during_the_change_is_not_forgotten(recognisable: Recognisable, settings: Settings) -> None:
    recognisable("ada")
    change = model_change.set_face_model(name="facenet", by=None)
    settings.LEASE_SECONDS = 0
    model_change.change_model(change.pk)
    settings.LEASE_SECONDS = 120
    recognisable("ben")
    model_change.change_model(change.pk)
    assert models_of_templates() == ["fake-facenet-1", "fake-facenet-1"]


def test_selfie_embedded_by_the_old_model_across_the_switch_is_queued_again(
    student: Student, recognisable: Recognisable, teacher: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognisable("ben")
    gallery.give_consent(student=student, by=teacher)
    selfie = gallery.add_selfie(student=student, data=selfie_of("ada"), by=teacher)
    embed = FakePipeline.embed_selfie

    def switch_meanwhile(pipeline: FakePipeline, image: RGBImage) -> engine.Face:
        monkeypatch.undo()
        model_change.change_model(model_change.set_face_model(name="facenet", by=None).pk)
        return embed(pipeline, image)

    monkeypatch.setattr(FakePipeline, "embed_selfie", switch_meanwhile)
    with pytest.raises(EngineNotReady):
        gallery.process_selfie(selfie.pk)
    selfie.refresh_from_db()
    assert (selfie.state, selfie.attempts) == (WorkState.QUEUED, 0)
    assert models_of_templates() == ["fake-facenet-1"]


def test_newer_change_takes_the_place_of_a_running_one(school: SchoolSettings) -> None:
    first = model_change.set_face_model(name="facenet", by=None)
    assert model_change.set_face_model(name="facenet", by=None) == first
    model_change.set_face_model(name="arcface", by=None)
    first.refresh_from_db()
    assert first.state == WorkState.CANCELLED
    with pytest.raises(InvalidValue):
        model_change.set_face_model(name=" ", by=None)


def test_change_to_a_model_without_weights_waits_and_the_old_one_works(recognisable: Recognisable) -> None:
    recognisable("ada")
    change = model_change.set_face_model(name="missing", by=None)
    with pytest.raises(EngineNotReady):
        model_change.change_model(change.pk)
    change.refresh_from_db()
    assert (change.state, change.attempts) == (WorkState.QUEUED, 0)
    assert face_model.active_pipeline().model_id == "fake-sface-dlib-1"


def test_change_to_a_name_that_no_model_has_fails_with_a_reason(recognisable: Recognisable) -> None:
    recognisable("ada")
    change = model_change.set_face_model(name="unknown", by=None)
    assert model_change.change_model(change.pk) is False
    change.refresh_from_db()
    assert (change.state, change.failure_code) == (WorkState.FAILED, "unknown-face-model")
    assert face_model.active_pipeline().model_id == "fake-sface-dlib-1"


class TestOtherModelThanTheTemplates:
    def test_is_refused_with_the_command_to_run(self, recognisable: Recognisable, settings: Settings) -> None:
        recognisable("ada")
        settings.FACE_MODEL = "facenet"
        with pytest.raises(EngineNotReady, match=r"Run: manage\.py set_face_model facenet"):
            face_model.active_pipeline()
        [error] = check_face_model(None, databases=["default"])
        assert error.id == "attendance.E004"
        assert check_face_model(None) == []

    def test_is_taken_while_there_are_no_templates(self, school: SchoolSettings, settings: Settings) -> None:
        settings.FACE_MODEL = "facenet"
        assert face_model.active_pipeline().model_id == "fake-facenet-1"

    def test_waits_with_the_old_one_while_the_change_runs(self, recognisable: Recognisable, settings: Settings) -> None:
        recognisable("ada")
        settings.FACE_MODEL = "facenet"
        model_change.set_face_model(name="facenet", by=None)
        assert face_model.active_pipeline().model_id == "fake-sface-dlib-1"

    def test_other_recipe_of_the_same_name_is_refused_too(self, recognisable: Recognisable) -> None:
        recognisable("ada")
        FaceTemplate.objects.update(model_id="fake-sface-dlib-0")
        SchoolSettings.objects.update(face_model_id="fake-sface-dlib-0")
        with pytest.raises(EngineNotReady, match="set_face_model sface"):
            face_model.active_pipeline()
        model_change.change_model(model_change.set_face_model(name="sface-dlib", by=None).pk)
        assert face_model.active_pipeline().model_id == "fake-sface-dlib-1"


class TestCommands:
    def test_set_face_model_starts_the_change(self, school: SchoolSettings) -> None:
        call_command("set_face_model", "facenet")
        assert FaceModelChange.objects.get().face_model == "facenet"

    def test_set_face_model_reports_a_change_that_gave_way(
        self, school: SchoolSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("time.sleep", lambda seconds: FaceModelChange.objects.update(state=WorkState.CANCELLED))
        with pytest.raises(CommandError, match="took its place"):
            call_command("set_face_model", "facenet", "--wait")

    def test_set_face_model_waits_till_the_end(
        self, recognisable: Recognisable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        recognisable("ada")
        monkeypatch.setattr(
            "time.sleep", lambda seconds: model_change.change_model(FaceModelChange.objects.latest("pk").pk)
        )
        call_command("set_face_model", "facenet", "--wait")
        assert "Switched to facenet: 1 selfies embedded, 0 without" in capsys.readouterr().out

    def test_rebuild_gallery_makes_missing_templates_again(self, recognisable: Recognisable) -> None:
        recognisable("ada")
        FaceTemplate.objects.all().delete()
        call_command("rebuild_gallery")
        model_change.change_model(FaceModelChange.objects.get().pk)
        assert models_of_templates() == ["fake-sface-dlib-1"]
