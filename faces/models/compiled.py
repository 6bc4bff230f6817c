"""A Keras network as one TensorFlow function, traced once a batch size. The caller chooses few: ``batches``."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from faces.distance import unit_rows
from faces.models import batches
from faces.models.scarce import in_halves

Run = Callable[[NDArray[Any]], NDArray[np.float32]]


def compiled(network: keras.Model) -> Run:
    """Compile a network. No XLA: on the CPU it takes SFace eight times as long.

    Args:
        network: from pictures, float32 (n, height, width, 3), to float32 (n, d).

    Returns:
        takes pictures of any one dtype, (n, height, width, 3), and gives float32 (n, d).
    """

    def forward(crops: Any) -> Any:
        return network(tf.cast(crops, tf.float32), training=False)

    traced = tf.function(forward, reduce_retracing=False, autograph=False)

    def run(crops: NDArray[Any]) -> NDArray[np.float32]:
        return np.concatenate(in_halves(lambda some: np.asarray(traced(tf.constant(some)), dtype=np.float32), crops))

    return run


class MirroringNetwork:
    """A recogniser's network, run on some faces alone and on others with their mirror image as well."""

    def __init__(self, network: keras.Model) -> None:
        """Compile it; each batch size compiles at its first use."""
        self._dimensions = int(network.output_shape[-1])
        self._run = compiled(network)

    def embed(self, crops: NDArray[np.uint8], mirror: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Embed aligned faces.

        Args:
            crops: uint8 (n, height, width, 3), RGB; n may be zero.
            mirror: bool (n,), for which of them the mirror image counts as well.

        Returns:
            float32 (n, d), rows of unit L2 norm.
        """
        if not len(crops):
            return np.zeros((0, self._dimensions), dtype=np.float32)
        # Faces and mirror images in the same batches: two kinds of batches would both be padded.
        raw = batches.run(self._run, np.concatenate([crops, crops[mirror][:, :, ::-1]]))
        rows = raw[: len(crops)].copy()
        rows[mirror] += raw[len(crops) :]
        return unit_rows(rows)


def mirror_suffix(mirror_below_px: float) -> str:
    """Name in a model id up to which width of the face its mirror image counts.

    Args:
        mirror_below_px: pixels; 0 is never, infinity always.
    """
    if not mirror_below_px:
        return "-v2"
    return "-flip-v2" if mirror_below_px == math.inf else f"-flip{mirror_below_px:g}-v2"
