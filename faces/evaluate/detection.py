"""Detection: boxes found against boxes drawn by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.optimize import linear_sum_assignment
from tqdm import tqdm

from faces.evaluate.engine import read_truth
from faces.evaluate.trials import share
from faces.images import load
from faces.types import Box, Engine

MIN_IOU: Final = 0.4
SMALL_PX: Final = 16


def match_boxes(found: Sequence[Box], truth: Sequence[Box]) -> dict[int, int]:
    """Pair found boxes with true ones, each once, as many pairs as possible.

    Returns:
        Found box by true box, both as positions, for pairs of IoU >= 0.4.
    """
    if not found or not truth:
        return {}
    overlaps = np.array([[box.iou(true) for box in found] for true in truth])
    # One more pair is worth more than any overlap: 1 + 0.4 twice is more than 1 + 1 once.
    rows, columns = linear_sum_assignment(np.where(overlaps >= MIN_IOU, 1.0 + overlaps, 0.0), maximize=True)
    return {
        int(row): int(column) for row, column in zip(rows, columns, strict=True) if overlaps[row, column] >= MIN_IOU
    }


def evaluate_detection(engine: Engine, path: Path) -> dict[str, Any]:
    """Measure detection; see ``docs/recognition.md`` for the definitions.

    Args:
        engine: its ``find_faces`` is measured, so what it drops after detection counts as not found.
        path: a folder with ``truth.json`` and ``images``.
    """
    photos = read_truth(path)
    faces = matched = faces_large = matched_large = unmatched = 0
    for photo in tqdm(photos, desc="photos", unit="photo", leave=False):
        found = [face.detection.box for face in engine.find_faces(load(path / photo["photo"]))]
        truth = [Box(*map(float, box)) for box in photo["faces"]]
        pairs = match_boxes(found, truth)
        large = {position for position, box in enumerate(truth) if box.width >= SMALL_PX}
        faces += len(truth)
        matched += len(pairs)
        faces_large += len(large)
        matched_large += len(large & pairs.keys())
        unmatched += len(found) - len(pairs)
    return {
        "recall": share(matched, faces),
        "unmatched_per_photo": share(unmatched, len(photos)),
        f"recall_from_{SMALL_PX}_px": share(matched_large, faces_large),
        "photos": len(photos),
        "faces": faces,
    }
