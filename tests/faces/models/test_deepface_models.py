import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deepface.models.Detector import FacialAreaRegion
from deepface.modules import detection as deepface_detection
from deepface.modules import modeling, representation

from faces import models
from faces.errors import UnknownModel, WeightsError
from faces.models import batches
from faces.models.deepface_models import (
    RECOGNISERS,
    DeepFaceEmbedder,
    Recogniser,
    aligned_crop,
    build_embedder,
    prepare,
)
from faces.models.facenet_crops import margin_crop, standardised_each
from faces.types import Box, Detection, Embedder
from tests.faces.models.deepface_files import random_client, save

# deepface describes and calls its networks as Keras 2 wanted it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`:UserWarning"),
    pytest.mark.filterwarnings("ignore:The structure of `inputs`:UserWarning"),
]
# Two small ones, and one that gets its faces in another way; the others take as long as all tests of a folder.
LIGHT = ("deepid", "facenet", "openface")
HEAVY = RECOGNISERS.keys() - {*LIGHT, "deepface"}  # deepface has a test file of its own


def picture(seed: int = 0) -> Any:
    """A smooth coloured picture, 240 x 320."""
    small = np.random.default_rng(seed).integers(0, 256, size=(12, 16, 3))
    return np.kron(small, np.ones((20, 20, 1))).astype(np.uint8)


