"""Several recognisers that decide as one: a unit vector whose cosine is their fused score.

Recogniser i gives the cosine c_i, which among strangers has mean m_i and standard deviation s_i. The usual fusion
sums normalised scores, z_i = (c_i - m_i) / s_i, with an influence k_i each (Jain, Nandakumar, Ross 2005, "Score
normalization in multimodal biometric systems"). That sum is linear in the cosines:

    sum_i k_i z_i = sum_i (k_i / s_i) c_i - sum_i k_i m_i / s_i.

With w_i = (k_i / s_i) / sum_j (k_j / s_j) the unit vectors u_i, joined as (sqrt(w_1) u_1, ..., sqrt(w_n) u_n), have
length sqrt(sum_i w_i) = 1 and the cosine sum_i w_i c_i: the fused score, up to a positive factor and a constant. Both
leave every order as it is, and the constant moves the threshold alone. So a stored template is one vector, and whatever
compares unit vectors works on the fused score without knowing of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faces.types import Detection, Embedder, Embeddings, RGBImage


@dataclass(frozen=True, slots=True)
class Part:
    """A recogniser's part in the fused score.

    Attributes:
        embedder: the recogniser.
        impostor_sigma_cosine: standard deviation of its cosine over pairs of strangers, greater than zero.
        influence: what its normalised score counts for, greater than zero.
    """

    embedder: Embedder
    impostor_sigma_cosine: float
    influence: float = 1.0


class FusedEmbedder:
    """An ``Embedder`` made of several, whose cosine is the sum of their normalised scores."""

    def __init__(self, parts: Sequence[Part], *, threshold_cosine: float) -> None:
        """Fuse recognisers.

        Args:
            parts: one at least.
            threshold_cosine: calibrated for the fused cosine, range [-1, 1].

        Raises:
            ValueError: no parts, or a deviation or an influence that is not positive.
        """
        self._embedders = [part.embedder for part in parts]
        self._weights = fusion_weights(parts)
        self.model_id = "+".join(
            f"{embedder.model_id}*{weight:.4f}" for embedder, weight in zip(self._embedders, self._weights, strict=True)
        )
        self.dimensions = sum(embedder.dimensions for embedder in self._embedders)
        self.threshold_cosine = threshold_cosine

    def embed(self, image: RGBImage, detections: Sequence[Detection]) -> Embeddings:
        """Align and embed faces of one picture by every part; see ``Embedder``."""
        return fuse([embedder.embed(image, detections) for embedder in self._embedders], self._weights)


def fusion_weights(parts: Sequence[Part]) -> NDArray[np.float64]:
    """What each part's cosine weighs in the fused cosine.

    Returns:
        float64 (n,), positive, of sum 1: influence over deviation, normalised. Rounded to the four digits that the
        model id states, so that equal ids are equal recipes.

    Raises:
        ValueError: no parts, or a deviation or an influence that is not positive.
    """
    if not parts:
        raise ValueError("at least one recogniser is needed")
    if any(part.impostor_sigma_cosine <= 0 or part.influence <= 0 for part in parts):
        raise ValueError("deviations and influences must be greater than zero")
    raw = np.array([part.influence / part.impostor_sigma_cosine for part in parts])
    weights: NDArray[np.float64] = np.round(raw / raw.sum(), 4)
    # The last part takes what rounding leaves, so that the sum stays 1.
    weights[-1] = 1 - weights[:-1].sum()
    return weights


def fuse(embeddings: Sequence[Embeddings], weights: NDArray[np.float64]) -> Embeddings:
    """Join the embeddings of several recognisers of the same faces.

    Args:
        embeddings: each float32 (n, d_i), rows of unit L2 norm.
        weights: float64, one a recogniser, positive, of sum 1.

    Returns:
        float32 (n, sum of d_i), rows of unit L2 norm; the cosine of two rows is the weighted mean of the cosines.
    """
    scaled = [rows * np.sqrt(weight) for rows, weight in zip(embeddings, weights, strict=True)]
    return np.concatenate(scaled, axis=1).astype(np.float32)
