"""``DeepFace.represent`` as it comes, to measure against."""

import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from deepface.config.threshold import thresholds as deepface_thresholds
from deepface.modules import modeling, representation
from deepface.modules.exceptions import FaceNotDetected

from faces import weights
from faces.distance import unit_rows
from faces.errors import NoFace, SeveralFaces
from faces.models.deepface_detectors import complete_landmarks
from faces.models.deepface_weights import supply_weights
from faces.models.onnx_weights import dequantised_model
from faces.types import Box, Detection, Face, RGBImage

_SFACE: Final = "face_recognition_sface_2021dec.onnx"


class PlainDeepFace:
    """deepface with its own detection, alignment and calls, one photo after another.

    Args:
        model: deepface's name of a recogniser.
        detector: deepface's name of a detector.
        weights_dir: holds the files under deepface's names.
    """

    def __init__(self, weights_dir: Path, *, model: str = "SFace", detector: str = "mtcnn") -> None:
        self._model = model
        self._detector = detector
        with tempfile.TemporaryDirectory() as place:
            stand_ins = {_SFACE: _plain_sface(weights_dir, Path(place))}
            with supply_weights(weights_dir, f"plain deepface with {model} and {detector}", stand_ins=stand_ins):
                modeling.build_model("facial_recognition", model)
                modeling.build_model("face_detector", detector)

    @property
    def model_id(self) -> str:
        """Deepface's name of the recogniser."""
        return f"plain-deepface-{self._model}"

    @property
    def detector_id(self) -> str:
        """Deepface's name of the detector."""
        return f"plain-deepface-{self._detector}"

    @property
    def threshold_cosine(self) -> float:
        """Deepface's threshold for pairs, as a similarity."""
        return round(1.0 - float(deepface_thresholds[self._model]["cosine"]), 4)

    def find_faces(self, image: RGBImage) -> list[Face]:
        """Call what is behind ``DeepFace.represent``, whose own module switches Keras for the whole process."""
        bgr = np.ascontiguousarray(image[:, :, ::-1])
        try:
            found: list[dict[str, Any]] = representation.represent(
                bgr, model_name=self._model, detector_backend=self._detector
            )
        except FaceNotDetected:
            return []
        return [self._face(one) for one in found]

    def embed_selfie(self, image: RGBImage) -> Face:
        """Embed a picture of one face.

        Raises:
            NoFace: deepface found none.
            SeveralFaces: deepface found more than one.
        """
        faces = self.find_faces(image)
        if not faces:
            raise NoFace("deepface finds no face.")
        if len(faces) > 1:
            raise SeveralFaces(f"deepface finds {len(faces)} faces.")
        return faces[0]

    def as_enrolled(self, image: RGBImage, detection: Detection) -> Face:
        """Give the face as it was found: deepface makes nothing else of a selfie.

        Raises:
            NoFace: this picture has no such face.
        """
        for face in self.find_faces(image):
            if face.detection.box == detection.box:
                return face
        raise NoFace("deepface finds no such face.")

    def _face(self, found: dict[str, Any]) -> Face:
        area = found["facial_area"]
        box = Box(*(float(area[side]) for side in ("x", "y", "w", "h")))
        landmarks = complete_landmarks(box, (area["right_eye"], area["left_eye"], None, None, None))
        embedding = np.asarray(found["embedding"], dtype=np.float64)
        return Face(
            Detection(box, landmarks, float(found["face_confidence"])), unit_rows(embedding[None])[0], self.model_id
        )


def _plain_sface(weights_dir: Path, place: Path) -> Path:
    """Write SFace as deepface's ONNX Runtime takes it: the same network, its weights no longer quantised in blocks."""
    path = place / _SFACE
    onnx.save_model(dequantised_model(weights.verified("sface", weights_dir)), path)
    return path
