"""Runs a compiled network over any number of faces in a few batch sizes, so that no number compiles anew."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SIZES: Final = (1, 4, 8, 16)
_STEP: Final = 4


def plan(count: int) -> list[int]:
    """Choose the batches for a number of faces: as many faces, or so few more that another batch would cost more.

    Args:
        count: of faces, 0 or more.
    """
    left = count if count <= 1 else -(-count // _STEP) * _STEP
    chosen: list[int] = []
    for size in reversed(SIZES):
        chosen += [size] * (left // size)
        left %= size
    return chosen


def run(network: Callable[[NDArray[Any]], NDArray[np.float32]], crops: NDArray[Any]) -> NDArray[np.float32]:
    """Run a network over crops, the last batch filled up with black.

    Args:
        network: from one batch to float32 (size, d).
        crops: of the network's dtype, (n, height, width, 3), n > 0.

    Returns:
        float32 (n, d).
    """
    parts, start = [], 0
    for size in plan(len(crops)):
        batch = crops[start : start + size]
        start += size
        filled = np.zeros((size, *crops.shape[1:]), dtype=crops.dtype)
        filled[: len(batch)] = batch
        parts.append(network(filled)[: len(batch)])
    return np.concatenate(parts)
