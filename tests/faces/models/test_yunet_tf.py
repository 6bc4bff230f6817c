"""YuNet rebuilt in TensorFlow finds what OpenCV's own reader of the same file finds."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from faces.errors import WeightsError
from faces.models.yunet_tf import YuNetTensorFlow, suppress
from faces.types import Box, Detection, Detector, RGBImage
from faces.weights import verified

SHARED_DATA = Path(os.environ.get("SHARED_DATA", "../shared/data"))
needs_photographs = pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="no photographs under SHARED_DATA")
PHOTOGRAPHS = (
    "crowds/1.jpg",
    "crowds/11.jpg",
    "groups/photos/04.jpg",
    "groups/photos/12.jpg",
    "portraits/obama_and_biden.jpg",
    "class_photos/class-01/photo-1.jpg",
)


def photograph(name: str) -> RGBImage:
    with Image.open(SHARED_DATA / name) as picture:
        return np.asarray(picture.convert("RGB"))


def numbers(detections: list[Detection]) -> np.ndarray:
    """Rows in the order of OpenCV: box, landmarks, score."""
    rows = [
        [found.box.x, found.box.y, found.box.width, found.box.height, *found.landmarks.ravel(), found.score]
        for found in detections
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 15)


def opencv(image: RGBImage) -> np.ndarray:
    """What OpenCV finds, best score first; its boxes as people draw them: lower by 0.15 of their height."""
    size = (image.shape[1], image.shape[0])
    detector = cv2.FaceDetectorYN.create(str(verified("yunet")), "", size, 0.6, 0.3, 5000)
    _, rows = detector.detect(np.ascontiguousarray(image[:, :, ::-1]))
    if rows is None:
        return np.zeros((0, 15))
    rows[:, 1] += 0.15 * rows[:, 3]
    ordered: np.ndarray = rows[np.argsort(-rows[:, 14], kind="stable")]
    return ordered


@pytest.fixture(scope="module")
def detector() -> YuNetTensorFlow:
    return YuNetTensorFlow(verified("yunet"))


def test_it_is_a_detector(detector: YuNetTensorFlow) -> None:
    assert isinstance(detector, Detector)


@pytest.mark.real_faces
@needs_photographs
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_boxes_landmarks_and_scores_are_those_of_opencv(detector: YuNetTensorFlow, name: str) -> None:
    image = photograph(name)
    found, expected = numbers(detector.detect_batch(image[None], score_threshold=0.6)[0]), opencv(image)

    assert len(expected) > 0
    assert found.shape == expected.shape
    # Scores that differ in the last digit may change places: compare from left to right.
    found, expected = found[np.argsort(found[:, 0])], expected[np.argsort(expected[:, 0])]
    np.testing.assert_allclose(found[:, :14], expected[:, :14], atol=0.01)
    np.testing.assert_allclose(found[:, 14], expected[:, 14], atol=1e-5)


@pytest.mark.real_faces
@needs_photographs
def test_the_best_score_comes_first(detector: YuNetTensorFlow) -> None:
    scores = [found.score for found in detector.detect(photograph("crowds/1.jpg"))]

    assert scores == sorted(scores, reverse=True)
    assert len(scores) > 40


@pytest.mark.real_faces
@needs_photographs
def test_bands_change_no_number() -> None:
    image = photograph("groups/photos/12.jpg")
    in_bands = numbers(YuNetTensorFlow(verified("yunet"), band_rows=64).detect(image))
    at_once = numbers(YuNetTensorFlow(verified("yunet"), band_rows=4096).detect(image))

    assert len(at_once) > 3
    np.testing.assert_allclose(in_bands, at_once, atol=1e-3)


@pytest.mark.real_faces
@needs_photographs
def test_tiles_in_one_call_give_what_each_gives_alone(detector: YuNetTensorFlow) -> None:
    image = photograph("crowds/11.jpg")
    tiles = np.stack([image[:512, :512], image[:512, -512:], np.zeros((512, 512, 3), np.uint8)])
    together = detector.detect_batch(tiles)

    assert [len(found) > 0 for found in together] == [True, True, False]
    for tile, found in zip(tiles, together, strict=True):
        np.testing.assert_allclose(numbers(found), numbers(detector.detect(tile)), atol=1e-3)


@pytest.mark.real_faces
@needs_photographs
def test_a_threshold_of_the_call_keeps_the_faces_that_reach_it(detector: YuNetTensorFlow) -> None:
    image = photograph("crowds/1.jpg")
    found = detector.detect(image)
    (certain,) = detector.detect_batch(image[None], score_threshold=0.9)

    assert 10 < len(certain) < len(found)
    np.testing.assert_allclose(numbers(certain), numbers(found[: len(certain)]), atol=1e-3)
    assert min(face.score for face in certain) >= 0.9 > found[len(certain)].score


@pytest.mark.parametrize("size", [(1, 1), (31, 33), (32, 32), (500, 1)])
def test_a_picture_of_any_size_without_a_face_has_none(detector: YuNetTensorFlow, size: tuple[int, int]) -> None:
    assert detector.detect(np.full((*size, 3), 127, dtype=np.uint8)) == []


def test_sizes_do_not_compile_anew() -> None:
    detector = YuNetTensorFlow(verified("yunet"))
    for height, width in ((64, 96), (100, 41), (900, 32)):
        detector.detect(np.zeros((height, width, 3), dtype=np.uint8))

    assert detector._near.experimental_get_tracing_count() == 1
    assert detector._far.experimental_get_tracing_count() == 1


def test_no_pictures_no_lists(detector: YuNetTensorFlow) -> None:
    assert detector.detect_batch(np.zeros((0, 64, 64, 3), dtype=np.uint8)) == []


def test_another_network_is_refused() -> None:
    with pytest.raises(WeightsError, match="another network"):
        YuNetTensorFlow(verified("sface"))


@pytest.mark.parametrize("rows", [0, -32, 100])
def test_bands_are_whole_cells(rows: int) -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        YuNetTensorFlow(verified("yunet"), band_rows=rows)


def test_of_two_overlapping_boxes_the_better_one_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 10, 10], [40, 0, 10, 10]], dtype=np.float32)
    scores = np.array([0.7, 0.9, 0.8], dtype=np.float32)

    assert suppress(boxes, scores, iou_threshold=0.3).tolist() == [1, 2]


def test_an_overlap_at_the_threshold_keeps_both_boxes() -> None:
    boxes = np.array([[0, 0, 3, 1], [1, 0, 3, 1]], dtype=np.float32)

    assert suppress(boxes, np.array([0.9, 0.8], np.float32), iou_threshold=0.5).tolist() == [0, 1]
    assert suppress(boxes, np.array([0.9, 0.8], np.float32), iou_threshold=0.49).tolist() == [0]


def test_equal_scores_keep_the_earlier_box() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 10, 10]], dtype=np.float32)

    assert suppress(boxes, np.array([0.5, 0.5], np.float32), iou_threshold=0.3).tolist() == [0]


def test_nothing_found_nothing_kept() -> None:
    assert suppress(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), iou_threshold=0.3).tolist() == []


sides = st.integers(min_value=1, max_value=20)
places = st.integers(min_value=0, max_value=40)
ranked = st.tuples(places, places, sides, sides, st.integers(min_value=0, max_value=9))


@given(st.lists(ranked, max_size=25))
def test_kept_boxes_are_apart_and_each_dropped_one_lies_under_a_better(rows: list[tuple[int, ...]]) -> None:
    table = np.array(rows, dtype=np.float32).reshape(-1, 5)
    kept = suppress(table[:, :4], table[:, 4], iou_threshold=0.4).tolist()
    boxes = [Box(*map(float, row[:4])) for row in table]

    for index, box in enumerate(boxes):
        above = [boxes[other].iou(box) > 0.4 + 1e-6 for other in kept if other != index]
        if index in kept:
            assert not any(above)
        else:
            near = [other for other in kept if boxes[other].iou(box) > 0.4 - 1e-6]
            assert any(table[other, 4] >= table[index, 4] for other in near)
