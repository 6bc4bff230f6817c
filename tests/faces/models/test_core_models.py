"""The networks of the default recipe, and the parts that load and feed them."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from faces import images, weights
from faces.align import ARCFACE_TEMPLATE
from faces.errors import UnknownModel, WeightsError
from faces.models import batches, build_pipeline
from faces.models.onnx_weights import dequantised_model, read_graph
from faces.models.sface import SFaceEmbedder, build_network
from faces.models.warp import aligned_crops, warp
from faces.models.yunet import YuNetDetector
from faces.types import Box, Detection, Detector, Embedder


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (count, 112, 112, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def embedder() -> SFaceEmbedder:
    return SFaceEmbedder(_file("sface"))


@pytest.fixture(scope="module")
def detector() -> YuNetDetector:
    return YuNetDetector(_file("yunet"))


def _file(name: str) -> Path:
    try:
        return weights.verified(name)
    except WeightsError as error:
        pytest.skip(str(error))


def test_keras_and_onnx_runtime_agree_on_the_same_weights() -> None:
    path = _file("sface")
    session = onnxruntime.InferenceSession(dequantised_model(path).SerializeToString())
    crops = noise(3).astype(np.float32)
    expected = np.concatenate([session.run(None, {"data": crop[None].transpose(0, 3, 1, 2)})[0] for crop in crops])
    np.testing.assert_allclose(build_network(path)(crops).numpy(), expected, atol=1e-4)


def test_embeddings_do_not_depend_on_their_batch(embedder: SFaceEmbedder) -> None:
    crops = noise(5)
    together = embedder.embed_crops(crops)
    alone = np.concatenate([embedder.embed_crops(crop[None]) for crop in crops])
    assert together.shape == (5, embedder.dimensions)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)


def test_a_mirrored_crop_has_the_same_embedding(embedder: SFaceEmbedder) -> None:
    crops = noise(1)
    mirrored = np.ascontiguousarray(crops[:, :, ::-1])
    np.testing.assert_allclose(embedder.embed_crops(crops), embedder.embed_crops(mirrored), atol=1e-5)


def test_no_face_is_an_empty_array(embedder: SFaceEmbedder) -> None:
    empty = embedder.embed(np.zeros((50, 50, 3), np.uint8), [])
    assert empty.shape == (0, 128)
    assert empty.dtype == np.float32


def test_they_keep_the_protocols(embedder: SFaceEmbedder, detector: YuNetDetector) -> None:
    assert isinstance(embedder, Embedder)
    assert isinstance(detector, Detector)


def test_another_network_is_refused() -> None:
    with pytest.raises(WeightsError, match="another network"):
        build_network(_file("yunet"))


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"no network at all")
    with pytest.raises(WeightsError, match="not an ONNX file"):
        read_graph(path)
    with pytest.raises(WeightsError, match="cannot read"):
        YuNetDetector(path)


@pytest.mark.real_faces
def test_a_detector_forgets_the_size_of_the_picture_before(detector: YuNetDetector, shared_data: Path) -> None:
    photo = images.load(shared_data / "crowds/11.jpg")
    first = detector.detect(photo)
    detector.detect(photo[:333, :801])
    again = detector.detect(photo)
    assert len(first) > 20
    assert [one.box for one in again] == [one.box for one in first]
    assert [one.score for one in first] == sorted((one.score for one in first), reverse=True)


@pytest.mark.real_faces
def test_boxes_and_landmarks_lie_in_pixels_of_the_photo(detector: YuNetDetector, shared_data: Path) -> None:
    (face,) = detector.detect(images.resized(images.load(shared_data / "portraits/biden.jpg"), scale=0.3))
    right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_eye[1] < nose[1] < right_mouth[1]
    assert right_mouth[0] < left_mouth[0]
    assert np.all(face.landmarks >= (face.box.x, face.box.y))
    assert np.all(face.landmarks <= (face.box.x + face.box.width, face.box.y + face.box.height))


@pytest.mark.parametrize("size", [(1, 1), (15, 400), (400, 3)])
def test_a_sliver_holds_no_face(detector: YuNetDetector, size: tuple[int, int]) -> None:
    assert detector.detect(np.zeros((*size, 3), np.uint8)) == []


def test_crops_bring_landmarks_to_the_template() -> None:
    image = np.zeros((300, 300, 3), np.uint8)
    landmarks = (ARCFACE_TEMPLATE * 1.5 + (60, 40)).round().astype(np.float32)
    for x, y in landmarks.astype(int):
        image[y - 1 : y + 2, x - 1 : x + 2] = 255
    (crop,) = aligned_crops(image, [Detection(Box(60, 40, 170, 170), landmarks, 0.9)], ARCFACE_TEMPLATE, 112)
    for x, y in ARCFACE_TEMPLATE.round().astype(int):
        assert crop[y - 1 : y + 2, x - 1 : x + 2].max() > 150
    assert (crop > 100).any(axis=2).sum() < 5 * 9


@pytest.mark.parametrize("factor", [2.5, 4.0, 9.7])
def test_large_faces_are_averaged_and_do_not_move(factor: float) -> None:
    side = 1400
    ramp = np.linspace(0, 255, side)
    image = np.stack([np.tile(ramp, (side, 1)), np.tile(ramp[:, None], (1, side)), np.zeros((side, side))], axis=2)
    transform = np.array([[1 / factor, 0.02, -30.0], [-0.02, 1 / factor, -20.0]])
    crop = warp(image.astype(np.uint8), transform, 60).astype(float)
    inverse = np.linalg.inv(transform[:, :2])
    for x, y in ((20, 20), (40, 25), (30, 45)):
        seen = inverse @ (np.array([x, y]) - transform[:, 2])
        np.testing.assert_allclose(crop[y, x, :2], seen / (side - 1) * 255, atol=1.5)


def test_fine_stripes_in_a_large_face_become_grey() -> None:
    image = np.zeros((800, 800, 3), np.uint8)
    image[:, ::2] = 255
    crop = warp(image, np.array([[0.125, 0, 0], [0, 0.125, 0]]), 100)
    assert crop[5:95, 5:95].min() > 100
    assert crop[5:95, 5:95].max() < 155


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(0, []), (1, [1]), (2, [4]), (23, [16, 8]), (29, [16, 16]), (33, [16, 16, 4])],
)
def test_batches_hold_all_faces_and_at_most_three_places_more(count: int, sizes: list[int]) -> None:
    assert batches.plan(count) == sizes


def test_batches_keep_the_order() -> None:
    crops = np.arange(70, dtype=np.uint8).reshape(70, 1, 1, 1)
    result = batches.run(lambda batch: batch.reshape(len(batch), 1).astype(np.float32), crops)
    assert result[:, 0].tolist() == list(range(70))


@pytest.mark.parametrize(
    ("model", "detector", "words"),
    [("face-id", "yunet", "No recogniser is called face-id.*sface.*Facenet"), ("sface", "eye", "No detector.*yunet")],
)
def test_unknown_names_are_answered_with_the_known_ones(model: str, detector: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match=words):
        build_pipeline(model, detector=detector, weights_dir=tmp_path)


def test_missing_weights_stop_the_pipeline(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=str(tmp_path)):
        build_pipeline(weights_dir=tmp_path)


def test_the_recipe_is_named_by_its_options() -> None:
    _file("sface")
    _file("yunet")
    assert build_pipeline("SFace").model_id == "sface-2021dec-112-flip-v2/t2"
    assert build_pipeline("sface-plain").model_id == "sface-2021dec-112-v2/t2"
    assert build_pipeline().model_id == build_pipeline("sface-dlib").model_id
