"""Measures of verification: accuracy by folds and VAL at FAR."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_Z_95: Final = 1.959964
"""Quantile of the normal distribution for an interval of 95 % confidence."""


@dataclass(frozen=True, slots=True)
class FoldAccuracy:
    """Accuracy over folds.

    Attributes:
        mean: mean of the folds' accuracies.
        std: standard deviation of the folds' accuracies (divided by n).
        threshold_cosine: mean of the thresholds used.
    """

    mean: float
    std: float
    threshold_cosine: float


def accuracy_at(scores: NDArray[np.float64], same: NDArray[np.bool_], threshold_cosine: float) -> float:
    """Share of pairs decided rightly when similarity >= threshold means the same person."""
    return float(np.mean((scores >= threshold_cosine) == same))


def best_threshold(scores: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """Choose the threshold of highest accuracy, halfway between the two scores it separates.

    Args:
        scores: (n,), n > 0.
        same: (n,), whether the pair shows one person.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, matched = scores[order], same[order]
    # right[k]: pairs decided rightly when the k most similar are accepted.
    right = np.concatenate([[0], np.cumsum(matched)]) + (~matched).sum() - np.concatenate([[0], np.cumsum(~matched)])
    edges = np.concatenate([[ranked[0] + 1.0], ranked, [ranked[-1] - 1.0]])
    separable = edges[:-1] > edges[1:]
    chosen = int(np.argmax(np.where(separable, right, -1)))
    return float((edges[chosen] + edges[chosen + 1]) / 2.0)


def fold_accuracy(
    scores: NDArray[np.float64],
    same: NDArray[np.bool_],
    folds: NDArray[np.int64],
    *,
    threshold_cosine: float | None = None,
) -> FoldAccuracy:
    """Measure each fold with the threshold that is best on all the others.

    Args:
        scores: (n,), similarity of each pair.
        same: (n,), whether the pair shows one person.
        folds: (n,), the fold of each pair; at least two folds.
        threshold_cosine: use this one in every fold and choose none.
    Source: LFW, View 2 (Huang et al. 2007).
    """
    chosen = threshold_cosine
    accuracies: list[float] = []
    thresholds: list[float] = []
    for fold in np.unique(folds):
        held_out = folds == fold
        threshold = best_threshold(scores[~held_out], same[~held_out]) if chosen is None else chosen
        thresholds.append(threshold)
        accuracies.append(accuracy_at(scores[held_out], same[held_out], threshold))
    return FoldAccuracy(float(np.mean(accuracies)), float(np.std(accuracies)), float(np.mean(thresholds)))


def val_at_far(scores: NDArray[np.float64], same: NDArray[np.bool_], far: float) -> float:
    """Share of matched pairs accepted where at most a share ``far`` of mismatched pairs is.

    Args:
        scores: (n,), similarity of each pair.
        same: (n,), whether the pair shows one person.
        far: false accept rate, range [0, 1).
    Source: Schroff et al. 2015, section 4.
    """
    matched, mismatched = scores[same], np.sort(scores[~same])[::-1]
    if not len(matched):
        return 0.0
    allowed = int(np.floor(far * len(mismatched) + 1e-9))
    if allowed >= len(mismatched):
        return 1.0
    return float(np.mean(matched > mismatched[allowed]))


def val_table(scores: NDArray[np.float64], same: NDArray[np.bool_], fars: Sequence[str]) -> dict[str, float]:
    """Give VAL for several rates, keyed as they are written."""
    return {far: val_at_far(scores, same, float(far)) for far in fars}


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Give the interval of 95 % confidence of a share; of nothing, everything is possible.

    Source: Wilson 1927.
    """
    if not of:
        return 0.0, 1.0
    part, spread = hits / of, _Z_95**2 / of
    middle = part + spread / 2
    half = _Z_95 * math.sqrt(part * (1 - part) / of + spread / (4 * of))
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))
