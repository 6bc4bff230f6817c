"""What to do when memory runs out in the middle of a batch: halve it, and take a single picture to the CPU."""

import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar

import tensorflow as tf
from numpy.typing import NDArray

_log = logging.getLogger(__name__)
_OUT_OF_MEMORY: Final = (tf.errors.ResourceExhaustedError, MemoryError)

Part = TypeVar("Part")


def in_halves(run: Callable[[NDArray[Any]], Part], pictures: NDArray[Any]) -> list[Part]:
    """Run a network over pictures, in parts where all at once are too many.

    Args:
        run: takes some of the pictures; called on the CPU for one that does not fit into a GPU's memory.
        pictures: (n, height, width, 3), n > 0.

    Returns:
        what ``run`` gave for each part, in the order of the pictures.

    Raises:
        MemoryError: a single picture does not fit on the CPU either; ``tf.errors.ResourceExhaustedError`` likewise.
    """
    try:
        return [run(pictures)]
    except _OUT_OF_MEMORY:
        count = len(pictures)
        if count == 1:
            _log.warning("memory ran out on one picture: it is taken to the CPU")
            with tf.device("/CPU:0"):
                return [run(pictures)]
        _log.warning("memory ran out on %d pictures: tried again in halves", count)
        return in_halves(run, pictures[: count // 2]) + in_halves(run, pictures[count // 2 :])
