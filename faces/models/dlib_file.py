"""Reads a neural network that dlib wrote with its own serialisation.

A file is one loss layer around a chain of layers. The chain opens with a version number a layer, outermost first, down
to the input layer; then each computing layer follows, innermost first: its name, its settings and numbers, three flags,
and scratch tensors that only training uses. Tags and skips leave nothing but their version number.

Integers are a control byte (sign in the top bit, length in the low four) and that many little-endian bytes; a floating
point setting is an integer mantissa and a binary exponent; the numbers of a tensor are raw little-endian float32.

Source: dlib's serialize.h, float_details.h, dnn/core.h, dnn/layers.h, dnn/tensor.h (D. King, Boost Software License).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faces.errors import WeightsError

_TAG_OR_SKIP = 1
_LAYER = 2
_LAYER_AROUND_INPUT = 3
_TENSOR_VERSION = 2
_FULLY_CONNECTED_WITHOUT_BIAS = 1
_CONVOLUTION_WISE = 0


@dataclass(frozen=True, slots=True, eq=False)
class DlibLayer:
    """One computing layer of a network.

    Attributes:
        kind: dlib's own name of it, as ``con_4``.
        sizes: its integer settings, in the order of the file.
        arrays: its numbers, float32; convolution: weights (out, in, rows, columns) and biases; affine: scale and shift;
            fully connected: weights (in, out).
    """

    kind: str
    sizes: tuple[int, ...] = ()
    arrays: tuple[NDArray[np.float32], ...] = ()


@dataclass(slots=True)
class _Reader:
    """A position in the bytes, and the few shapes that dlib writes there."""

    data: bytes
    position: int = field(default=0)

    def take(self, count: int) -> bytes:
        end = self.position + count
        if count < 0 or end > len(self.data):
            raise WeightsError("The dlib weights file ends too early.")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def integer(self) -> int:
        control = self.take(1)[0]
        size = control & 0x0F
        if not 1 <= size <= 8 or control & 0x70:
            raise WeightsError("The dlib weights file holds something that is not an integer of dlib's.")
        value = int.from_bytes(self.take(size), "little")
        return -value if control & 0x80 else value

    def integers(self, count: int) -> tuple[int, ...]:
        return tuple(self.integer() for _ in range(count))

    def floating(self) -> float:
        mantissa, exponent = self.integers(2)
        return float(mantissa * 2.0**exponent)

    def text(self) -> str:
        return self.take(self.integer()).decode("ascii", errors="replace")

    def flags(self, count: int) -> None:
        if set(self.take(count)) - {ord("0"), ord("1")}:
            raise WeightsError("The dlib weights file holds something that is not a flag of dlib's.")

    def tensor(self) -> NDArray[np.float32]:
        """Float32 (samples, channels, rows, columns)."""
        self.expect(_TENSOR_VERSION)
        shape = self.integers(4)
        count = int(np.prod(shape, dtype=np.int64))
        return np.frombuffer(self.take(4 * count), dtype="<f4").reshape(shape).astype(np.float32)

    def alias(self) -> tuple[int, ...]:
        """The shape of a window into a tensor."""
        self.expect(1)
        return self.integers(4)

    def expect(self, wanted: int) -> None:
        found = self.integer()
        if found != wanted:
            raise WeightsError(f"The dlib weights file has {found} instead of {wanted}: another version of the format.")


def parse_network(data: bytes) -> list[DlibLayer]:
    """Read the layers of a metric network, from the input to the output.

    Args:
        data: the whole file.

    Returns:
        the computing layers in the order in which a picture meets them, the input layer first.

    Raises:
        WeightsError: not such a file, another version of the format, or bytes left over or missing.
    """
    reader = _Reader(data)
    reader.expect(1)
    if reader.text() != "loss_metric_2":
        raise WeightsError("The dlib weights file is not a metric network.")
    reader.floating()  # margin and distance threshold of the loss: training only
    reader.floating()
    versions = _chain(reader)
    layers = [_input(reader)]
    for version in reversed(versions):
        if version != _TAG_OR_SKIP:
            layers.append(_layer(reader, version))
    if reader.position != len(data):
        raise WeightsError("The dlib weights file has bytes after its network.")
    return layers


def _chain(reader: _Reader) -> list[int]:
    """The version numbers, outermost first, that stand before the input layer."""
    versions: list[int] = []
    while not versions or versions[-1] != _LAYER_AROUND_INPUT:
        version = reader.integer()
        if version not in (_TAG_OR_SKIP, _LAYER, _LAYER_AROUND_INPUT):
            raise WeightsError(f"The dlib weights file has a layer of unknown version {version}.")
        versions.append(version)
    return versions


def _input(reader: _Reader) -> DlibLayer:
    kind = reader.text()
    if kind != "input_rgb_image_sized":
        raise WeightsError(f"The dlib weights file has the input layer {kind!r}, not a picture of fixed size.")
    means = np.array([reader.floating() for _ in range(3)], dtype=np.float32)
    return DlibLayer(kind, reader.integers(2), (means,))


def _layer(reader: _Reader, version: int) -> DlibLayer:
    kind = reader.text()
    settings = _SETTINGS.get(kind)
    if settings is None:
        raise WeightsError(f"The dlib weights file has a layer of unknown kind {kind!r}.")
    sizes, arrays = settings(reader)
    reader.flags(3)
    for _ in range(3):  # gradients and the cached output
        reader.tensor()
    if version == _LAYER_AROUND_INPUT:
        reader.integer()  # pictures that one sample expands to: 1
    return DlibLayer(kind, sizes, arrays)


_Settings = tuple[tuple[int, ...], tuple[NDArray[np.float32], ...]]


def _convolution(reader: _Reader) -> _Settings:
    numbers = reader.tensor().reshape(-1)
    sizes = reader.integers(7)
    weights_shape, biases_shape = reader.alias(), reader.alias()
    _skip_training_rates(reader)
    return sizes, _split(numbers, weights_shape, (int(np.prod(biases_shape)),))


def _affine(reader: _Reader) -> _Settings:
    numbers = reader.tensor().reshape(-1)
    scale_shape, shift_shape = reader.alias(), reader.alias()
    reader.expect(_CONVOLUTION_WISE)
    return (), _split(numbers, (int(np.prod(scale_shape)),), (int(np.prod(shift_shape)),))


def _fully_connected(reader: _Reader) -> _Settings:
    outputs, inputs = reader.integers(2)
    numbers = reader.tensor().reshape(-1)
    reader.alias()
    reader.alias()
    reader.expect(_FULLY_CONNECTED_WITHOUT_BIAS)
    _skip_training_rates(reader)
    return (outputs, inputs), _split(numbers, (inputs, outputs))


def _pool(reader: _Reader) -> _Settings:
    return reader.integers(6), ()


def _nothing(_reader: _Reader) -> _Settings:
    return (), ()


def _skip_training_rates(reader: _Reader) -> None:
    for _ in range(4):
        reader.floating()


def _split(numbers: NDArray[np.float32], *shapes: tuple[int, ...]) -> tuple[NDArray[np.float32], ...]:
    counts = [int(np.prod(shape)) for shape in shapes]
    if sum(counts) != numbers.size:
        raise WeightsError("The dlib weights file has a layer whose numbers do not fit its shape.")
    parts = np.split(numbers, np.cumsum(counts)[:-1])
    return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))


_SETTINGS: dict[str, Callable[[_Reader], _Settings]] = {
    "con_4": _convolution,
    "affine_": _affine,
    "fc_2": _fully_connected,
    "max_pool_2": _pool,
    "avg_pool_2": _pool,
    "relu_": _nothing,
    "add_prev_": _nothing,
}
