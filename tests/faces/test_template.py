"""What a selfie is remembered by."""

from collections.abc import Sequence

import numpy as np

from faces.distance import unit_rows
from faces.template import FAR, FAR_WEIGHT, mirrored, template_of
from faces.types import Box, Detection, Embeddings, RGBImage

POINTS = np.array([[0.3, 0.4], [0.7, 0.42], [0.5, 0.6], [0.35, 0.8], [0.65, 0.81]], dtype=np.float32)


def a_face(x: float = 40, y: float = 30, side: float = 90) -> Detection:
    return Detection(Box(x, y, side, side), POINTS * np.float32(side) + np.array([x, y], np.float32), 0.9)


def a_picture() -> RGBImage:
    return np.random.default_rng(4).integers(0, 256, (160, 200, 3), dtype=np.uint8)


class Witness:
    """Keeps what it was shown and gives the n-th view the n-th axis."""

    model_id = "witness-1"
    dimensions = 4
    threshold_cosine = 0.5

    def __init__(self) -> None:
        self.seen: list[tuple[RGBImage, Detection]] = []

    def embed(self, image: RGBImage, detections: Sequence[Detection]) -> Embeddings:
        (detection,) = detections
        self.seen.append((image, detection))
        return np.eye(4, dtype=np.float32)[[len(self.seen) - 1]]


def test_a_template_is_the_weighted_mean_of_three_views() -> None:
    template = template_of(Witness(), a_picture(), a_face())
    np.testing.assert_allclose(template, unit_rows(np.array([[0.5, 0.5, FAR_WEIGHT, 0.0]], np.float32))[0])
    assert template.dtype == np.float32


def test_the_views_are_the_face_its_mirror_image_and_a_small_copy() -> None:
    witness = Witness()
    template_of(witness, a_picture(), a_face())
    (clear, face), (turned, turned_face), (_far, far_face) = witness.seen
    np.testing.assert_array_equal(turned, clear[:, ::-1])
    assert face.box.width == turned_face.box.width == 90
    assert abs(far_face.box.width - FAR.width_px) < 0.5


def test_mirroring_twice_gives_the_same_picture_and_face() -> None:
    image, face = a_picture(), a_face()
    again, face_again = mirrored(*mirrored(image, face))
    np.testing.assert_array_equal(again, image)
    np.testing.assert_allclose(face_again.landmarks, face.landmarks, atol=1e-4)
    assert face_again.box == face.box


def test_in_a_mirror_the_right_eye_is_still_the_one_on_the_left_of_the_picture() -> None:
    _image, face = mirrored(a_picture(), a_face())
    right_eye, left_eye, _nose, right_mouth, left_mouth = face.landmarks
    assert right_eye[0] < left_eye[0]
    assert right_mouth[0] < left_mouth[0]


def test_a_pixel_under_a_landmark_stays_under_it() -> None:
    image = np.zeros((100, 120, 3), dtype=np.uint8)
    face = a_face(20, 10, 60)
    x, y = face.landmarks[2].round().astype(int)
    image[y, x] = 255
    turned, turned_face = mirrored(image, Detection(face.box, face.landmarks.round(), 0.9))
    x, y = turned_face.landmarks[2].astype(int)
    assert turned[y, x].tolist() == [255, 255, 255]
