"""A convolution whose kernel is another one at each place: the layer that Facebook's DeepFace was built of.

Keras had it until version 2, where deepface's weights come from. The weights lie as Keras 2 laid them
(``LocallyConnected2D``, ``implementation=1``), so that its files can be loaded.

Source: Taigman, Yang, Ranzato and Wolf 2014, "DeepFace: Closing the Gap to Human-Level Performance", section 3.2.
"""

from typing import Any

import keras
import tensorflow as tf

Pair = int | tuple[int, int]


class LocallyConnected2D(keras.layers.Layer):  # type: ignore[misc]  # Keras has no annotations
    """From (n, height, width, channels) to (n, rows, columns, filters), without padding.

    Weights: ``kernel`` (rows * columns, kernel_rows * kernel_columns * channels, filters), places row by row and
    patches in the order row, column, channel; ``bias`` (rows, columns, filters).

    Args:
        filters: number of channels at each place of the output.
        kernel_size: rows and columns of a patch.
        strides: steps from patch to patch.
        activation: as Keras names it; None is none.
    """

    def __init__(
        self, filters: int, kernel_size: Pair, strides: Pair = 1, activation: str | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.filters = filters
        self.kernel_size = _pair(kernel_size)
        self.strides = _pair(strides)
        self.activation = keras.activations.get(activation)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Give the shape for an input of this shape; height and width must be known."""
        rows, columns = (
            (int(input_shape[axis + 1] or 0) - self.kernel_size[axis]) // self.strides[axis] + 1 for axis in (0, 1)
        )
        return input_shape[0], rows, columns, self.filters

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights."""
        _n, rows, columns, _filters = self.compute_output_shape(input_shape)
        places = int(rows or 0) * int(columns or 0)
        patch = self.kernel_size[0] * self.kernel_size[1] * int(input_shape[3] or 0)
        self.kernel = self.add_weight(shape=(places, patch, self.filters), initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(rows, columns, self.filters), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """Compute row after row: the patches of a whole batch at once would take hundreds of megabytes."""
        rows, columns, _filters = self.bias.shape
        tall, wide = self.kernel_size
        down, across = self.strides
        kernels = tf.reshape(self.kernel, (rows, columns, -1, self.filters))
        outputs = []
        for row in range(rows):
            strip = inputs[:, row * down : row * down + tall]
            patches = tf.image.extract_patches(
                strip, sizes=[1, tall, wide, 1], strides=[1, 1, across, 1], rates=[1, 1, 1, 1], padding="VALID"
            )
            outputs.append(tf.einsum("ncp,cpf->ncf", patches[:, 0], kernels[row]))
        return self.activation(tf.stack(outputs, axis=1) + self.bias)

    def get_config(self) -> dict[str, Any]:
        """Give what the layer can be built from again."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "activation": keras.activations.serialize(self.activation),
        }


def _pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value
