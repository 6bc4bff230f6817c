import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from faces.evaluate.__main__ import main
from tests.fakes import FakePipeline, Look, class_photo, selfie_of


def write(path: Path, content: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def measure(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    assert main([*map(str, arguments), "--json"], FakePipeline()) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Two classes of three; in the second, Ben is there but hardly to be seen, and Cem's double is a stranger."""
    folder = tmp_path / "classes"
    for name, photo, present in [
        ("class-1", class_photo("ada", "ben", "zoe"), ["ada", "ben"]),
        ("class-2", class_photo("ada", Look("ben", 0.2), Look("cem", 0.9)), ["ada", "ben"]),
    ]:
        for person in ("ada", "ben", "cem"):
            write(folder / name / "roster" / f"{person}.jpg", selfie_of(person))
        write(folder / name / "photo-1.jpg", photo)
        entries = [{"student": person, "box": [0, 0, 1, 1]} for person in present]
        truth = {"roster": ["ada", "ben", "cem"], "present": {"photo-1.jpg": entries}, "strangers": {"photo-1.jpg": 1}}
        write(folder / name / "truth.json", json.dumps(truth))
    return folder


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    folder = tmp_path / "groups"
    portraits = {"ada": ["p/a1.jpg", "p/a2.jpg"], "ben": ["p/b1.jpg"]}
    write(folder / "p/a1.jpg", selfie_of("ada"))
    write(folder / "p/a2.jpg", selfie_of("cem"))
    write(folder / "p/b1.jpg", selfie_of("ben"))
    write(folder / "photos/1.jpg", class_photo("ada", "cem", "zoe"))
    photos = [{"photo": "photos/1.jpg", "present": ["ada"]}]
    write(folder / "truth.json", json.dumps({"portraits": portraits, "photos": photos}))
    return folder


def test_classes_reports_the_shares_of_present_and_absent(classes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = measure(capsys, "classes", classes)
    assert report["photos"] == 2
    assert report["present_marked"] == 3 / 4
    assert report["false_marks"] == 1
    assert report["absent_marked"] == 1 / 2
    assert report["seconds_per_photo"] > 0
    assert (report["model_id"], report["detector"], report["threshold"]) == ("fake-sface-dlib-1", "fake-yunet-1", 0.5)


def test_classes_takes_one_class_and_a_threshold(classes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = measure(capsys, "classes", classes / "class-2", "--threshold", "0.15")
    assert (report["photos"], report["present_marked"], report["threshold"]) == (1, 1.0, 0.15)


def test_a_selfie_that_is_refused_is_counted_and_its_best_face_enrolled(
    classes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(classes / "class-1/roster/ada.jpg", selfie_of(Look("ada", size_px=30)))
    report = measure(capsys, "classes", classes / "class-1")
    assert (report["refused_selfies"], report["present_marked"]) == (1, 1.0)


def test_classes_counts_the_boxes_that_a_teacher_has_to_tap(classes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the truth's boxes: Cem's double costs a tap to undo, then Ben's face is the only one left."""
    truth = json.loads((classes / "class-2/truth.json").read_text())
    for place, entry in enumerate(truth["present"]["photo-1.jpg"]):
        entry["box"] = [30 + 100 * place, 30, 60, 60]
    write(classes / "class-2/truth.json", json.dumps(truth))
    report = measure(capsys, "classes", classes / "class-2")
    assert (report["present_marked"], report["present_after_questions"]) == (0.5, 0.5)
    assert report["boxes_to_confirm_per_photo"] == 2.0
    assert (report["questions_per_photo"], report["present_by_hand"]) == (0.0, 0)


def test_reliability_counts_marks_by_word_and_margin_and_draws_them(
    classes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("class-1", "class-2"):
        truth = json.loads((classes / folder / "truth.json").read_text())
        for place, entry in enumerate(truth["present"]["photo-1.jpg"]):
            entry["box"] = [30 + 100 * place, 30, 60, 60]
        write(classes / folder / "truth.json", json.dumps(truth))
    report = measure(capsys, "reliability", tmp_path, "--draw", tmp_path / "diagram.png")
    words = {(row["word"], row["roster"]): (row["right"], row["suggestions"]) for row in report["words"]}
    # Ada twice and Ben once; wrong is Cem's double. The other class has the same students, so it adds nobody.
    assert words["clear", "own"] == words["clear", "doubled"] == (3, 4)
    assert words["likely", "own"] == words["please look", "own"] == (0, 0)
    last = next(row for row in report["bins"] if (row["from"], row["roster"]) == (0.3, "own"))
    assert (last["right"], last["suggestions"], last["share"]) == (3, 4, 0.75)
    with Image.open(tmp_path / "diagram.png") as picture:
        assert (picture.format, picture.width > 800) == ("PNG", True)


def test_a_diagram_that_cannot_be_written_is_one_clear_sentence(
    classes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["reliability", str(classes), "--draw", str(tmp_path / "nowhere/diagram.png")]
    assert main(arguments, FakePipeline()) == 2
    assert capsys.readouterr().err == f"error: {tmp_path / 'nowhere'} is no folder: the diagram has no place there.\n"


def test_groups_enrol_everybody_by_each_portrait_in_turn(groups: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = measure(capsys, "groups", groups)
    assert (report["trials"], report["recall"], report["false_marks"]) == (2, 1.0, 0)
    assert (report["present"], report["absent"]) == (2, 2)


def test_a_confirmed_face_finds_who_looks_like_it_and_not_like_the_portrait(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weak = Look("ada", 0.45, size_px=64)
    write(tmp_path / "p/ada.jpg", selfie_of("ada"))
    write(tmp_path / "p/ben.jpg", selfie_of("ben"))
    write(tmp_path / "1.jpg", class_photo(weak, "zoe"))
    write(tmp_path / "2.jpg", class_photo(weak, "yan", seed=1))
    truth = {
        "portraits": {"ada": ["p/ada.jpg"], "ben": ["p/ben.jpg"]},
        "photos": [{"photo": "1.jpg", "present": ["ada"]}, {"photo": "2.jpg", "present": ["ada"]}],
    }
    write(tmp_path / "truth.json", json.dumps(truth))
    report = measure(capsys, "groups", tmp_path, "--confirm", "1")
    assert (report["recall_before"], report["recall"], report["templates_added"]) == (0.0, 1.0, 1.0)
    assert (report["false_marks_before"], report["false_marks"], report["absent"]) == (0, 0, 2)
    small = Look("ada", 0.45, size_px=50)
    write(tmp_path / "2.jpg", class_photo(small, "yan", seed=1))
    assert measure(capsys, "groups", tmp_path, "--confirm", "1")["templates_added"] == 0.5


def test_pairs_reports_accuracy_and_val(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, person in [("Ada", "ada"), ("Ben", "ben")]:
        for number in (1, 2):
            write(tmp_path / "lfw" / name / f"{name}_{number:04d}.jpg", selfie_of(person, seed=number))
    write(tmp_path / "pairs.txt", "10\t2\n" + "Ada\t1\t2\nBen\t1\t2\nAda\t1\tBen\t2\nAda\t2\tBen\t1\n" * 10)
    report = measure(capsys, "pairs", tmp_path / "lfw", tmp_path / "pairs.txt")
    assert (report["accuracy_mean"], report["accuracy_std"]) == (1.0, 0.0)
    assert report["val_at_far"]["0.001"] == 1.0
    assert 0.0 < report["threshold"] < 1.0


def test_detection_reports_recall_and_boxes_too_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "d/images/1.jpg", class_photo("ada", "ben"))
    truth = [{"photo": "images/1.jpg", "faces": [[30, 30, 60, 60], [30, 110, 10, 10]]}]
    write(tmp_path / "d/truth.json", json.dumps(truth))
    report = measure(capsys, "detection", tmp_path / "d")
    assert (report["recall"], report["unmatched_per_photo"], report["recall_from_16_px"]) == (0.5, 1.0, 1.0)


def test_threshold_finds_all_folders_below_and_prints_its_curve(
    classes: Path, groups: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = measure(capsys, "threshold", tmp_path)
    assert 0.85 <= report["threshold"] <= 0.95
    assert (report["class_photos"], report["group_trials"]) == (2, 2)
    assert report["curve"][0]["threshold"] == 0.0
    assert main(["threshold", str(tmp_path)], FakePipeline()) == 0
    assert "present_marked" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["classes", "reliability", "groups", "detection", "threshold"])
def test_a_folder_without_truth_is_one_clear_sentence(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(tmp_path)], FakePipeline()) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}")
