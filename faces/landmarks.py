"""Where eyes, nose and mouth really are: each face is looked at again, alone, at sizes that the detector knows well.

A recogniser lives on its alignment. Landmarks from one look wander by a pixel or two, which is a tenth of a small face;
averaged over three looks at fixed sizes they lift every recogniser (``docs/recognition.md``), for half the price of one
look at the whole photo.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from faces import tiles
from faces.detect import averaged
from faces.types import Detection, Detector, RGBImage

TILE_PX: Final = (160, 224, 320)
"""Sides of the crops; the face takes a third: 53, 75 and 107 pixels, where YuNet's landmarks are steadiest."""

_MIN_SCORE: Final = 0.5
_SAME_FACE_IOU: Final = 0.4
_FARTHEST_LANDMARKS: Final = 0.2
"""Mean distance of two looks' landmarks, in widths of the box; of a face upside down they lie 0.5 apart and more."""


def refined(detector: Detector, image: RGBImage, detections: Sequence[Detection]) -> list[Detection]:
    """Average each face's box and landmarks over closer looks.

    Args:
        detector: one that takes a batch of equal tiles is asked once a size.
        image: uint8 (height, width, 3), RGB, the picture the detections came from.
        detections: n faces of that picture; may be empty.

    Returns:
        n faces in the same order; one that no closer look finds again stays as it was.
    """
    if not detections:
        return []
    looks: list[list[Detection]] = [[one] for one in detections]
    boxes = [one.box for one in detections]
    for tile_px in TILE_PX:
        for face, again in zip(looks, tiles.look_at(detector, image, boxes, tile_px=tile_px), strict=True):
            best = max(again, key=lambda one: face[0].box.iou(one.box), default=None)
            if best is not None and best.score >= _MIN_SCORE and _agree(face[0], best):
                face.append(best)
    return [averaged(face) for face in looks]


def _agree(one: Detection, other: Detection) -> bool:
    """Whether two looks mean one face, the same way up: YuNet sees a lying face, but takes chin for brow."""
    if one.box.iou(other.box) < _SAME_FACE_IOU:
        return False
    apart = np.linalg.norm(one.landmarks - other.landmarks, axis=1).mean()
    return bool(apart <= _FARTHEST_LANDMARKS * one.box.width)
