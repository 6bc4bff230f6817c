"""Thresholds that keep a stated rate of errors, from scores alone: pure functions over float arrays.

A *comparison* is of one face with one person; an *impostor* score is the similarity of a comparison of two different
people, a *genuine* one that of a person with themselves. A *search* compares a face with everybody of a gallery and
keeps the best score: an impostor search is one whose face is nobody's of that gallery. The same functions serve both
rates: give the scores of comparisons for a false accept rate, or the maxima of searches for an FPIR.

A score is accepted when it is at or above the threshold, both as float32, as ``faces.match`` does.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from faces.errors import TooFewScores

Scores = NDArray[np.floating[Any]]
"""Any float dtype (n,): similarities, higher is more alike, range [-1, 1], finite."""

RULE_OF_THREE: Final = 3.0
"""No error among n trials leaves rates up to about 3 / n possible, at 95 % confidence."""
CONFIDENCE: Final = 0.95
ACCEPT_ALL: Final = -1.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold and what the scores say about it.

    Attributes:
        threshold_cosine: accept when similarity >= threshold.
        rate: share of impostor trials that was asked not to be exceeded.
        impostors: how many impostor scores it rests on.
        accepted_impostors: of these, at or above the threshold.
        rate_upper: highest true rate that these counts leave possible, at 95 % confidence (one-sided).
        genuine: how many genuine scores there were.
        rejected_genuine: of these, below the threshold.
    """

    threshold_cosine: float
    rate: float
    impostors: int
    accepted_impostors: int
    rate_upper: float
    genuine: int
    rejected_genuine: int


def calibrate(genuine: Scores, impostors: Scores, *, rate: float) -> Calibration:
    """Choose the lowest threshold that keeps a rate on these scores, and say how sure that is.

    Args:
        genuine: (m,), may be empty.
        impostors: (n,).
        rate: share of impostor trials that may be accepted, range (0, 1).

    Raises:
        TooFewScores: n trials cannot show a rate below ``3 / n``.
    """
    if len(impostors) < trials_needed(rate):
        raise TooFewScores(len(impostors), trials_needed(rate))
    threshold = threshold_at_rate(impostors, rate)
    accepted = accepted_at(impostors, threshold)
    return Calibration(
        threshold_cosine=threshold,
        rate=rate,
        impostors=len(impostors),
        accepted_impostors=accepted,
        rate_upper=upper_bound(accepted, len(impostors)),
        genuine=len(genuine),
        rejected_genuine=len(genuine) - accepted_at(genuine, threshold),
    )


def threshold_at_rate(impostors: Scores, rate: float) -> float:
    """Give the lowest float32 threshold at which at most a share ``rate`` of the scores is accepted.

    Args:
        impostors: (n,), n > 0, in any order.
        rate: range [0, 1].

    Returns:
        just above the highest score that must be rejected; -1 where all may be accepted. Above 1, no score is
        accepted: a rejected one is 1 itself.

    Raises:
        ValueError: no scores, a score that is not finite, or a rate outside its range.
    """
    scores = _checked(impostors)
    if not len(scores) or not 0.0 <= rate <= 1.0:
        raise ValueError(f"A threshold needs scores and a rate in [0, 1]; here are {len(scores)} and {rate}.")
    # A product such as 0.07 * 100 lies a hair above or below its whole number: the count decides, not the hair.
    allowed = int(np.floor(rate * len(scores) + 1e-9))
    if allowed >= len(scores):
        return ACCEPT_ALL
    highest_rejected = np.partition(scores, len(scores) - 1 - allowed)[len(scores) - 1 - allowed]
    return float(np.nextafter(highest_rejected, np.float32(np.inf)))


def accepted_at(scores: Scores, threshold_cosine: float) -> int:
    """Count the scores (n,) that are accepted at a threshold."""
    return int(np.count_nonzero(_checked(scores) >= np.float32(threshold_cosine)))


def comparison_rate(fpir: float, gallery_size: int) -> float:
    """Give the rate of false accepts a comparison may have for a search of a gallery to keep an FPIR.

    Exact for independent comparisons. Those of one face are alike, which makes errors fall together on fewer
    searches: the true FPIR is then lower, so the result errs on the safe side.

    Args:
        fpir: share of impostor searches that may name somebody, range (0, 1).
        gallery_size: people that a search compares with, at least 1.
    Source: ISO/IEC 19795-1, FPIR = 1 - (1 - FMR)^N.
    """
    if not 0.0 < fpir < 1.0 or gallery_size < 1:
        raise ValueError(f"An FPIR lies between 0 and 1, a gallery has people; not {fpir} and {gallery_size}.")
    return float(-np.expm1(np.log1p(-fpir) / gallery_size))


def trials_needed(rate: float) -> int:
    """Say how many impostor trials it takes before a rate, range (0, 1), can be stated at all.

    Source: the rule of three, Hanley and Lippman-Hand 1983.
    """
    if not 0.0 < rate < 1.0:
        raise ValueError(f"A rate of errors lies between 0 and 1, not at {rate}.")
    return int(np.ceil(RULE_OF_THREE / rate - 1e-9))


def least_rate(trials: int) -> float:
    """Give the lowest rate that so many impostor trials can state, at most 1."""
    return min(1.0, RULE_OF_THREE / trials) if trials > 0 else 1.0


def upper_bound(errors: int, trials: int, *, confidence: float = CONFIDENCE) -> float:
    """Bound the true rate of errors from above (one-sided).

    Args:
        errors: seen, from 0 to ``trials``.
        trials: independent, at least 1.
        confidence: range (0, 1).
    Source: Clopper and Pearson 1934.
    """
    if trials < 1 or not 0 <= errors <= trials:
        raise ValueError(f"{errors} errors in {trials} trials cannot be.")
    return 1.0 if errors == trials else float(betaincinv(errors + 1, trials - errors, confidence))


def _checked(scores: Scores) -> NDArray[np.float32]:
    if scores.ndim != 1 or np.isnan(scores).any():
        raise ValueError("Scores are one axis of numbers.")
    return scores.astype(np.float32, copy=False)
