"""Closer looks at faces that were found."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from faces.landmarks import TILE_PX, refined
from faces.types import Box, Detection, RGBImage, TileDetector

SIDE = 40.0
POINTS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], dtype=np.float32)


def face_at(x: float, y: float, side: float = SIDE, *, off: float = 0.0, score: float = 0.8) -> Detection:
    return Detection(Box(x, y, side, side), POINTS * side + np.array([x + off, y], np.float32), score)


class MiddleDetector:
    """Sees one face in the middle third of every tile, its landmarks as they should be."""

    detector_id = "middle"

    def __init__(self, finds: Callable[[int], bool] = lambda side: True) -> None:
        self.sides: list[int] = []
        self._finds = finds

    def detect(self, image: RGBImage) -> list[Detection]:
        side = image.shape[0]
        self.sides.append(side)
        third = side / 3
        # A pixel's centre lies at half a pixel: what resizing does to coordinates.
        return [face_at(third - 0.5, third - 0.5, third)] if self._finds(side) else []


class TiledMiddleDetector(MiddleDetector):
    def detect_batch(self, images: NDArray[np.uint8]) -> list[list[Detection]]:
        return [self.detect(image) for image in images]


@pytest.fixture
def photo() -> RGBImage:
    return np.full((400, 600, 3), 90, dtype=np.uint8)


def test_landmarks_are_averaged_over_the_looks_by_score(photo: RGBImage) -> None:
    (mended,) = refined(MiddleDetector(), photo, [face_at(200, 150, off=4.0)])
    # Four sightings of one score: the first is 4 pixels off, the three closer looks are right.
    right = POINTS * SIDE + np.array([200, 150], np.float32)
    np.testing.assert_allclose(mended.landmarks - right, [[1.0, 0.0]] * 5, atol=0.51)
    assert mended.score == 0.8


@pytest.mark.parametrize("detector", [MiddleDetector(), TiledMiddleDetector()])
def test_a_batch_of_tiles_and_one_by_one_are_the_same(photo: RGBImage, detector: MiddleDetector) -> None:
    faces = [face_at(200, 150, off=3.0), face_at(0, 0, 25.0), face_at(580, 390, 60.0)]
    detector.sides.clear()
    found = refined(detector, photo, faces)
    assert sorted(set(detector.sides)) == sorted(TILE_PX)
    assert len(found) == 3
    expected = refined(MiddleDetector(), photo, faces)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.landmarks, other.landmarks)


def test_protocol_tells_the_two_apart() -> None:
    assert isinstance(TiledMiddleDetector(), TileDetector)
    assert not isinstance(MiddleDetector(), TileDetector)


def test_a_face_that_is_not_found_again_stays(photo: RGBImage) -> None:
    face = face_at(200, 150)
    (same,) = refined(MiddleDetector(finds=lambda side: False), photo, [face])
    assert same is face


def test_a_face_elsewhere_in_the_tile_is_another_one(photo: RGBImage) -> None:
    class CornerDetector(MiddleDetector):
        def detect(self, image: RGBImage) -> list[Detection]:
            return [face_at(0, 0, image.shape[0] / 4)]

    face = face_at(200, 150)
    (same,) = refined(CornerDetector(), photo, [face])
    assert same is face


def test_no_faces_no_looks(photo: RGBImage) -> None:
    detector = MiddleDetector()
    assert refined(detector, photo, []) == []
    assert detector.sides == []


def test_a_look_that_takes_the_face_upside_down_is_not_believed(photo: RGBImage) -> None:
    face = face_at(200, 150)
    lying = Detection(face.box, face.landmarks[::-1].copy(), face.score)
    (same,) = refined(MiddleDetector(), photo, [lying])
    assert same is lying
