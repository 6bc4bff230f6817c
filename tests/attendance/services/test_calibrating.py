"""The threshold from confirmed faces and from pairs: counted, stored, and taken before the recipe's own."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from attendance.models import AuditEvent, ClassSession, DetectedFace, FaceCalibration, Selfie, Student, User
from attendance.services import calibrating, engine, face_model, faces_review, recognition, snapshots
from attendance.services.calibrating import Scores
from attendance.services.errors import InvalidValue, TooFewComparisons
from tests.fakes import Look, class_photo

Recognisable = Callable[..., Student]
Kind = FaceCalibration.Kind
MODEL = "fake-sface-dlib-1"


def scores(*, genuine: int = 4, impostors: int = 1000) -> Scores:
    return Scores(
        model_id=MODEL,
        genuine=np.linspace(0.6, 0.9, genuine, dtype=np.float32),
        impostors=np.linspace(0.0, 0.5, impostors, dtype=np.float32),
        largest_roster=10,
        origin=FaceCalibration.Origin.PAIRS,
    )


@pytest.fixture
def confirmed(recognisable: Recognisable, class_session: ClassSession, teacher: User) -> list[Student]:
    """Five on the roster; a teacher has confirmed Ada and Ben in a photo, and called Zoe nobody of this class."""
    students = [recognisable(name) for name in ("ada", "ben", "cem", "dee", "eli")]
    photo = class_photo("ada", Look("ben", 0.7), "zoe", "cem")
    snapshot = snapshots.add_snapshot(session=class_session, data=photo, by=teacher).snapshot
    recognition.recognise(snapshot.pk)
    faces = list(snapshot.faces.order_by("x"))
    for face, student in zip(faces, students[:2], strict=False):
        faces_review.decide_face(face=face, decision="STUDENT", student=student, by=teacher)
    faces_review.decide_face(face=faces[2], decision="NOT_IN_CLASS", student=None, by=teacher)
    return students


class TestScoresOfSessions:
    def test_are_those_of_faces_that_a_teacher_spoke_about(self, confirmed: list[Student]) -> None:
        found = calibrating.scores_of_sessions()
        assert (len(found.genuine), len(found.impostors)) == (2, 4 + 4 + 5)  # Cem, left as marked, counts as nothing
        assert found.genuine.max() == pytest.approx(1.0, abs=0.01)
        assert found.genuine.min() == pytest.approx(0.7, abs=0.05)
        assert np.abs(found.impostors).max() < 0.5
        assert (found.model_id, found.largest_roster) == (MODEL, 5)

    def test_leave_out_what_is_no_face_and_a_final_session(
        self, confirmed: list[Student], class_session: ClassSession
    ) -> None:
        DetectedFace.objects.filter(decision="NOT_IN_CLASS").update(decision="NOT_A_FACE")
        assert len(calibrating.scores_of_sessions().impostors) == 8
        ClassSession.objects.update(wrapped_key=None)
        assert len(calibrating.scores_of_sessions().impostors) == 0

    def test_leave_out_look_alikes(self, confirmed: list[Student]) -> None:
        Selfie.objects.filter(student=confirmed[0]).update(look_alike=confirmed[1])
        found = calibrating.scores_of_sessions()
        assert (len(found.genuine), len(found.impostors)) == (2, 3 + 3 + 5)

    @pytest.mark.parametrize("change", ["withdrawn", "by hand only", "erased"])
    def test_leave_out_whose_face_is_compared_no_more(self, confirmed: list[Student], change: str) -> None:
        ada, now = Student.objects.filter(pk=confirmed[0].pk), timezone.now()
        if change == "withdrawn":
            confirmed[0].consents.update(withdrawn_at=now)
        else:
            erased = {"erased_at": now, "wrapped_key": None}
            ada.update(**({"by_hand_only": True} if change == "by hand only" else erased))
        found = calibrating.scores_of_sessions()
        assert (len(found.genuine), len(found.impostors)) == (1, 3 + 4)  # Ben's and Zoe's face with the other four

    def test_of_a_school_without_sessions_are_none(self, school: object) -> None:
        found = calibrating.scores_of_sessions()
        assert (len(found.genuine), len(found.impostors)) == (0, 0)


class TestCalibrated:
    def test_comparisons_keep_the_rate(self, db: None) -> None:
        found = calibrating.calibrated(scores(), rate=0.01, kind=Kind.COMPARISONS)
        assert (found.accepted_impostors, found.gallery_size) == (10, 1)
        assert found.threshold_cosine == pytest.approx(0.495, abs=0.001)

    def test_searches_take_the_roster_into_account(self, db: None) -> None:
        found = calibrating.calibrated(scores(), rate=0.05, kind=Kind.SEARCHES)
        assert (found.accepted_impostors, found.gallery_size) == (5, 10)
        smaller = calibrating.calibrated(scores(), rate=0.05, kind=Kind.SEARCHES, gallery_size=5)
        assert smaller.threshold_cosine < found.threshold_cosine

    def test_too_few_say_what_they_can_state(self, db: None) -> None:
        with pytest.raises(TooFewComparisons, match=r"1000 comparisons.*takes 6000.* state 0\.003 "):
            calibrating.calibrated(scores(), rate=0.0005, kind=Kind.COMPARISONS)
        assert calibrating.calibrated(scores(), rate=0.003, kind=Kind.COMPARISONS).accepted_impostors == 3

    def test_what_too_few_can_state_for_searches_holds_too(self, db: None) -> None:
        with pytest.raises(TooFewComparisons, match=r"state 0\.029") as refused:
            calibrating.calibrated(scores(), rate=0.0005, kind=Kind.SEARCHES)
        least = float(refused.value.message.split("state ")[1].split(" ")[0])
        assert calibrating.calibrated(scores(), rate=least, kind=Kind.SEARCHES).impostors == 1000

    @pytest.mark.parametrize("rate", [0.0, 1.0, -1.0])
    def test_rate_that_is_none_is_refused(self, db: None, rate: float) -> None:
        with pytest.raises(InvalidValue, match="between 0 and 1"):
            calibrating.calibrated(scores(), rate=rate, kind=Kind.COMPARISONS)

    def test_scores_that_tell_nobody_apart_are_refused(self, db: None) -> None:
        same = Scores(MODEL, np.ones(5, np.float32), np.ones(1000, np.float32), 10, FaceCalibration.Origin.PAIRS)
        with pytest.raises(InvalidValue, match="do not tell people apart"):
            calibrating.calibrated(same, rate=0.01, kind=Kind.COMPARISONS)


class TestThresholdInForce:
    def test_is_the_operators_then_the_calibrated_then_the_recipes(self, db: None, settings: Settings) -> None:
        pipeline = engine.pipeline("sface-dlib")
        assert face_model.threshold_cosine(pipeline) == 0.5
        found = calibrating.calibrated(scores(), rate=0.01, kind=Kind.COMPARISONS)
        calibrating.store(found, by=None)
        assert face_model.threshold_cosine(pipeline) == found.threshold_cosine
        assert face_model.threshold_cosine(engine.pipeline("facenet")) == 0.5
        settings.MATCH_THRESHOLD_COSINE = 0.42
        assert face_model.threshold_cosine(pipeline) == 0.42

    def test_newest_holds_and_each_is_in_the_audit_log(self, admin: User) -> None:
        for rate in (0.01, 0.05):
            calibrating.store(calibrating.calibrated(scores(), rate=rate, kind=Kind.COMPARISONS), by=admin)
        holds = face_model.calibration_of(MODEL)
        assert holds is not None
        assert (holds.rate, holds.created_by) == (0.05, admin)
        event = AuditEvent.objects.filter(action="face_model.calibrated")[0]
        assert event.old is not None
        assert event.new is not None
        assert (event.actor_id, event.old["rate"], event.new["rate"]) == (admin.pk, 0.01, 0.05)

    def test_photo_is_decided_on_with_it(
        self, recognisable: Recognisable, class_session: ClassSession, teacher: User
    ) -> None:
        recognisable("ada")
        found = calibrating.calibrated(scores(), rate=0.01, kind=Kind.COMPARISONS)
        found.threshold_cosine = 0.8
        calibrating.store(found, by=None)
        photo = class_photo(Look("ada", 0.7))
        snapshot = snapshots.add_snapshot(session=class_session, data=photo, by=teacher).snapshot
        recognition.recognise(snapshot.pk)
        face = snapshot.faces.get()
        assert (face.outcome, face.threshold_cosine) == ("UNKNOWN", engine.photo_threshold(0.8, faces=1))


class TestCommand:
    @pytest.fixture
    def lfw(self, tmp_path: Path) -> tuple[str, str]:
        """Six people with two pictures each, and a pairs file that names them all."""
        people = ("ada", "ben", "cem", "dee", "eli", "fay")
        for name in people:
            (tmp_path / "images" / name).mkdir(parents=True)
            for number in (1, 2):
                look = Look(name, 1.0 if number == 1 else 0.8)
                (tmp_path / "images" / name / f"{name}_{number:04d}.jpg").write_bytes(class_photo(look, seed=number))
        matched = [f"{name}\t1\t2" for name in people]
        mismatched = [f"{one}\t1\t{other}\t2" for one, other in zip(people, people[1:] + people[:1], strict=True)]
        pairs = tmp_path / "pairs.txt"
        pairs.write_text("6\n" + "\n".join([*matched, *mismatched]) + "\n")
        return str(pairs), str(tmp_path / "images")

    def test_takes_all_comparisons_of_a_pairs_file(
        self, db: None, lfw: tuple[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command("calibrate", model="facenet", pairs=Path(lfw[0]), images=Path(lfw[1]), false_accept_rate=0.05)
        stored = FaceCalibration.objects.get()
        assert (stored.model_id, stored.impostors, stored.genuine) == ("fake-facenet-1", 60, 6)
        assert stored.origin == "PAIRS"
        out = capsys.readouterr().out
        assert "of 60 comparisons of different people" in out
        assert "Stored" in out

    def test_dry_run_stores_nothing(self, db: None, lfw: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        call_command(
            "calibrate", model="sface", pairs=Path(lfw[0]), images=Path(lfw[1]), false_accept_rate=0.05, dry_run=True
        )
        assert not FaceCalibration.objects.exists()
        assert "Nothing was stored" in capsys.readouterr().out

    def test_takes_the_confirmed_faces(self, confirmed: list[Student]) -> None:
        call_command("calibrate", from_sessions=True, fpir=0.8, roster_size=1)
        stored = FaceCalibration.objects.get()
        assert (stored.model_id, stored.impostors, stored.genuine, stored.origin) == (MODEL, 13, 2, "SESSIONS")

    def test_default_rate_takes_more_than_a_few_faces(self, confirmed: list[Student]) -> None:
        with pytest.raises(CommandError, match="13 comparisons of different people"):
            call_command("calibrate", from_sessions=True)

    def test_other_model_has_no_faces_in_sessions(self, confirmed: list[Student]) -> None:
        with pytest.raises(CommandError, match="facenet can be calibrated with --pairs"):
            call_command("calibrate", from_sessions=True, model="facenet")

    def test_pairs_without_pictures_are_refused(self, db: None, lfw: tuple[str, str]) -> None:
        with pytest.raises(CommandError, match="needs --images"):
            call_command("calibrate", pairs=Path(lfw[0]))
        with pytest.raises(CommandError, match="cannot be read"):
            call_command("calibrate", pairs=Path(lfw[0]), images=Path("nowhere"))
        with pytest.raises(CommandError, match="no pairs file"):
            call_command("calibrate", pairs=Path("nowhere.txt"), images=Path(lfw[1]))


def test_operators_rate_moves_the_recipes_threshold(db: None, settings: Settings) -> None:
    pipeline = engine.pipeline("sface-dlib")
    settings.FALSE_MARK_RATE = 0.00005
    assert face_model.threshold_cosine(pipeline) > pipeline.threshold_cosine + 0.03
    settings.FALSE_MARK_RATE = 0.005
    assert face_model.threshold_cosine(pipeline) < pipeline.threshold_cosine - 0.03
