"""Small faces: who is compared with whom, what is done to a face, and that a sheet changes no embedding."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from faces.degrade import BANDS, Degradation, degraded, drawn
from faces.distance import unit_rows
from faces.evaluate.__main__ import main
from faces.evaluate.people import chosen, hashed
from faces.evaluate.sheets import embed_windows, laid_out
from faces.evaluate.small import OpenPipeline
from faces.models.sface import SFaceEmbedder
from faces.template import TEMPLATE_ID
from faces.types import Box, Detection, Embeddings, RGBImage
from faces.weights import verified
from tests.fakes import FakePipeline

FACE_PX = 64


def picture(colour: tuple[int, int, int] | None, path: Path) -> Path:
    """A square of one colour, in the place of a face; None draws nobody."""
    canvas = np.full((200, 220, 3), 255, np.uint8)
    if colour is not None:
        canvas[60 : 60 + FACE_PX, 80 : 80 + FACE_PX] = colour
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(canvas).save(path, quality=95, subsampling=0)
    return path


class SquareDetector:
    """Finds the dark square of a picture."""

    detector_id = "squares-1"

    def detect(self, image: RGBImage) -> list[Detection]:
        rows, columns = np.nonzero(image.min(axis=2) < 180)
        if not len(rows):
            return []
        box = Box(float(columns.min()), float(rows.min()), float(np.ptp(columns) + 1), float(np.ptp(rows) + 1))
        return [face_at(box)]


class ColourEmbedder:
    """Says what colour the middle of a face has."""

    model_id = "colours-1"
    dimensions = 3
    threshold_cosine = 0.5

    def embed(self, image: RGBImage, detections: Sequence[Detection]) -> Embeddings:
        rows = [image[round(y), round(x)] for x, y in (one.landmarks[2] for one in detections)]
        return unit_rows(np.array(rows, np.float64).reshape(-1, 3) - 127.0)


def face_at(box: Box) -> Detection:
    shares = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    points = shares * (box.width, box.height) + (box.x, box.y)
    return Detection(box, points.astype(np.float32), 0.9)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Two with two pictures, one whose second shows nobody, one whose first does, one with a single picture."""
    folder = tmp_path / "people"
    listed: dict[str, list[tuple[int, int, int] | None]] = {
        "Ada": [(120, 0, 0), (110, 5, 0)],
        "Ben": [(0, 120, 0), (0, 110, 0), (120, 0, 0)],
        "Cem": [(0, 0, 120), None],
        "Dee": [None, (0, 60, 60)],
        "Eli": [(60, 60, 0)],
    }
    for name, colours in listed.items():
        for number, colour in enumerate(colours, start=1):
            picture(colour, folder / name / f"{name}_{number:04d}.jpg")
    (folder / "notes.txt").write_text("not a person")
    return folder


