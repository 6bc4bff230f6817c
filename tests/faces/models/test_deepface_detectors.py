import os
from pathlib import Path

import numpy as np
import pytest
from deepface.models.Detector import FacialAreaRegion

from faces.errors import UnknownModel, WeightsError
from faces.images import load
from faces.models.deepface_detectors import DeepFaceDetector, build_detector, complete_landmarks
from faces.types import Box, Detector, RGBImage

SHARED_DATA = Path(os.environ.get("SHARED_DATA", "../shared/data"))
needs_photographs = pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="no photographs under SHARED_DATA")

PICTURE: RGBImage = np.zeros((100, 100, 3), dtype=np.uint8)


class Regions:
    """A detector in deepface's own terms that finds what it was given."""

    def __init__(self, *regions: FacialAreaRegion) -> None:
        self.regions = list(regions)

    def detect_faces(self, img: object) -> list[FacialAreaRegion]:
        return self.regions


def test_five_points_come_in_this_package_s_order(tmp_path: Path) -> None:
    region = FacialAreaRegion(
        10,
        20,
        30,
        40,
        left_eye=(32, 33),
        right_eye=(18, 33),
        nose=(25, 40),
        mouth_right=(20, 50),
        mouth_left=(30, 50),
        confidence=0.8,
    )
    detector = DeepFaceDetector("any", Regions(region), tmp_path)
    [found] = detector.detect(PICTURE)
    assert found.landmarks.tolist() == [[18, 33], [32, 33], [25, 40], [20, 50], [30, 50]]
    assert (found.box, found.score) == (Box(10, 20, 30, 40), 0.8)
    assert isinstance(detector, Detector)


def test_best_score_comes_first_and_empty_boxes_are_dropped(tmp_path: Path) -> None:
    regions = [
        FacialAreaRegion(0, 0, 10, 10, confidence=0.5),
        FacialAreaRegion(20, 0, 10, 10, confidence=0.9),
        FacialAreaRegion(40, 0, 0, 10, confidence=1.0),
        FacialAreaRegion(60, 0, 10, 10),
    ]
    found = DeepFaceDetector("any", Regions(*regions), tmp_path).detect(PICTURE)
    assert [one.score for one in found] == [1.0, 0.9, 0.5]


def test_without_points_they_are_the_usual_places_in_the_box() -> None:
    points = complete_landmarks(Box(100, 200, 50, 100), [None] * 5)
    assert points.dtype == np.float32
    right_eye, left_eye, nose, right_mouth, left_mouth = points.tolist()
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_eye[1] == left_eye[1] < nose[1] < right_mouth[1] == left_mouth[1] < 300


def test_eyes_carry_the_other_points_with_them() -> None:
    box = Box(0, 0, 100, 100)
    level = complete_landmarks(box, [None] * 5)
    # The head turned by a right angle: the line of the eyes runs down, the mouth lies to its left.
    turned = complete_landmarks(box, [(50, 30), (50, 68), None, None, None])
    assert turned[0].tolist() == [50, 30]
    assert turned[1].tolist() == [50, 68]
    relative, turned_relative = level[2] - level[0], turned[2] - turned[0]
    assert turned_relative.tolist() == pytest.approx([-relative[1], relative[0]], abs=1e-4)


def test_unknown_names_are_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match="retinaface"):
        build_detector("hawkeye", tmp_path)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("opencv", "haarcascade_frontalface_default.xml"),
        ("centerface", "centerface.onnx"),
        ("retinaface", "retinaface.onnx"),
    ],
)
def test_a_missing_file_is_named_and_nothing_is_downloaded(name: str, file: str, tmp_path: Path) -> None:
    engine = os.environ.get("DEEPFACE_BACKEND_ENGINE")
    with pytest.raises(WeightsError, match=f"{file} is missing"):
        build_detector(name, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert os.environ.get("DEEPFACE_BACKEND_ENGINE") == engine
    assert "TF_USE_LEGACY_KERAS" not in os.environ


def test_a_detector_whose_package_is_absent_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match="mediapipe"):
        build_detector("mediapipe", tmp_path)


@needs_photographs
def test_mtcnn_finds_a_face_with_all_five_points(tmp_path: Path) -> None:
    pytest.importorskip("mtcnn", reason="mtcnn is not installed")
    found = build_detector("mtcnn", tmp_path).detect(load(SHARED_DATA / "portraits" / "obama.jpg"))
    right_eye, left_eye, nose, right_mouth, left_mouth = found[0].landmarks.tolist()
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[0] < left_mouth[0]
    assert right_eye[1] < nose[1] < right_mouth[1]
