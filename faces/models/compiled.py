"""A Keras network as one TensorFlow function, traced once a batch size. The caller chooses few: ``batches``."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Run = Callable[[NDArray[Any]], NDArray[np.float32]]


def compiled(network: keras.Model, *, flip: bool = False) -> Run:
    """Compile a network. No XLA: on the CPU it takes SFace eight times as long.

    Args:
        network: from pictures, float32 (n, height, width, 3), to float32 (n, d).
        flip: add what the network gives for the mirrored pictures.

    Returns:
        takes pictures of any one dtype, (n, height, width, 3), and gives float32 (n, d).
    """

    def forward(crops: Any) -> Any:
        pictures = tf.cast(crops, tf.float32)
        embedded = network(pictures, training=False)
        return embedded + network(pictures[:, :, ::-1], training=False) if flip else embedded

    traced = tf.function(forward, reduce_retracing=False, autograph=False)

    def run(crops: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray(traced(tf.constant(crops)), dtype=np.float32)

    return run
