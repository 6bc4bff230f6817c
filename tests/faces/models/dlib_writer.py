"""Writes small networks in dlib's serialisation, by its published rules."""

import numpy as np

SCRATCH = 3


def packed(value: int) -> bytes:
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def integers(*values: int) -> bytes:
    return b"".join(map(packed, values))


def named(name: str) -> bytes:
    return packed(len(name)) + name.encode()


def real(mantissa: int, exponent: int) -> bytes:
    return integers(mantissa, exponent)


def tensor(array: np.ndarray) -> bytes:
    shape = (*array.shape, 1, 1, 1, 1)[:4] if array.size else (0, 0, 0, 0)
    return integers(2, *shape) + array.astype("<f4").tobytes()


def layer(body: bytes, *, innermost: bool = False) -> bytes:
    scratch = tensor(np.zeros(0)) * SCRATCH
    return body + b"110" + scratch + (integers(1) if innermost else b"")


def convolution(weights: np.ndarray, biases: np.ndarray) -> bytes:
    filters, channels, rows, columns = weights.shape
    numbers = np.concatenate([weights.ravel(), biases])
    sizes = integers(filters, rows, columns, 2, 2, 0, 0)
    shapes = integers(1, filters, channels, rows, columns) + integers(1, 1, filters, 1, 1)
    return named("con_4") + tensor(numbers) + sizes + shapes + real(1, 0) * 4


def affine(scale: np.ndarray, shift: np.ndarray) -> bytes:
    shapes = integers(1, 1, scale.size, 1, 1) * 2
    return named("affine_") + tensor(np.concatenate([scale, shift])) + shapes + integers(0)


def fully_connected(weights: np.ndarray) -> bytes:
    inputs, outputs = weights.shape
    shapes = integers(1, inputs, outputs, 1, 1) + integers(1, 0, 0, 0, 0)
    return named("fc_2") + integers(outputs, inputs) + tensor(weights) + shapes + integers(1) + real(1, 0) * 4


WEIGHTS = np.arange(2 * 3 * 2 * 2, dtype=np.float32).reshape(2, 3, 2, 2) / 7
BIASES = np.array([0.5, -1.5], dtype=np.float32)
SCALE = np.array([2.0, -3.0], dtype=np.float32)
SHIFT = np.array([1.0, 0.25], dtype=np.float32)
HEAD = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], dtype=np.float32)


def network() -> bytes:
    """Input, convolution, a tag, affine, relu, fully connected."""
    loss = integers(1) + named("loss_metric_2") + real(5, -7) + real(3, -2)
    chain = integers(2, 2, 2, 1, 3)
    picture = named("input_rgb_image_sized") + real(245, -1) + real(117, 0) + real(-5, 2) + integers(150, 150)
    return (
        loss
        + chain
        + picture
        + layer(convolution(WEIGHTS, BIASES), innermost=True)
        + layer(affine(SCALE, SHIFT))
        + layer(named("relu_"))
        + layer(fully_connected(HEAD))
    )
