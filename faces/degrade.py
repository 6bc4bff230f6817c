"""Makes of a clear face what a class photo shows of the last row: few pixels, some blur, JPEG."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from faces.tiles import mapped
from faces.types import Box, Detection, RGBImage

BANDS: Final[Mapping[str, tuple[float, float]]] = {"16-24": (16.0, 24.0), "24-34": (24.0, 34.0), "34-48": (34.0, 48.0)}
"""Widths of a face's box, pixels, from (inclusive) and to (exclusive)."""

BLUR_PX: Final = (0.3, 0.8)
JPEG_QUALITY: Final = (70, 95)
WINDOW_SIDES: Final = 3.0
"""What is kept around a face, in sides of its box: more than any recogniser's crop shows, turned or not."""


@dataclass(frozen=True, slots=True)
class Degradation:
    """What happens to one face.

    Attributes:
        width_px: of its box afterwards.
        blur_px: standard deviation of the blur, pixels of the shrunken picture.
        jpeg_quality: range [1, 95].
    """

    width_px: float
    blur_px: float
    jpeg_quality: int


def drawn(generator: np.random.Generator, width_px: tuple[float, float]) -> Degradation:
    """Draw a degradation, each number uniform in its range.

    Args:
        generator: its state goes on by three numbers.
        width_px: range of the face's width, pixels.
    """
    width, blur, quality = generator.random(3).tolist()
    low, high = JPEG_QUALITY
    return Degradation(
        width_px=width_px[0] + width * (width_px[1] - width_px[0]),
        blur_px=BLUR_PX[0] + blur * (BLUR_PX[1] - BLUR_PX[0]),
        jpeg_quality=int(low + quality * (high - low)),
    )


def degraded(image: RGBImage, detection: Detection, how: Degradation) -> tuple[RGBImage, Detection]:
    """Shrink, blur and encode a face with what is around it.

    Args:
        image: uint8 (height, width, 3), RGB.
        detection: a face of that picture.
        how: much; a face narrower than ``how.width_px`` is not enlarged.

    Returns:
        The picture around the face, decoded again, and the face in its pixels: landmarks of the clear picture, scaled.
    """
    window, face = cut_out(image, detection)
    scale = min(1.0, how.width_px / face.box.width)
    height, width = window.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Pillow's bilinear averages over the area that it shrinks, as a sensor does.
    small = Image.fromarray(window).resize(size, Image.Resampling.BILINEAR)
    small = small.filter(ImageFilter.GaussianBlur(how.blur_px))
    stored = io.BytesIO()
    # 4:2:0, as phones write.
    small.save(stored, "JPEG", quality=how.jpeg_quality, subsampling="4:2:0")
    with Image.open(stored, formats=["JPEG"]) as read:
        return np.array(read.convert("RGB")), mapped(face, size[0] / width, size[1] / height, 0.0, 0.0)


def cut_out(image: RGBImage, detection: Detection) -> tuple[RGBImage, Detection]:
    """Cut the square window around a face out of its picture, less what lies beyond the edge."""
    left, top, right, bottom = _window(detection.box, image)
    return image[top:bottom, left:right], mapped(detection, 1.0, 1.0, -left, -top)


def _window(box: Box, image: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    height, width = image.shape[:2]
    half = max(box.width, box.height) * WINDOW_SIDES / 2
    x, y = box.x + box.width / 2, box.y + box.height / 2
    left, top = int(np.clip(x - half, 0, width - 1)), int(np.clip(y - half, 0, height - 1))
    right = int(np.clip(np.ceil(x + half), left + 1, width))
    bottom = int(np.clip(np.ceil(y + half), top + 1, height))
    return left, top, right, bottom
