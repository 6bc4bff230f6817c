"""The detector YuNet, run by OpenCV at the resolution that it is given.

Source: Wu, Peng, Yu 2023, "YuNet: A Tiny Millisecond-level Face Detector".
Weights: face_detection_yunet_2023mar_int8bq.onnx of the OpenCV Zoo (MIT).
"""

import threading
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from faces.errors import WeightsError
from faces.types import Box, Detection, RGBImage

UNSURE_SCORE: Final = 0.3
"""Faces are reported from here on; what is done with the unsure ones is the business of ``faces.detect``."""

_LOWER: Final = 0.15
_SMALLEST_PX: Final = 16
_MOST_FACES: Final = 5000


class YuNetDetector:
    """YuNet behind the ``Detector`` protocol.

    Attributes:
        detector_id: name and version.
    """

    detector_id = "yunet-2023mar-int8bq"

    def __init__(self, weights: Path, *, score_threshold: float = UNSURE_SCORE, iou_threshold: float = 0.3) -> None:
        """Load the network.

        Args:
            weights: the verified ONNX file.
            score_threshold: keep a face from this score on, range (0, 1].
            iou_threshold: of two boxes that overlap more, the one of lower score is dropped, range (0, 1].

        Raises:
            WeightsError: OpenCV cannot read the file.
        """
        try:
            self._network = cv2.FaceDetectorYN.create(
                str(weights), "", (320, 320), score_threshold, iou_threshold, _MOST_FACES
            )
        except cv2.error as error:
            raise WeightsError(f"OpenCV cannot read {weights} as YuNet.") from error
        # The network keeps the size of its input: two pictures at once would mix theirs.
        self._lock = threading.Lock()

    def detect(self, image: RGBImage) -> list[Detection]:
        """Find faces, best score first; see ``Detector``."""
        height, width = image.shape[:2]
        if min(height, width) < _SMALLEST_PX:
            return []
        bgr = np.ascontiguousarray(image[:, :, ::-1])
        with self._lock:
            self._network.setInputSize((width, height))
            _, rows = self._network.detect(bgr)
        if rows is None:
            return []
        found = [
            Detection(
                box=as_drawn(*(float(value) for value in row[:4])),
                landmarks=row[4:14].reshape(5, 2).astype(np.float32),
                score=min(1.0, float(row[14])),
            )
            for row in rows
            if row[2] > 0 and row[3] > 0
        ]
        return sorted(found, key=lambda one: -one.score)


def as_drawn(left: float, top: float, width: float, height: float) -> Box:
    """Turn the network's box into the one that people draw: it sits too high, on masked faces above all.

    Args:
        left: edge, pixels.
        top: edge, pixels.
        width: greater than zero.
        height: greater than zero.
    """
    return Box(left, top + height * _LOWER, width, height)
