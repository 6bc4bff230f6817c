"""Where a face's five landmarks should lie, and the transform that brings them there."""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from faces.types import Landmarks

Similarity: TypeAlias = NDArray[np.float64]
"""float64 (2, 3): turn, one scale, and shift; ``matrix @ (x, y, 1)`` goes from the photo to the crop."""

ARCFACE_PX: Final = 112

ARCFACE_TEMPLATE: Final[NDArray[np.float64]] = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""The five landmarks in a crop of 112 x 112 pixels. Source: Deng et al. 2019, ArcFace (InsightFace, MIT)."""


def similarity_transform(landmarks: Landmarks, template: NDArray[np.float64]) -> Similarity:
    """Find the turn, scale and shift that bring landmarks nearest to a template, without mirroring.

    Args:
        landmarks: float32 (n, 2), pixels.
        template: float64 (n, 2), pixels of the crop.

    Returns:
        The transform of least squared distance.

    Raises:
        ValueError: all landmarks lie on one spot.

    Source: Umeyama 1991; in the plane it is one complex factor.
    """
    points = landmarks[:, 0].astype(np.float64) + 1j * landmarks[:, 1]
    goals = template[:, 0] + 1j * template[:, 1]
    centre, goal_centre = points.mean(), goals.mean()
    away = points - centre
    spread = float(np.sum(np.abs(away) ** 2))
    if spread == 0.0:
        raise ValueError("All landmarks lie on one spot.")
    factor = np.sum(np.conj(away) * (goals - goal_centre)) / spread
    shift = goal_centre - factor * centre
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def scale_of(transform: Similarity) -> float:
    """Give the factor by which a transform enlarges."""
    return float(np.hypot(transform[0, 0], transform[1, 0]))
