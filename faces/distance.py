"""How alike two faces are: cosine similarity, and what follows from it on unit vectors."""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from faces.types import Embedding, Embeddings

Similarities: TypeAlias = NDArray[np.float32]
"""float32 (n, m), cosine similarity of n rows with m rows, range [-1, 1]."""

UNIT_NORM_TOLERANCE: Final = 1e-3
"""float32 sums over 4,096 numbers stay far inside it; a vector that was never normalised does not."""


def check_embeddings(embeddings: Embeddings) -> None:
    """Refuse what is not an array of unit vectors.

    Args:
        embeddings: should be float32 (n, d), rows of unit L2 norm; n may be zero.

    Raises:
        TypeError: not float32.
        ValueError: not two-dimensional, or a row is not finite or not of unit norm.
    """
    if embeddings.dtype != np.float32:
        raise TypeError(f"Embeddings are float32, not {embeddings.dtype}.")
    if embeddings.ndim != 2:
        raise ValueError(f"Embeddings have two axes (n, d), not the shape {embeddings.shape}.")
    norms = np.linalg.norm(embeddings, axis=1)
    if not np.all(np.abs(norms - 1.0) <= UNIT_NORM_TOLERANCE):
        raise ValueError("Embeddings have rows of unit L2 norm; at least one row has not.")


def unit_rows(vectors: NDArray[np.floating]) -> Embeddings:
    """Scale rows to unit length.

    Args:
        vectors: any float dtype, (n, d); no row may be zero.

    Returns:
        float32 (n, d), rows of unit L2 norm.

    Raises:
        ValueError: a row is zero or not finite and so has no direction.
    """
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    if not np.all(np.isfinite(norms)) or np.any(norms == 0.0):
        raise ValueError("A zero or not finite vector has no direction.")
    unit: Embeddings = (vectors / norms).astype(np.float32)
    return unit


def cosine_similarities(a: Embeddings, b: Embeddings) -> Similarities:
    """Compare every row of one array with every row of another.

    Args:
        a: float32 (n, d), rows of unit L2 norm.
        b: float32 (m, d), rows of unit L2 norm.

    Returns:
        float32 (n, m), range [-1, 1].

    Raises:
        TypeError: not float32.
        ValueError: lengths differ, or rows are not of unit norm.
    """
    check_embeddings(a)
    check_embeddings(b)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"Embeddings of {a.shape[1]} and {b.shape[1]} numbers cannot be compared.")
    similarities: Similarities = np.clip(a @ b.T, np.float32(-1.0), np.float32(1.0))
    return similarities


def cosine_similarity(a: Embedding, b: Embedding) -> float:
    """Compare two faces.

    Args:
        a: float32 (d,), unit L2 norm.
        b: float32 (d,), unit L2 norm.

    Returns:
        Cosine similarity, range [-1, 1].
    """
    return float(cosine_similarities(a[np.newaxis], b[np.newaxis])[0, 0])


def cosine_distance(similarity: float) -> float:
    """Turn a cosine similarity into a cosine distance, range [0, 2]."""
    return 1.0 - similarity


def l2_distance(similarity: float) -> float:
    """Turn the cosine similarity of unit vectors into their L2 distance: ``l2**2 == 2 * cosine_distance``."""
    return float(np.sqrt(max(0.0, 2.0 * cosine_distance(similarity))))