def measure(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    engine = OpenPipeline(SquareDetector(), ColourEmbedder())
    assert main(["small", *map(str, arguments), "--json"], engine) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def test_small_compares_each_probe_with_every_first_picture(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = measure(capsys, people)
    # Probes: Ada's second, Ben's second and third; the third looks like Ada, so only 2 of 3 are told from strangers.
    assert (report["people"], report["probes"], report["images_without_face"]) == (3, 3, 2)
    assert report["bands"].keys() == {"16-24", "24-34", "34-48", "full"}
    for band in report["bands"].values():
        assert band.keys() == {"0.001", "0.0001"}
        assert band["0.001"] == band["0.0001"] <= 2 / 3
    assert report["probes_share"] == 3 / 5
    assert (report["model_id"], report["detector"]) == (f"colours-1/{TEMPLATE_ID}", "squares-1")


def test_the_same_people_are_degraded_the_same_way_again(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert measure(capsys, people) == measure(capsys, people)


def test_fewer_than_two_people_are_refused(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = OpenPipeline(SquareDetector(), ColourEmbedder())
    assert main(["small", str(people), "--people", "1"], engine) == 2
    assert "fewer than two people" in capsys.readouterr().err


def test_another_engine_is_refused(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["small", str(people)], FakePipeline()) == 2
    assert "own pipeline" in capsys.readouterr().err


def test_a_folder_without_people_is_one_clear_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["small", str(tmp_path)], OpenPipeline(SquareDetector(), ColourEmbedder())) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path} holds no people")


def test_a_smaller_choice_of_people_is_part_of_a_larger_one() -> None:
    names = [f"person {number}" for number in range(50)]
    assert set(chosen(names, 10)) < set(chosen(reversed(names), 20))
    assert chosen(names, None) == sorted(names)
    assert chosen(names, 10) != sorted(names)[:10]
    # The same on every machine: the first 48 bits of SHA-256.
    assert hashed("") == int("e3b0c44298fc", 16) / 2**48


@pytest.mark.parametrize("band", BANDS)
def test_a_degraded_face_has_the_width_of_its_band_and_its_landmarks(band: str, tmp_path: Path) -> None:
    image = np.array(Image.open(picture((120, 0, 0), tmp_path / "a.png")))
    face = SquareDetector().detect(image)[0]
    for seed in range(20):
        how = drawn(np.random.default_rng(seed), BANDS[band])
        small, inside = degraded(image, face, how)
        low, high = BANDS[band]
        assert low - 0.5 <= inside.box.width <= high + 0.5
        again = SquareDetector().detect(small)[0]
        np.testing.assert_allclose(inside.landmarks, again.landmarks, atol=2.0)
        assert inside.box.iou(again.box) > 0.75


def test_a_face_that_is_smaller_already_is_not_enlarged(tmp_path: Path) -> None:
    image = np.array(Image.open(picture((120, 0, 0), tmp_path / "a.png")))
    small, inside = degraded(image, SquareDetector().detect(image)[0], Degradation(100.0, 0.3, 90))
    assert inside.box.width == FACE_PX
    # Three sides of the face across; downwards 4 rows of them lie over the picture's edge.
    assert small.shape == (3 * FACE_PX - 4, 3 * FACE_PX, 3)


def test_a_sheet_holds_every_window_black_around_and_none_over_another() -> None:
    image = np.full((100, 100, 3), 200, np.uint8)
    # In the middle, in a corner, over the edge, and a large one.
    boxes = [Box(45, 45, 10, 12), Box(0, 0, 10, 12), Box(-4, 90, 10, 12), Box(20, 20, 30, 30)]
    sheet, placed = laid_out([(image, face_at(box)) for box in boxes])
    shown = [36 * 36, (5 + 18) * (6 + 18), (1 + 18) * (100 - 78), 80 * 80]
    assert int((sheet > 0).all(axis=2).sum()) == pytest.approx(sum(shown), rel=0.03)
    for box, face in zip(boxes, placed, strict=True):
        assert (face.box.width, face.box.height) == (box.width, box.height)
        offsets = face.landmarks - (face.box.x, face.box.y)
        np.testing.assert_allclose(offsets, face_at(box).landmarks - (box.x, box.y), atol=1e-4)


@pytest.mark.real_faces
def test_a_sheet_changes_no_embedding(shared_data: Path) -> None:
    embedder = SFaceEmbedder(verified("sface"))
    image = np.asarray(Image.open(shared_data / "portraits/obama.jpg").convert("RGB"))
    half = np.asarray(Image.fromarray(image).resize((image.shape[1] // 2, image.shape[0] // 2)))
    noise = np.random.default_rng(1).integers(0, 255, (90, 70, 3), dtype=np.uint8)
    faces = [
        (image, face_at(Box(100, 50, 60, 70))),
        (half, face_at(Box(0, 0, 40, 50))),
        (noise, face_at(Box(30, 30, 30, 40))),
    ]
    expected = np.concatenate([embedder.embed(one, [face]) for one, face in faces])
    np.testing.assert_allclose(embed_windows(embedder, faces), expected, atol=1e-3)
