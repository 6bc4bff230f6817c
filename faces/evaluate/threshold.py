"""The threshold that class photos and group photos together speak for."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from faces.errors import FaceError
from faces.evaluate.classes import embed_classes
from faces.evaluate.engine import read_truth
from faces.evaluate.groups import embed_groups
from faces.evaluate.trials import Trial, tally
from faces.types import Engine


@dataclass(frozen=True, slots=True)
class Operating:
    """What one threshold does.

    Attributes:
        threshold: cosine similarity, range [-1, 1].
        present_marked: share, over all class photos.
        false_marks: count, over all class photos.
        group_recall: share, over all sets of portraits.
        group_false_marks: count, over all sets of portraits.
    """

    threshold: float
    present_marked: float
    false_marks: int
    group_recall: float
    group_false_marks: int


def operating_points(
    class_trials: Sequence[Trial], group_trials: Sequence[Trial], thresholds: Sequence[float]
) -> list[Operating]:
    """Count marks at each threshold."""
    points = []
    for threshold in thresholds:
        classes, groups = tally(class_trials, threshold), tally(group_trials, threshold)
        points.append(Operating(threshold, classes.recall, classes.false_marks, groups.recall, groups.false_marks))
    return points


def choose(points: Sequence[Operating], *, max_false_marks: int, max_group_false_marks: int) -> Operating:
    """Choose the lowest threshold from which on upwards both counts stay within their limits.

    Raises:
        FaceError: not even the highest threshold stays within them.
    """
    chosen: Operating | None = None
    for point in sorted(points, key=lambda point: -point.threshold):
        if point.false_marks > max_false_marks or point.group_false_marks > max_group_false_marks:
            break
        chosen = point
    if chosen is None:
        raise FaceError("No threshold of the range keeps the false marks within the limits.")
    return chosen


def evaluate_threshold(
    engine: Engine, path: Path, *, max_false_marks: int, max_group_false_marks: int
) -> dict[str, Any]:
    """Calibrate on every class and group folder below a path.

    Args:
        engine: finds and embeds.
        path: anywhere below it may lie class folders and group folders.
        max_false_marks: at most so many in all class photos together.
        max_group_false_marks: at most so many in all sets of group photos together.
    """
    class_trials: list[Trial] = []
    group_trials: list[Trial] = []
    for folder in sorted(found.parent for found in path.rglob("truth.json")):
        truth = read_truth(folder)
        if "roster" in truth:
            class_trials += embed_classes(engine, folder).trials
        elif "portraits" in truth:
            group_trials += [trial for trials in embed_groups(engine, folder) for trial in trials]
    if not class_trials and not group_trials:
        raise FaceError(f"{path} holds no class photos and no group photos to calibrate on.")
    thresholds = [round(float(step), 3) for step in np.arange(0.0, 1.0, 0.01)]
    points = operating_points(class_trials, group_trials, thresholds)
    chosen = choose(points, max_false_marks=max_false_marks, max_group_false_marks=max_group_false_marks)
    return {
        **asdict(chosen),
        "class_photos": len(class_trials),
        "group_trials": len(group_trials),
        "curve": [asdict(point) for point in points],
    }
