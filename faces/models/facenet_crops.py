"""How FaceNet's published weights were given their faces: upright boxes with a margin, RGB, standardised.

Both sets of weights that deepface offers come from D. Sandberg's project. ``Facenet`` (128 numbers, 2017) was trained
on pictures that are each brought to mean 0 and deviation 1; ``Facenet512`` (20180402-114759, on VGGFace2) on pixels
standardised by fixed numbers. deepface has both under other names (``Facenet`` and, up to a factor of 128 / 127.5,
``Facenet2018``) and uses neither unless told to.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from faces.types import Box, RGBImage

SIZE_PX: Final = 160
MARGIN_PX: Final = 32
"""Of the crop's 160: a box fills 128 of them, 16 stay on each side."""


def margin_crop(image: RGBImage, box: Box) -> RGBImage:
    """Cut a face out with FaceNet's margin, and scale it to the input; what lies outside the picture is left out.

    Args:
        image: uint8 (height, width, 3), RGB.
        box: may reach over the edge, but not lie outside.

    Returns:
        uint8 (160, 160, 3), RGB, stretched where the box is not square, as the training pictures were.
    Source: D. Sandberg, facenet, ``align_dataset_mtcnn.py``; the margin in pixels of the crop as in facenet-pytorch.
    """
    height, width = image.shape[:2]
    grown = MARGIN_PX / (SIZE_PX - MARGIN_PX) / 2.0
    left, right = _span(box.x - box.width * grown, box.x + box.width * (1.0 + grown), width)
    top, bottom = _span(box.y - box.height * grown, box.y + box.height * (1.0 + grown), height)
    shrinks = bottom - top > SIZE_PX and right - left > SIZE_PX
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    scaled = cv2.resize(np.ascontiguousarray(image[top:bottom, left:right]), (SIZE_PX, SIZE_PX), interpolation=way)
    return np.asarray(scaled, dtype=np.uint8)


def standardised_each(crop: RGBImage) -> NDArray[np.float32]:
    """Bring a crop to mean 0 and deviation 1, as the weights of 2017 want it.

    Args:
        crop: uint8 (height, width, 3).
    """
    pixels = crop.astype(np.float64)
    deviation = max(float(pixels.std()), 1.0 / np.sqrt(pixels.size))
    standardised: NDArray[np.float32] = ((pixels - pixels.mean()) / deviation).astype(np.float32)
    return standardised


def standardised_fixed(crop: RGBImage) -> NDArray[np.float32]:
    """Bring a crop to about [-1, 1], the same way for every picture, as the weights of 2018 want it.

    Args:
        crop: uint8 (height, width, 3).
    """
    return ((crop.astype(np.float32) - 127.5) / 128.0).astype(np.float32)


def _span(start: float, end: float, limit: int) -> tuple[int, int]:
    """Cut a span to the picture; at least one pixel stays."""
    first = min(max(0, round(start)), limit - 1)
    return first, max(first + 1, min(limit, round(end)))
