"""Square pieces of a photo around faces, all scaled to one size, so that a detector takes them in one call."""

from collections.abc import Sequence
from math import ceil, floor
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faces.types import Box, Detection, Detector, RGBImage, TileDetector

_SIDES: Final = 3.0
"""Side of a square in sides of its face: with hair, chin and shoulders around, a detector is surest of a face."""
_AT_ONCE: Final = 32
"""Tiles cut at a time: those of a crowd of hundreds would fill 150 MB."""


def look_at(detector: Detector, image: RGBImage, boxes: Sequence[Box], *, tile_px: int) -> list[list[Detection]]:
    """Detect around each of some faces, alone and at one size.

    Args:
        detector: one that takes a batch of equal tiles is asked once for every few of them.
        image: uint8 (height, width, 3), RGB, the picture the boxes lie in.
        boxes: n of that picture; may be empty.
        tile_px: side of the tiles; the face takes a third of it.

    Returns:
        n lists, what was seen around each box; in pixels of the picture.
    """
    squares = [_square_around(box) for box in boxes]
    around: list[list[Detection]] = []
    for first in range(0, len(squares), _AT_ONCE):
        some = squares[first : first + _AT_ONCE]
        seen = _detect(detector, np.stack([_cut(image, square, tile_px) for square in some]))
        for (left, top, side), found in zip(some, seen, strict=True):
            around.append([mapped(one, side / tile_px, side / tile_px, left, top) for one in found])
    return around


def mapped(one: Detection, across: float, down: float, left: float, top: float) -> Detection:
    """Scale, then shift, from a resized picture to the one it came from.

    Args:
        one: in pixels of the resized picture.
        across: factor of widths.
        down: factor of heights.
        left: then added to x, pixels.
        top: then added to y, pixels.
    """
    box = one.box
    # The centre of pixel 0 lies at half a pixel: resizing moves it.
    off_x, off_y = (across - 1) / 2 + left, (down - 1) / 2 + top
    moved = Box(box.x * across + off_x, box.y * down + off_y, box.width * across, box.height * down)
    landmarks = one.landmarks * np.array([across, down], np.float32) + np.array([off_x, off_y], np.float32)
    return Detection(moved, landmarks, one.score)


def _detect(detector: Detector, pictures: NDArray[np.uint8]) -> list[list[Detection]]:
    if isinstance(detector, TileDetector):
        return detector.detect_batch(pictures)
    return [detector.detect(picture) for picture in pictures]


def _square_around(box: Box) -> tuple[float, float, float]:
    """Left, top, side; pixels of the photo, over its edge where the face is near one."""
    side = max(box.width, box.height) * _SIDES
    return box.x + (box.width - side) / 2, box.y + (box.height - side) / 2, side


def _cut(image: RGBImage, square: tuple[float, float, float], tile_px: int) -> RGBImage:
    """Cut a square out and scale it; black where the photo ends."""
    left, top, side = square
    scale = tile_px / side
    height, width = image.shape[:2]
    inside = (max(0.0, left), max(0.0, top), min(float(width), left + side), min(float(height), top + side))
    tile = np.zeros((tile_px, tile_px, 3), dtype=np.uint8)
    x0, y0 = round((inside[0] - left) * scale), round((inside[1] - top) * scale)
    x1, y1 = round((inside[2] - left) * scale), round((inside[3] - top) * scale)
    if x1 > x0 and y1 > y0:
        # Only the piece becomes a picture of Pillow's, which copies.
        first, above = floor(inside[0]), floor(inside[1])
        piece = Image.fromarray(image[above : ceil(inside[3]), first : ceil(inside[2])])
        box = (inside[0] - first, inside[1] - above, inside[2] - first, inside[3] - above)
        tile[y0:y1, x0:x1] = np.asarray(piece.resize((x1 - x0, y1 - y0), Image.Resampling.BILINEAR, box=box))
    return tile
