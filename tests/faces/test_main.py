import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from faces.__main__ import main
from tests.fakes import FakePipeline, Look, class_photo, selfie_of


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def run(*arguments: str | Path) -> int:
    return main([str(argument) for argument in arguments], FakePipeline())


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    status = run(*arguments, "--json")
    return status, json.loads(capsys.readouterr().out)


def test_embed_gives_a_vector_and_a_place_a_face(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = write(tmp_path / "class.jpg", class_photo("ada", "ben"))
    status, result = run_json(capsys, "embed", photo)
    assert status == 0
    assert [len(face["embedding"]) for face in result["faces"]] == [128, 128]
    assert result["faces"][0]["box"] == [30, 30, 60, 60]
    assert (result["model_id"], result["detector"]) == ("fake-sface-dlib-1", "fake-yunet-1")


def test_embed_without_a_face_says_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("embed", write(tmp_path / "empty.jpg", class_photo())) == 1
    assert "0 faces" in capsys.readouterr().out


def test_verify_answers_with_its_exit_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ada, again = write(tmp_path / "a.jpg", selfie_of("ada")), write(tmp_path / "b.jpg", selfie_of("ada", seed=3))
    ben = write(tmp_path / "c.jpg", selfie_of("ben"))
    assert run("verify", ada, again) == 0
    assert "the same person: similarity 1.000" in capsys.readouterr().out
    status, result = run_json(capsys, "verify", ada, ben)
    assert (status, result["same"], result["threshold"]) == (1, False, 0.5)
    assert result["l2_distance"] ** 2 == pytest.approx(2 * result["cosine_distance"])


def test_verify_takes_a_threshold_of_zero(tmp_path: Path) -> None:
    ada, ben = write(tmp_path / "a.jpg", selfie_of("ada")), write(tmp_path / "b.jpg", selfie_of("ben"))
    assert run("verify", ada, ben, "--threshold", "0") == 0


def test_verify_refuses_a_picture_of_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ada, two = write(tmp_path / "a.jpg", selfie_of("ada")), write(tmp_path / "two.jpg", class_photo("ada", "ben"))
    assert run("verify", ada, two) == 2
    assert "two.jpg shows 2 faces" in capsys.readouterr().err


def test_identify_names_who_is_there_and_who_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for person in ("ada", "ben"):
        write(tmp_path / "roster" / f"{person}.jpg", selfie_of(person))
    write(tmp_path / "roster" / "cem" / "1.jpg", selfie_of("cem"))
    photo = write(tmp_path / "class.jpg", class_photo("zoe", Look("cem", 0.8), "ada"))
    status, result = run_json(capsys, "identify", photo, tmp_path / "roster")
    assert status == 0
    assert [face["identity"] for face in result["faces"]] == [None, "cem", "ada"]
    assert result["not_seen"] == ["ben"]
    assert result["faces"][1]["candidates"][0][0] == "cem"


def test_identify_finds_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "roster" / "ada.jpg", selfie_of("ada"))
    assert run("identify", write(tmp_path / "class.jpg", class_photo("zoe")), tmp_path / "roster") == 1
    assert "0 of 1 people found among 1 faces" in capsys.readouterr().out


def test_a_gallery_picture_that_cannot_be_used_is_named_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "roster" / "ada.jpg", selfie_of("ada"))
    write(tmp_path / "roster" / "two.jpg", class_photo("ben", "cem"))
    write(tmp_path / "roster" / "broken.jpg", b"no picture")
    assert run("identify", write(tmp_path / "class.jpg", class_photo("ada")), tmp_path / "roster") == 0
    out = capsys.readouterr()
    assert "1 of 1 people found" in out.out
    assert "two.jpg" in out.err
    assert "broken.jpg" in out.err


def test_a_gallery_without_a_face_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "roster").mkdir()
    assert run("identify", write(tmp_path / "class.jpg", class_photo("ada")), tmp_path / "roster") == 2
    assert "no picture of a face" in capsys.readouterr().err


def test_cluster_tells_people_apart_without_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "photos" / "1.jpg", class_photo("ada", "ben"))
    write(tmp_path / "photos" / "2.jpg", class_photo("ben", "zoe"))
    status, result = run_json(capsys, "cluster", tmp_path / "photos")
    assert status == 0
    photos = [sorted(face["photo"] for face in person) for person in result["people"]]
    assert sorted(photos) == [["1.jpg"], ["1.jpg", "2.jpg"], ["2.jpg"]]


def test_drawing_leaves_a_picture_of_the_same_size(tmp_path: Path) -> None:
    photo = write(tmp_path / "photos" / "class.jpg", class_photo("ada", "ben"))
    assert run("embed", photo, "--draw", tmp_path / "out.png") == 0
    with Image.open(tmp_path / "out.png") as drawn, Image.open(photo) as original:
        assert drawn.size == original.size
    assert run("cluster", tmp_path / "photos", "--draw", tmp_path / "drawn") == 0
    assert [path.name for path in (tmp_path / "drawn").iterdir()] == ["class.jpg"]
    ada = write(tmp_path / "a.jpg", selfie_of("ada"))
    assert run("verify", ada, ada, "--draw", tmp_path / "both.png") == 0
    with Image.open(tmp_path / "both.png") as both:
        assert both.size == (480, 140)


def test_unreadable_input_is_one_clear_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("embed", tmp_path / "missing.jpg") == 2
    assert run("cluster", tmp_path / "missing") == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2
    assert all(line.startswith("error: ") and "missing" in line for line in lines)


def test_a_drawing_needs_the_name_of_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = write(tmp_path / "class.jpg", class_photo("ada"))
    assert run("embed", photo, "--draw", tmp_path / "drawn") == 2
    assert "does not end like a picture" in capsys.readouterr().err


def test_a_threshold_out_of_range_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run("embed", tmp_path / "class.jpg", "--threshold", "1.5")
    assert stopped.value.code == 2
    assert "invalid cosine similarity value: '1.5'" in capsys.readouterr().err
    assert run("cluster", tmp_path, "--threshold", "0") == 2


def test_help_shows_an_example_and_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert "python -m faces verify monday.jpg friday.jpg" in text
    assert "exit status" in text
