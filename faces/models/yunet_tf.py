"""The face detector YuNet as a compiled TensorFlow function: whole photos or a batch of equal tiles in one call.

Before its third halving the network looks no further than 21 pixels, so that part runs over a tall photo in bands
with a margin. The result is the same to the last bit, and the peak of memory falls by half and more.

Source: Wu, Peng, Yu 2023, "YuNet: A Tiny Millisecond-level Face Detector"; decoding as OpenCV's face_detect.cpp
(Apache-2.0).
Weights: face_detection_yunet_2023mar_int8bq.onnx of the OpenCV Zoo (MIT).
"""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from faces.errors import WeightsError
from faces.models.onnx_weights import read_graph
from faces.models.scarce import in_halves
from faces.models.yunet import UNSURE_SCORE, as_drawn
from faces.types import Detection, RGBImage

STRIDES = (8, 16, 32)
_MULTIPLE = 32
# What a band reads beyond its own rows: the reach of the bands' layers is 21 pixels.
_MARGIN = 32
_MOST_PIXELS = 2_000_000
_CONVOLUTIONS = 53
_FIRST_HEAD = 29

_Convolution = tuple[NDArray[np.float32], NDArray[np.float32]]


class YuNetTensorFlow:
    """A ``Detector``; every photo at the resolution it is given in.

    Source of the overlap: OpenCV's FaceDetectorYN.
    """

    detector_id = "yunet-2023mar-int8bq/tf"

    def __init__(
        self,
        weights: Path,
        *,
        score_threshold: float = UNSURE_SCORE,
        iou_threshold: float = 0.3,
        band_rows: int = 512,
    ) -> None:
        """Compile the network.

        Args:
            weights: the verified ONNX file.
            score_threshold: keep a face from this score on, range (0, 1].
            iou_threshold: of two boxes that overlap more, the one of lower score is dropped, range (0, 1].
            band_rows: rows of a photo that the first layers take at once, a multiple of 32; more takes more memory.

        Raises:
            WeightsError: the file is not YuNet.
            ValueError: ``band_rows`` is no positive multiple of 32.
        """
        if band_rows < _MULTIPLE or band_rows % _MULTIPLE:
            raise ValueError(f"band_rows must be a positive multiple of {_MULTIPLE}, not {band_rows}")
        self._score_threshold = score_threshold
        self._iou_threshold = iou_threshold
        self._band_rows = band_rows
        network = _Network(_read_convolutions(weights))
        pictures = tf.TensorSpec([None, None, None, 3], tf.uint8)
        features = tf.TensorSpec([None, None, None, 64], tf.float32)
        # One trace serves every size: an unknown dimension costs these layers nothing on the CPU.
        self._near = tf.function(network.near, input_signature=[pictures], autograph=False)
        far_inputs = [features, tf.TensorSpec([], tf.float32)]
        self._far = tf.function(network.far, input_signature=far_inputs, autograph=False)

    def detect(self, image: RGBImage) -> list[Detection]:
        """Find the faces of a photo, best score first; see ``Detector``."""
        return self.detect_batch(image[None])[0]

    def detect_batch(self, images: NDArray[np.uint8], *, score_threshold: float | None = None) -> list[list[Detection]]:
        """Find the faces of several pictures of one size, as the tiles of a photo, in one call.

        Args:
            images: uint8 (n, height, width, 3), RGB.
            score_threshold: instead of the detector's own.

        Returns:
            n lists, best score first; boxes and landmarks in pixels of their own picture.
        """
        if images.size == 0:
            return [[] for _ in images]
        threshold = self._score_threshold if score_threshold is None else score_threshold
        # A hundred tiles at once would take gigabytes: as many go together as fill a band of a large photo.
        step = max(1, _MOST_PIXELS // (images.shape[1] * images.shape[2]))
        found: list[list[Detection]] = []
        for first in range(0, len(images), step):
            for part in in_halves(lambda some: self._detected(some, threshold), images[first : first + step]):
                found += part
        return found

    def _detected(self, images: NDArray[np.uint8], threshold: float) -> list[list[Detection]]:
        levels = [
            _decode(stride, places.numpy(), values.numpy())
            for stride, (places, values) in zip(STRIDES, self._far(self._features(images), threshold), strict=True)
        ]
        picture, found = (np.concatenate(parts) for parts in zip(*levels, strict=True))
        return [self._suppressed(found[picture == index]) for index in range(len(images))]

    def _features(self, images: NDArray[np.uint8]) -> Any:
        """The bands' features, 8 pixels a cell, joined."""
        height = images.shape[1]
        bands = []
        for top in range(0, height, self._band_rows):
            first, last = max(0, top - _MARGIN), min(height, top + self._band_rows + _MARGIN)
            cells = self._near(tf.constant(images[:, first:last]))
            start = (top - first) // STRIDES[0]
            bands.append(cells[:, start : start + self._band_rows // STRIDES[0]])
        return bands[0] if len(bands) == 1 else tf.concat(bands, axis=1)

    def _suppressed(self, found: NDArray[np.float32]) -> list[Detection]:
        kept = found[suppress(found[:, 1:5], found[:, 0], iou_threshold=self._iou_threshold)]
        return [
            Detection(box=as_drawn(*map(float, row[1:5])), landmarks=row[5:].reshape(5, 2).copy(), score=float(row[0]))
            for row in kept
        ]


def suppress(boxes: NDArray[np.float32], scores: NDArray[np.float32], *, iou_threshold: float) -> NDArray[np.intp]:
    """Keep the best of overlapping boxes (greedy non-maximum suppression).

    Args:
        boxes: float32 (n, 4), left, top, width, height.
        scores: float32 (n,).
        iou_threshold: a box is dropped when its overlap with a better one that is kept exceeds this; range [0, 1].

    Returns:
        indices of the boxes kept, best score first; of equal scores the earlier box is the better one.
    """
    order = np.argsort(-scores, kind="stable")
    near, far = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    area = boxes[:, 2] * boxes[:, 3]
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        sides = np.minimum(far[best], far[rest]) - np.maximum(near[best], near[rest])
        shared = np.prod(np.clip(sides, 0, None), axis=1)
        order = rest[shared <= iou_threshold * (area[best] + area[rest] - shared)]
    return np.array(kept, dtype=np.intp)


def _decode(stride: int, places: NDArray[np.int64], values: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Cells to pixels.

    Args:
        stride: pixels a cell.
        places: int64 (n, 3): picture, row, column of the cell.
        values: float32 (n, 15): score; box (centre x, y in cells from the cell, logarithms of width and height);
            five landmarks x, y in cells from the cell.

    Returns:
        int64 (n,), the picture; float32 (n, 15): score; left, top, width, height; landmarks, all in pixels.
    """
    cell = places[:, :0:-1].astype(np.float32)
    size = np.exp(values[:, 3:5]) * stride
    corner = (cell + values[:, 1:3]) * stride - size / 2
    landmarks = (np.tile(cell, 5) + values[:, 5:]) * stride
    return places[:, 0], np.concatenate([values[:, :1], corner, size, landmarks], axis=1)


def _read_convolutions(weights: Path) -> list[_Convolution]:
    """Kernels (rows, columns, in or 1, out) and biases in the graph's order, float32."""
    graph = read_graph(weights)
    read = [tuple(graph.numbers[name] for name in node.input[1:]) for node in graph.of("Conv")]
    if [len(numbers) for numbers in read] != [2] * _CONVOLUTIONS:
        raise WeightsError(f"{weights} holds another network than YuNet.")
    return [(np.ascontiguousarray(kernel.transpose(2, 3, 1, 0)), bias) for kernel, bias in read]


class _Network:
    """The layers, in TensorFlow. Numbers enter as constants of the graph, so that the CPU kernels pack them once."""

    def __init__(self, convolutions: list[_Convolution]) -> None:
        self._convolutions = convolutions
        self._heads = [self._joined_heads(level) for level in range(len(STRIDES))]

    def near(self, pictures: Any) -> Any:
        """Uint8 RGB pictures, made multiples of 32 by black on the far sides, to 64 features a cell of 8 pixels."""
        size = tf.shape(pictures)
        padded = tf.pad(pictures, [[0, 0], [0, -size[1] % _MULTIPLE], [0, -size[2] % _MULTIPLE], [0, 0]])
        kernel, bias = self._convolutions[0]
        bordered = tf.pad(tf.cast(padded, tf.float32), [[0, 0], [1, 1], [1, 1], [0, 0]])
        # The weights expect BGR.
        first = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(bordered, kernel[:, :, ::-1].copy(), 2, "VALID"), bias))
        quarter = _halved(self._unit(first, 1))
        return _halved(self._units(quarter, 3, 5, 7, 9))

    def far(self, features: Any, threshold: Any) -> list[tuple[Any, Any]]:
        """Features of the bands to the cells that hold a face: per stride, places (n, 3) and values (n, 15)."""
        eighth = self._units(features, 11, 13)
        sixteenth = self._units(_halved(eighth), 15, 17)
        coarse = self._units(_halved(sixteenth), 19, 21, 23)
        middle = self._unit(sixteenth + _doubled(coarse), 25)
        fine = self._unit(eighth + _doubled(middle), 27)
        return [self._head(level, cells, threshold) for level, cells in enumerate((fine, middle, coarse))]

    def _head(self, level: int, cells: Any, threshold: Any) -> tuple[Any, Any]:
        """Cells whose score reaches the threshold. Channels: class, objectness, box (4), landmarks (10)."""
        raw = _separable(cells, *self._heads[level])
        score = tf.sqrt(tf.sigmoid(raw[..., 0]) * tf.sigmoid(raw[..., 1]))
        places = tf.where(score >= threshold)
        values = tf.concat([tf.gather_nd(score, places)[:, None], tf.gather_nd(raw, places)[:, 2:]], axis=1)
        return places, values

    def _joined_heads(self, level: int) -> tuple[_Convolution, _Convolution]:
        """The level's four heads as one: the file has all levels' classes first, then boxes, objectness, landmarks."""
        each = 2 * len(STRIDES)
        starts = [_FIRST_HEAD + 2 * level + each * head for head in (0, 2, 1, 3)]
        pairs = [(self._convolutions[start], self._convolutions[start + 1]) for start in starts]
        pointwise, depthwise = (
            (np.concatenate([kernel for kernel, _ in part], axis=3), np.concatenate([bias for _, bias in part]))
            for part in zip(*pairs, strict=True)
        )
        return pointwise, depthwise

    def _units(self, features: Any, *firsts: int) -> Any:
        for first in firsts:
            features = self._unit(features, first)
        return features

    def _unit(self, features: Any, first: int) -> Any:
        return tf.nn.relu(_separable(features, self._convolutions[first], self._convolutions[first + 1]))


def _separable(features: Any, pointwise: _Convolution, depthwise: _Convolution) -> Any:
    mixed = tf.nn.bias_add(tf.nn.conv2d(features, pointwise[0], 1, "SAME"), pointwise[1])
    kernel = depthwise[0].transpose(0, 1, 3, 2)
    return tf.nn.bias_add(tf.nn.depthwise_conv2d(mixed, kernel, [1, 1, 1, 1], "SAME"), depthwise[1])


def _halved(features: Any) -> Any:
    return tf.nn.max_pool2d(features, 2, 2, "VALID")


def _doubled(features: Any) -> Any:
    return tf.repeat(tf.repeat(features, 2, axis=1), 2, axis=2)
