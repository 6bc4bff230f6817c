"""deepface's detectors by name, with the five landmarks in the order of this package."""

import importlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from deepface.modules import modeling
from numpy.typing import NDArray

from faces.errors import UnknownModel
from faces.models.deepface_weights import supply_weights
from faces.types import Box, Detection, Landmarks, RGBImage

_USUAL: Final[NDArray[np.float64]] = np.array(
    [[0.31, 0.39], [0.69, 0.39], [0.5, 0.6], [0.35, 0.77], [0.65, 0.77]], dtype=np.float64
)
"""Where the five points of an upright frontal face lie in its box, as shares of width and height."""

_ELSEWHERE: Final = {"yunet": "it is this package's own detector, at full resolution"}


class DeepFaceDetector:
    """A detector of deepface behind the ``Detector`` protocol.

    MTCNN and RetinaFace give five points. Detectors that give the eyes only get the other three by the similarity
    that carries the usual eyes to the found ones; those that give none get the usual places in the box, which suits
    upright frontal faces and costs recognition of all others.
    """

    def __init__(self, name: str, client: Any, weights_dir: Path) -> None:
        self._name = name
        self._client = client
        self._weights_dir = weights_dir

    @property
    def detector_id(self) -> str:
        """The name and its place."""
        return f"deepface-{self._name}-1"

    def detect(self, image: RGBImage) -> list[Detection]:
        """Find faces, best score first.

        Args:
            image: uint8 (height, width, 3), RGB, upright.
        """
        # CenterFace asks for its file at every picture.
        with supply_weights(self._weights_dir, f"the detector {self._name}"):
            found = list(self._mtcnn(image) if self._name == "mtcnn" else self._any_other(image))
        return sorted(found, key=lambda detection: -detection.score)

    def _mtcnn(self, image: RGBImage) -> Iterable[Detection]:
        """Ask MTCNN itself: deepface's wrapper drops nose and mouth. Its left is the observer's left."""
        for face in self._client.model.detect_faces(image) or []:
            points = face["keypoints"]
            names = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
            landmarks = np.array([points[name] for name in names], dtype=np.float32)
            box = _box(*face["box"])
            if box is not None:
                yield Detection(box, landmarks, _score(face["confidence"]))

    def _any_other(self, image: RGBImage) -> Iterable[Detection]:
        """Ask deepface's wrapper, whose left is the person's own left."""
        for face in self._client.detect_faces(np.ascontiguousarray(image[:, :, ::-1])):
            box = _box(face.x, face.y, face.w, face.h)
            if box is not None:
                points = (face.right_eye, face.left_eye, face.nose, face.mouth_right, face.mouth_left)
                yield Detection(box, complete_landmarks(box, points), _score(face.confidence))


def build_detector(name: str, weights_dir: Path) -> DeepFaceDetector:
    """Build a detector of deepface.

    Args:
        name: as deepface writes it: ``mtcnn``, ``retinaface``, ``ssd``, ``opencv``, ``centerface``, ...
        weights_dir: holds the files of those that need one, under deepface's names.

    Raises:
        UnknownModel: deepface has no such detector, or it cannot run with what is installed.
        WeightsError: its file is missing, or its bytes are not those of its first use.
    """
    sources = modeling.AVAILABLE_MODELS["face_detector"].get(name.lower())
    if sources is None or name.lower() in _ELSEWHERE:
        known = ", ".join(one for one in modeling.AVAILABLE_MODELS["face_detector"] if one not in _ELSEWHERE)
        raise UnknownModel(f"deepface has no detector {name}. There are: {known}.")
    module, _, client = sources[modeling.ANY].rpartition(".")
    try:
        with supply_weights(weights_dir, f"the detector {name.lower()}"), _engine_that_runs():
            built = getattr(importlib.import_module(module), client)()
        detector = DeepFaceDetector(name.lower(), built, weights_dir)
        detector.detect(np.zeros((64, 64, 3), dtype=np.uint8))
    except (ImportError, ValueError) as error:
        raise UnknownModel(f"The detector {name} cannot run here: {error}") from error
    return detector


@contextmanager
def _engine_that_runs() -> Iterator[None]:
    """Let RetinaFace load on ONNX Runtime: its TensorFlow version needs Keras 2, and switches Keras for the process."""
    before = os.environ.get("DEEPFACE_BACKEND_ENGINE")
    os.environ["DEEPFACE_BACKEND_ENGINE"] = "onnx"
    try:
        yield
    finally:
        if before is None:
            del os.environ["DEEPFACE_BACKEND_ENGINE"]
        else:
            os.environ["DEEPFACE_BACKEND_ENGINE"] = before


def complete_landmarks(box: Box, points: Iterable[tuple[float, float] | None]) -> Landmarks:
    """Fill in the points that a detector does not give.

    Args:
        box: of the face.
        points: right eye, left eye, nose, right and left mouth corner (the person's own right); None where not given.

    Returns:
        float32 (5, 2), pixels.
    """
    given = list(points)
    usual = _USUAL * (box.width, box.height) + (box.x, box.y)
    right_eye, left_eye = given[0], given[1]
    if right_eye is not None and left_eye is not None:
        usual = _carried(usual, np.array([right_eye, left_eye], dtype=np.float64))
    filled = [place if point is None else point for place, point in zip(usual.tolist(), given, strict=True)]
    return np.array(filled, dtype=np.float32)


def _carried(usual: NDArray[np.float64], eyes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move points by the turn, scale and shift that carry their first two to the eyes."""
    complex_usual = usual[:, 0] + 1j * usual[:, 1]
    right, left = eyes[:, 0] + 1j * eyes[:, 1]
    factor = (left - right) / (complex_usual[1] - complex_usual[0])
    moved = right + factor * (complex_usual - complex_usual[0])
    return np.stack([moved.real, moved.imag], axis=1)


def _box(x: float, y: float, width: float, height: float) -> Box | None:
    """Give the box, or None for the empty ones that some detectors return."""
    return Box(float(x), float(y), float(width), float(height)) if width > 0 and height > 0 else None


def _score(confidence: float | None) -> float:
    """A detector without a confidence vouches for all its faces alike."""
    return 1.0 if confidence is None else min(1.0, max(0.0, float(confidence)))
