"""``python -m faces.train`` from folders of pictures to a recogniser that goes by its name."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faces.distance import unit_rows
from faces.errors import UnknownModel, WeightsError
from faces.models import build_embedder
from faces.models.fused import fuse
from faces.models.trained import HeadEmbedder, apply_head, read_recipe
from faces.train.__main__ import main
from faces.train.splits import split_people
from faces.types import Box, Detection, Embeddings, RGBImage

LANDMARKS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])


class MiddleDetector:
    """Finds a face in the middle of every picture of 60 pixels and more."""

    detector_id = "middle-1"

    def detect(self, image: RGBImage) -> list[Detection]:
        height, width = image.shape[:2]
        box = Box(width / 3, height / 3, width / 3, height / 3)
        return [Detection(box, (LANDMARKS * width / 3 + width / 3).astype(np.float32), 0.9)]


class ThumbnailEmbedder:
    """Embeds by what the face looks like in a few pixels."""

    threshold_cosine = 0.5

    def __init__(self, side: int) -> None:
        self.model_id = f"thumbnail-{side}"
        self.dimensions = side * side * 3

    def embed(self, image: RGBImage, detections: Sequence[Detection]) -> Embeddings:
        side = round(self.dimensions / 3) ** 0.5
        rows = []
        for one in detections:
            area = (one.box.x, one.box.y, one.box.x + one.box.width, one.box.y + one.box.height)
            small = Image.fromarray(image).resize((round(side), round(side)), Image.Resampling.BOX, box=area)
            rows.append(np.asarray(small, np.float64).ravel() - 127.3)
        return unit_rows(np.array(rows).reshape(-1, self.dimensions))


RECOGNISERS = (ThumbnailEmbedder(6), ThumbnailEmbedder(5))


def draw_people(folder: Path, count: int, *, noise: float, tint: float) -> Path:
    """Draw people of four pictures: coarse patterns of their own, under noise and in light of a colour that changes."""
    random = np.random.default_rng(4)
    for number in range(count):
        pattern = random.integers(0, 256, (6, 6, 3))
        for picture in range(4):
            face = pattern + random.normal(scale=noise, size=pattern.shape) + random.normal(scale=tint, size=3)
            path = folder / f"person-{number:02d}" / f"{picture}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            drawn = Image.fromarray(np.clip(face, 0, 255).astype(np.uint8))
            drawn.resize((180, 180), Image.Resampling.BICUBIC).save(path)
    return folder


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifteen people, for reading only."""
    return draw_people(tmp_path_factory.mktemp("drawn") / "people", 15, noise=60, tint=0)


def train(people: Path, folder: Path, *arguments: str) -> int:
    every = [str(people), "--out", "own", "--weights", str(folder), "--batch", "6", "4", *arguments]
    return main(every, detector=MiddleDetector(), recognisers=RECOGNISERS)