def face(x: float, y: float, width: float, height: float, *, tilt: float = 0.0) -> Detection:
    points = [(0.3, 0.4), (0.7, 0.4 + tilt), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
    landmarks = np.array([[x + width * px, y + height * py] for px, py in points], dtype=np.float32)
    return Detection(Box(x, y, width, height), landmarks, 0.9)


def unit(rows: Any) -> Any:
    rows = np.atleast_2d(np.asarray(rows, dtype=np.float64))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@dataclass(frozen=True)
class Built:
    """A recogniser in both hands, with the same random weights.

    Attributes:
        recogniser: which.
        folder: of its weights file.
        client: deepface's own.
        embedder: ours.
    """

    recogniser: Recogniser
    folder: Path
    client: Any
    embedder: DeepFaceEmbedder


@pytest.fixture(scope="module")
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Build one, which takes seconds: some have hundreds of layers, one has 145 million weights."""
    recogniser, folder = RECOGNISERS[request.param], tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as monkeypatch:
        client = random_client(recogniser.deepface_name, monkeypatch)
    file = folder / recogniser.weights_file
    save(client.whole, file)
    yield Built(recogniser, folder, client, build_embedder(request.param, folder))
    file.unlink()


@pytest.mark.parametrize(
    "built", [*LIGHT, *(pytest.param(key, marks=pytest.mark.real_faces) for key in sorted(HEAVY))], indirect=True
)
def test_every_recogniser_loads_its_file_and_equals_deepface_s_own_forward_pass(built: Built) -> None:
    recogniser, client, embedder = built.recogniser, built.client, built.embedder
    assert client.input_shape == (recogniser.width, recogniser.height)
    recorded = json.loads((built.folder / "recorded.json").read_text())
    assert recorded.keys() == {recogniser.weights_file}
    first = recorded[recogniser.weights_file][:12]
    assert embedder.model_id == f"deepface-{recogniser.deepface_name}-{first}-{recogniser.recipe}"
    crops = np.random.default_rng(1).random((3, recogniser.height, recogniser.width, 3)).astype(np.float32)
    ours, theirs = embedder.forward(crops), np.asarray(client.forward(crops))
    assert ours.shape == theirs.shape == (3, client.output_shape) == (3, embedder.dimensions)
    assert np.abs(unit(ours) - unit(theirs)).max() < 1e-5
    # What differs between faces must be seen by the comparison too, however alike random networks find them.
    assert np.abs((ours - ours[0]) / np.abs(ours).max()).max() > 1e-6
    assert isinstance(embedder, Embedder)


@pytest.mark.parametrize("built", ["facenet"], indirect=True)
def test_facenet_gets_its_faces_as_its_weights_were_trained(built: Built) -> None:
    embedder = built.embedder
    assert embedder.model_id.endswith("-facenet-1")
    assert embedder.threshold_cosine == 0.6
    image, found = picture(4), face(100, 80, 60, 80)
    theirs = built.client.model(standardised_each(margin_crop(image, found.box))[None], training=False)
    assert np.abs(embedder.embed(image, [found]) - unit(theirs)).max() < 1e-5


def test_changed_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(random_client("DeepID", monkeypatch).model, tmp_path / "deepid_keras_weights.h5")
    build_embedder("DeepID", tmp_path)
    with (tmp_path / "deepid_keras_weights.h5").open("ab") as file:
        file.write(b"x")
    with pytest.raises(WeightsError, match="recorded at its first use"):
        build_embedder("DeepID", tmp_path)


@pytest.mark.parametrize("key", sorted(RECOGNISERS))
def test_missing_weights_say_which_file_goes_where(key: str, tmp_path: Path) -> None:
    recogniser = RECOGNISERS[key]
    place = tmp_path / recogniser.weights_file
    said = re.escape(f"{place} is missing: the recogniser {recogniser.deepface_name} needs deepface's file")
    with pytest.raises(WeightsError, match=said):
        models.build_embedder(recogniser.deepface_name, weights_dir=tmp_path)


def test_weights_of_another_network_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(random_client("DeepID", monkeypatch).model, tmp_path / "openface_weights.h5")
    with pytest.raises(WeightsError, match="does not hold the weights of the recogniser OpenFace"):
        build_embedder("OpenFace", tmp_path)


def test_unknown_names_are_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match="Facenet512"):
        build_embedder("Eigenfaces", tmp_path)


@pytest.mark.parametrize(
    ("box", "tilt"),
    [((100, 80, 60, 80), 0.0), ((100, 80, 60, 80), 0.2), ((100, 80, 61, 83), -0.3), ((0, 0, 50, 60), 0.1)],
)
def test_crop_equals_deepface_s(box: tuple[int, int, int, int], tilt: float) -> None:
    image, found = picture(), face(*box, tilt=tilt)
    x, y, width, height = box
    border_y, border_x = 120, 160
    bordered = np.pad(image, ((border_y, border_y), (border_x, border_x), (0, 0)))
    eyes = [(int(px) + border_x, int(py) + border_y) for px, py in found.landmarks[:2]]
    area = FacialAreaRegion(
        x + border_x, y + border_y, width, height, right_eye=eyes[0], left_eye=eyes[1], confidence=0.9
    )
    theirs = deepface_detection.extract_face(
        area,
        bordered,
        align=True,
        expand_percentage=0,
        width_border=border_x,
        height_border=border_y,
        detector_backend="mtcnn",
    )
    assert np.array_equal(aligned_crop(image, found), theirs.img)


@pytest.mark.parametrize("box", [(-30, -20, 80, 90), (290, 200, 80, 90), (310.6, 230.2, 0.5, 0.5)])
def test_a_box_over_the_edge_is_cut(box: tuple[float, float, float, float]) -> None:
    crop = aligned_crop(picture(), face(*box))
    assert min(crop.shape) >= 1


def test_whole_way_equals_deepface_represent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = random_client("DeepID", monkeypatch)
    save(client.model, tmp_path / "deepid_keras_weights.h5")
    embedder = build_embedder("DeepID", tmp_path)
    image = picture(3)
    found = [face(100, 80, 60, 80, tilt=0.1), face(180, 100, 50, 60)]
    monkeypatch.setattr(modeling, "build_model", lambda *_, **__: client)
    theirs = [
        representation.represent(
            aligned_crop(np.ascontiguousarray(image[:, :, ::-1]), one) / 255.0,
            model_name="DeepID",
            detector_backend="skip",
        )[0]["embedding"]
        for one in found
    ]
    ours = embedder.embed(image, found)
    assert ours.dtype == np.float32
    assert np.abs(ours - unit(theirs)).max() < 1e-5


def test_no_faces_are_no_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    client = random_client("DeepID", monkeypatch)
    embedder = DeepFaceEmbedder(RECOGNISERS["deepid"], client.model, "0" * 64)
    assert embedder.embed(picture(), []).shape == (0, 160)


def test_the_size_of_a_batch_does_not_change_a_face(monkeypatch: pytest.MonkeyPatch) -> None:
    client = random_client("DeepID", monkeypatch)
    embedder = DeepFaceEmbedder(RECOGNISERS["deepid"], client.model, "0" * 64)
    crops = np.random.default_rng(2).random((batches.SIZES[-1] + 2, 55, 47, 3)).astype(np.float32)
    together = embedder.forward(crops)
    alone = np.concatenate([embedder.forward(crop[None]) for crop in crops])
    assert np.abs(unit(together) - unit(alone)).max() < 1e-5


def test_a_dark_crop_is_scaled_like_any_other() -> None:
    dark = np.ones((20, 20, 3), dtype=np.uint8)
    assert prepare(dark, (20, 20)).max() == pytest.approx(1 / 255)


def test_names_that_are_offered_are_those_that_can_be_built() -> None:
    assert set(models._DEEPFACE_RECOGNISERS) == {one.deepface_name for one in RECOGNISERS.values()}
