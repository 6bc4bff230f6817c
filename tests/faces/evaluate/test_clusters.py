"""Groups without names against one folder a person."""

import json
from pathlib import Path

import pytest

from faces.evaluate.__main__ import main
from faces.evaluate.clusters import pair_scores
from tests.fakes import FakePipeline, Look, class_photo, selfie_of


def test_scores_count_pairs() -> None:
    scores = pair_scores(["a", "a", "a", "b", "b"], [0, 0, 1, 1, 2])
    # Together and right: (0, 1). Together: also (2, 3). Of one person: three pairs of a, one of b.
    assert (scores.precision, scores.recall) == (1 / 2, 1 / 4)
    assert scores.f1 == pytest.approx(1 / 3)


def test_nothing_together_is_never_wrong_and_finds_nobody() -> None:
    scores = pair_scores(["a", "a"], [0, 1])
    assert (scores.precision, scores.recall, scores.f1) == (1.0, 0.0, 0.0)
    assert pair_scores(["a", "b"], [0, 1]).f1 == 1.0


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Ada three times, once without a face; Ben twice, once hardly to be seen."""
    pictures = {
        "Ada/1.jpg": selfie_of("ada"),
        "Ada/2.jpg": selfie_of(Look("ada", 0.9)),
        "Ada/3.jpg": class_photo(),
        "Ben/1.jpg": selfie_of("ben"),
        "Ben/2.jpg": selfie_of(Look("ben", 0.2)),
    }
    for name, jpeg in pictures.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(jpeg)
    return tmp_path


def test_report_counts_a_missed_face_as_missed_pairs(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clusters", str(people), "--threshold", "0.5", "--json"], FakePipeline()) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["precision"], report["recall"], report["f1"]) == (1.0, 1 / 4, 0.4)
    assert (report["people"], report["clusters"], report["images"]) == (2, 4, 5)
    assert (report["images_without_face"], report["threshold"]) == (1, 0.5)


def test_threshold_follows_the_engines_own(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clusters", str(people), "--json"], FakePipeline()) == 0
    assert FakePipeline().threshold_cosine <= json.loads(capsys.readouterr().out)["threshold"] < 1.0


@pytest.mark.parametrize("options", [[], ["--threshold", "0"]])
def test_what_cannot_be_measured_is_one_clear_sentence(
    options: list[str], tmp_path: Path, people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = people if options else tmp_path / "Ada"
    assert main(["clusters", str(folder), *options], FakePipeline()) == 2
    assert capsys.readouterr().err.startswith("error: ")