@pytest.fixture(scope="module")
def embedded(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run keeps of them: to make it takes longer than to learn from it."""
    folder = tmp_path_factory.mktemp("embedded")
    assert train(people, folder, "--steps", "1") == 0
    return folder / "own.train" / "embeddings"


def keep(embedded: Path, folder: Path) -> Path:
    """Lay that where a run in this folder looks for it; give the place."""
    return shutil.copytree(embedded, folder / "own.train" / "embeddings")


def changed_at(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_a_head_is_trained_measured_written_and_described(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "weights"
    assert train(people, folder, "--steps", "40", "--learning-rate", "0.001") == 0
    said = capsys.readouterr().out
    recipe = read_recipe(folder / "own.json")
    assert recipe.recognisers == ("thumbnail-6", "thumbnail-5")
    assert sum(recipe.score_weights) == pytest.approx(1.0)
    card = (folder / "own.md").read_text()
    learned = len(split_people(one.name for one in people.iterdir()).train)
    for line in (
        recipe.sha256,
        "seed: 0",
        "| SFace alone |",
        "| head + SFace + dlib |",
        f"{learned} people, {4 * learned} photographs",
    ):
        assert line in card
    assert "| head alone |" in said

    with np.load(folder / "own.npz", allow_pickle=False) as stored:
        head = {key: stored[key] for key in ("kernel", "bias")}
    image = np.asarray(Image.open(people / "person-03/1.png"))
    embedder = HeadEmbedder(recipe, RECOGNISERS, head)
    rows = embedder.embed(image, MiddleDetector().detect(image))
    assert rows.shape == (1, embedder.dimensions) == (1, 108 + 75 + 128)
    parts = [one.embed(image, MiddleDetector().detect(image)) for one in RECOGNISERS]
    own = apply_head(fuse(parts, np.array(recipe.input_weights)), head)
    np.testing.assert_allclose(rows, fuse([*parts, own], np.array(recipe.score_weights)), atol=1e-6)
    assert embedder.embed(image, []).shape == (0, embedder.dimensions)
    with pytest.raises(WeightsError, match="another version"):
        HeadEmbedder(recipe, RECOGNISERS[::-1], head)


def test_a_longer_run_goes_on_from_the_shorter_one_and_asks_no_recogniser_again(
    people: Path, embedded: Path, tmp_path: Path
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    cached = {place: changed_at(place) for place in (keep(embedded, whole), keep(embedded, parts))}
    assert train(people, whole, "--steps", "30") == 0
    assert train(people, parts, "--steps", "12") == 0
    assert train(people, parts, "--steps", "30") == 0
    assert {place: changed_at(place) for place in cached} == cached
    with np.load(whole / "own.npz") as one, np.load(parts / "own.npz") as other:
        np.testing.assert_allclose(one["kernel"], other["kernel"], atol=1e-6)


def test_another_seed_or_learning_rate_starts_anew_and_restart_forgets(
    people: Path, embedded: Path, tmp_path: Path
) -> None:
    keep(embedded, tmp_path)
    kernels = []
    for more in ((), ("--seed", "1"), ("--learning-rate", "0.01"), (), ("--restart",)):
        assert train(people, tmp_path, "--steps", "3", *more) == 0
        with np.load(tmp_path / "own.npz") as stored:
            kernels.append(stored["kernel"])
    assert not np.allclose(kernels[0], kernels[1], atol=1e-6)
    assert not np.allclose(kernels[0], kernels[2], atol=1e-6)
    np.testing.assert_array_equal(kernels[0], kernels[3])
    np.testing.assert_allclose(kernels[0], kernels[4], atol=1e-6)
    assert len(list((tmp_path / "own.train/checkpoints").iterdir())) == 1


def test_the_same_picture_under_two_names_is_refused_before_anything_is_read(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    doubled = shutil.copytree(people, tmp_path / "people")
    bytes_of_one = (doubled / "person-00/0.png").read_bytes()
    for number in range(1, 15):
        (doubled / f"person-{number:02d}/3.png").write_bytes(bytes_of_one)
    assert train(doubled, tmp_path / "weights") == 2
    assert "is the same file as" in capsys.readouterr().err
    assert not (tmp_path / "weights/own.json").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(("--out", "../own"), "A name has letters"), (("--steps", "0"), "are positive"), (("--people", "3"), "too few")],
)
def test_wrong_orders_are_one_clear_sentence(
    arguments: tuple[str, ...], sentence: str, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(people, tmp_path, *arguments) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.real_faces
def test_a_whole_network_learns_and_goes_by_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    # Random features see the light first, and people only after training.
    people = draw_people(tmp_path / "people", 45, noise=15, tint=70)
    order = ("--mode", "full", "--backbone", "small", "--steps", "100", "--batch", "12", "4")
    assert train(people, folder, *order) == 0
    # The line of random weights, then the one of trained ones, share at FAR 0.1 % of each band.
    before, after = (
        [float(cell.split(" %")[0]) for cell in line.split("|")[2:-1]]
        for line in (folder / "own.md").read_text().splitlines()
        if line.startswith("| small")
    )
    assert sum(after) > sum(before) + 20

    embedder = build_embedder("own", weights_dir=folder)
    image = np.asarray(Image.open(people / "person-03/1.png"))
    rows = embedder.embed(image, MiddleDetector().detect(image) * 2)
    assert rows.shape == (2, 128)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    assert embedder.embed(image, []).shape == (0, 128)
    assert embedder.model_id.startswith("small-")


def test_a_name_that_nobody_trained_is_unknown_and_changed_bytes_are_refused(
    people: Path, embedded: Path, tmp_path: Path
) -> None:
    with pytest.raises(UnknownModel, match="No recogniser is called own"):
        build_embedder("own", weights_dir=tmp_path)
    keep(embedded, tmp_path)
    assert train(people, tmp_path, "--steps", "2") == 0
    (tmp_path / "own.npz").write_bytes(b"other bytes")
    with pytest.raises(WeightsError, match="does not hold the bytes"):
        build_embedder("own", weights_dir=tmp_path)
    stated = json.loads((tmp_path / "own.json").read_text())
    (tmp_path / "own.json").write_text(json.dumps({**stated, "format": 9}))
    with pytest.raises(WeightsError, match="another format"):
        build_embedder("own", weights_dir=tmp_path)
    (tmp_path / "own.json").write_text("[]")
    with pytest.raises(WeightsError, match="does not describe"):
        build_embedder("own", weights_dir=tmp_path)


@pytest.mark.parametrize("name", ["recorded", "Recorded", "sface", "SFace-dlib", "facenet"])
def test_a_name_of_our_own_is_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--out", name, "--weights", str(tmp_path)]) == 2
    assert "choose another" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
