"""Embeds faces of many pictures in full batches: windows around them are laid out on one large picture, a sheet.

An ``Embedder`` takes the faces of one picture in batches, and a batch of one face costs several times its share of a
full one. Each window keeps a margin of black, so that a crop sees black where its own picture ends and never a
neighbour.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np

from faces.degrade import WINDOW_SIDES, cut_out
from faces.tiles import mapped
from faces.types import Detection, Embedder, Embeddings, RGBImage

FACES_A_SHEET: Final = 32
_MOST_PIXELS: Final = 16_000_000

FaceInPicture: TypeAlias = tuple[RGBImage, Detection]


def embed_windows(embedder: Embedder, faces: Iterable[FaceInPicture]) -> Embeddings:
    """Embed faces, each of a picture of its own.

    Args:
        embedder: asked once a sheet.
        faces: one at least; pictures are released as soon as their sheet is embedded.

    Returns:
        float32 (n, d), rows of unit L2 norm, in the order of the faces.
    """
    return np.concatenate([embedder.embed(*laid_out(group)) for group in _groups(faces)])


def laid_out(faces: Sequence[FaceInPicture]) -> tuple[RGBImage, list[Detection]]:
    """Lay windows out on a sheet.

    Args:
        faces: one at least.

    Returns:
        The sheet, uint8 (height, width, 3), and the faces in its pixels.
    """
    cell = max(_cell_px(detection) for _, detection in faces)
    columns = math.ceil(math.sqrt(len(faces)))
    rows = math.ceil(len(faces) / columns)
    sheet = np.zeros((rows * cell, columns * cell, 3), dtype=np.uint8)
    placed = []
    for place, (image, detection) in enumerate(faces):
        window, inside = cut_out(image, detection)
        row, column = divmod(place, columns)
        # The face stands in the middle of its cell, wherever it stood in its picture.
        box = inside.box
        left = column * cell + round((cell - box.width) / 2 - box.x)
        top = row * cell + round((cell - box.height) / 2 - box.y)
        sheet[top : top + window.shape[0], left : left + window.shape[1]] = window
        placed.append(mapped(inside, 1.0, 1.0, left, top))
    return sheet, placed


def _cell_px(detection: Detection) -> int:
    """Side of the cell that holds a window wherever rounding puts it."""
    return math.ceil(max(detection.box.width, detection.box.height) * WINDOW_SIDES) + 4


def _groups(faces: Iterable[FaceInPicture]) -> Iterator[list[FaceInPicture]]:
    group: list[FaceInPicture] = []
    largest = 0
    for face in faces:
        cell = _cell_px(face[1])
        if group and (len(group) == FACES_A_SHEET or (len(group) + 1) * max(largest, cell) ** 2 > _MOST_PIXELS):
            yield group
            group, largest = [], 0
        window, inside = cut_out(*face)
        # A view would keep the whole picture.
        group.append((window.copy(), inside))
        largest = max(largest, cell)
    if group:
        yield group
