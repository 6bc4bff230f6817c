"""Square pieces of a photo around faces, all scaled to one size, so that a detector takes them in one call."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faces.types import Box, Detection, Detector, RGBImage, TileDetector

_SIDES: Final = 3.0
"""Side of a square in sides of its face: with hair, chin and shoulders around, a detector is surest of a face."""


def detect_tiles(detector: Detector, tiles: NDArray[np.uint8]) -> list[list[Detection]]:
    """Find the faces of equal pictures, uint8 (n, side, side, 3): in one call where the detector can."""
    if isinstance(detector, TileDetector):
        return detector.detect_batch(tiles)
    return [detector.detect(tile) for tile in tiles]


def square_around(box: Box) -> tuple[float, float, float]:
    """The square around a face: left, top, side; pixels of the photo, over its edge where the face is near one."""
    side = max(box.width, box.height) * _SIDES
    return box.x + (box.width - side) / 2, box.y + (box.height - side) / 2, side


def cut(photo: Image.Image, corner: tuple[float, float, float], tile_px: int) -> RGBImage:
    """Cut a square out and scale it; black where the photo ends."""
    left, top, side = corner
    scale = tile_px / side
    inside = (max(0.0, left), max(0.0, top), min(photo.width, left + side), min(photo.height, top + side))
    tile = np.zeros((tile_px, tile_px, 3), dtype=np.uint8)
    x0, y0 = round((inside[0] - left) * scale), round((inside[1] - top) * scale)
    x1, y1 = round((inside[2] - left) * scale), round((inside[3] - top) * scale)
    if x1 > x0 and y1 > y0:
        part = photo.resize((x1 - x0, y1 - y0), Image.Resampling.BILINEAR, box=inside)
        tile[y0:y1, x0:x1] = np.asarray(part)
    return tile
