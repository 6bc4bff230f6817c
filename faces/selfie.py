"""Whose face a selfie shows: chosen by vote over several looks, not by size."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from faces.detect import SURE_SCORE, Candidate, look_at_scale, merge
from faces.tiles import mapped
from faces.types import Box, Detection, Detector, RGBImage

_SELFIE_SIDES_PX: Final = (320, 640, 1280)
_LARGEST_ENLARGEMENT: Final = 2.0
_LEAST_CENTRALITY: Final = 0.1
_SURE_SCORE: Final = 0.91


def find_selfie(detector: Detector, image: RGBImage) -> list[Candidate]:
    """Find the faces of a selfie, the one it shows first.

    A face that fills the picture is looked for with a margin around, a lying picture is turned; each only while no look
    before was sure: YuNet does see a lying face, but unsurely and with landmarks that are wrong.

    Args:
        detector: run several times.
        image: uint8 (height, width, 3), RGB.

    Returns:
        Candidates by prominence, in pixels of the picture as given; empty where there is no face.
    """
    views: list[tuple[RGBImage, Callable[[Detection], Detection]]] = [(image, lambda one: one), _padded(image)]
    views += [_turned(image, quarters) for quarters in (1, 3, 2)]
    best: list[Candidate] = []
    for view, back in views:
        looks = [look_at_scale(detector, view, scale, min_score=SURE_SCORE) for scale in selfie_scales(view)]
        found = merge([[back(one) for one in look] for look in looks])
        found.sort(key=lambda one: -prominence(one, image))
        if found and (not best or found[0].detection.score > best[0].detection.score):
            best = found
        if best and best[0].detection.score >= _SURE_SCORE:
            break
    return best


def prominence(candidate: Candidate, image: RGBImage) -> float:
    """Weigh a candidate's rank by how near the middle of a selfie it is: its taker aims at the own face.

    Args:
        candidate: found in the picture.
        image: uint8 (height, width, 3), RGB.
    """
    height, width = image.shape[:2]
    box = candidate.detection.box
    away = np.hypot(box.x + (box.width - width) / 2, box.y + (box.height - height) / 2)
    return candidate.rank * max(_LEAST_CENTRALITY, 1.0 - float(away) * 2.0 / float(np.hypot(width, height)))


def selfie_scales(image: RGBImage) -> tuple[float, ...]:
    """Choose the scales for a picture of one near face: a few sizes, none enlarged more than twice."""
    side = max(image.shape[:2])
    scales = {min(_LARGEST_ENLARGEMENT, wanted / side) for wanted in _SELFIE_SIDES_PX}
    return tuple(sorted(scales))


def _padded(image: RGBImage) -> tuple[RGBImage, Callable[[Detection], Detection]]:
    """Half the picture's size of grey on every side."""
    height, width = image.shape[:2]
    down, across = height // 2, width // 2
    padded = np.pad(image, ((down, down), (across, across), (0, 0)), constant_values=127)
    return padded, lambda one: mapped(one, 1.0, 1.0, -across, -down)


def _turned(image: RGBImage, quarters: int) -> tuple[RGBImage, Callable[[Detection], Detection]]:
    """The picture turned by quarters of a circle, anticlockwise, and the way back for what is found in it."""
    height, width = image.shape[:2]

    def back(one: Detection) -> Detection:
        corners = np.array([[one.box.x, one.box.y], [one.box.x + one.box.width, one.box.y + one.box.height]])
        low, high = np.sort(_turned_back(corners - 0.5, quarters, width, height), axis=0) + 0.5
        box = Box(float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))
        landmarks = _turned_back(one.landmarks.astype(np.float64), quarters, width, height).astype(np.float32)
        return Detection(box, landmarks, one.score)

    return np.ascontiguousarray(np.rot90(image, quarters)), back


def _turned_back(points: NDArray[np.float64], quarters: int, width: int, height: int) -> NDArray[np.float64]:
    """Map centres of pixels of ``np.rot90(image, quarters)`` to those of the image, which is width x height."""
    x, y = points[:, 0], points[:, 1]
    if quarters == 1:
        return np.stack([width - 1 - y, x], axis=1)
    if quarters == 3:
        return np.stack([y, height - 1 - x], axis=1)
    return np.stack([width - 1 - x, height - 1 - y], axis=1)
