"""The recogniser SFace (MobileFaceNet trained with a sigmoid-constrained hypersphere loss, 128 numbers) in Keras.

Rebuilt layer by layer from the ONNX file: every batch norm is folded into its convolution or the last layer, and the
whole is one compiled TensorFlow function a batch size.

Source: Zhong et al. 2021, "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition".
Weights: face_recognition_sface_2021dec_int8bq.onnx of the OpenCV Zoo (Apache-2.0).
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from faces.align import ARCFACE_PX, ARCFACE_TEMPLATE
from faces.errors import WeightsError
from faces.models.compiled import MirroringNetwork, mirror_suffix
from faces.models.onnx_weights import Graph, read_graph
from faces.models.warp import aligned_crops
from faces.types import Detection, Embeddings, RGBImage

DIMENSIONS: Final = 128
_CONVOLUTIONS: Final = 27
_LAST_CHANNELS: Final = 1024
_LAST_PX: Final = 7

_Factors = NDArray[np.float64]


class SFaceEmbedder:
    """SFace behind the ``Embedder`` protocol.

    Attributes:
        dimensions: length of an embedding.
        threshold_cosine: from it on nobody absent was marked in the class, far and group photos of
            ``docs/recognition.md``.
    """

    dimensions = DIMENSIONS

    def __init__(self, weights: Path, *, mirror_below_px: float = math.inf) -> None:
        """Build and wrap the network; it compiles at the first use of each batch size.

        Args:
            weights: the verified file.
            mirror_below_px: faces narrower than this are embedded with their mirror image as well: twice the time for
                a little more accuracy, on small faces above all.

        Raises:
            WeightsError: the file is not SFace.
        """
        self.model_id = "sface-2021dec-112" + mirror_suffix(mirror_below_px)
        self.threshold_cosine = 0.355
        self._mirror_below_px = mirror_below_px
        share_gpu_memory()
        self._network = MirroringNetwork(build_network(weights))

    def embed(self, image: RGBImage, detections: Sequence[Detection]) -> Embeddings:
        """Align and embed the faces of a picture; see ``Embedder``."""
        mirror = np.array([one.box.width < self._mirror_below_px for one in detections], dtype=np.bool_)
        return self.embed_crops(aligned_crops(image, detections, ARCFACE_TEMPLATE, ARCFACE_PX), mirror=mirror)

    def embed_crops(self, crops: NDArray[np.uint8], *, mirror: NDArray[np.bool_] | None = None) -> Embeddings:
        """Embed faces that are aligned already.

        Args:
            crops: uint8 (n, 112, 112, 3), RGB; n may be zero.
            mirror: bool (n,), for which of them the mirror image counts as well; None: for all, where it always does.

        Returns:
            float32 (n, 128), rows of unit L2 norm.
        """
        if mirror is None:
            mirror = np.full(len(crops), self._mirror_below_px == math.inf)
        return self._network.embed(crops, mirror)


def share_gpu_memory() -> None:
    """Let TensorFlow take a GPU's memory as it needs it: by default one worker takes all of it."""
    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:
            # Something ran on the GPU before; how it takes memory is settled for this process.
            return


def build_network(weights: Path) -> keras.Model:
    """Rebuild the network.

    Args:
        weights: the ONNX file.

    Returns:
        RGB crops, float32 (n, 112, 112, 3), range [0, 255], to float32 (n, 128), not of unit length.

    Raises:
        WeightsError: the file holds another network.
    """
    graph = read_graph(weights)
    _require_sface(graph)
    norms = graph.of("BatchNormalization")
    picture = keras.Input((ARCFACE_PX, ARCFACE_PX, 3))
    offset, factor = (float(graph.numbers[graph.of(kind)[0].input[1]].item()) for kind in ("Sub", "Mul"))
    features = keras.layers.Rescaling(factor, -offset * factor)(picture)
    pending = np.ones(3)
    for convolution, norm, activation in zip(graph.of("Conv"), norms, graph.of("PRelu"), strict=False):
        slopes = graph.numbers[activation.input[1]].reshape(-1).astype(np.float64)
        turned = np.where(slopes > 1, -1.0, 1.0)
        features = _convolve(features, graph, convolution, norm, factors_in=pending, factors_out=turned)
        # PReLU in two operations instead of five: with a slope a <= 1 it is max(x, a x). A channel with a > 1 is made
        # negative by its convolution, for PReLU_a(x) = -a PReLU_1/a(-x), and the next layer takes the factor -a.
        falling = keras.ops.cast(np.where(slopes > 1, 1 / slopes, slopes), features.dtype)
        features = keras.ops.maximum(features, features * falling)
        pending = np.where(slopes > 1, -slopes, 1.0)
    output = _head(keras.layers.Flatten()(features), graph, factors_in=pending)
    return keras.Model(picture, output, name="sface_2021dec")


def _require_sface(graph: Graph) -> None:
    kinds = {kind: len(graph.of(kind)) for kind in ("Conv", "BatchNormalization", "PRelu", "Gemm", "Sub", "Mul")}
    wanted = {
        "Conv": _CONVOLUTIONS, "BatchNormalization": _CONVOLUTIONS + 2, "PRelu": _CONVOLUTIONS, "Gemm": 1, "Sub": 1,
        "Mul": 1,
    }  # fmt: skip
    if kinds != wanted:
        raise WeightsError("The weights file holds another network than SFace.")


def _convolve(
    features: Any, graph: Graph, convolution: Any, norm: Any, *, factors_in: _Factors, factors_out: _Factors
) -> Any:
    """A convolution with its batch norm, padded as ONNX says: by half the kernel on every side at any stride.

    Args:
        features: of the layer before, divided by ``factors_in``.
        graph: of the file.
        convolution: its node.
        norm: the node of its batch norm.
        factors_in: float64 (channels in,).
        factors_out: float64 (channels out,), what the result is to be multiplied by.
    """
    scale, shift = _affine(graph, norm)
    settings = {one.name: one for one in convolution.attribute}
    depthwise = settings["group"].i > 1
    kernel = graph.numbers[convolution.input[1]] * (scale * factors_out)[:, None, None, None]
    kernel = kernel * (factors_in[:, None, None, None] if depthwise else factors_in[None, :, None, None])
    stride, size = settings["strides"].ints[0], kernel.shape[2]
    if stride > 1:
        features = keras.layers.ZeroPadding2D(size // 2)(features)
    padding = "same" if stride == 1 else "valid"
    if depthwise:
        layer = keras.layers.DepthwiseConv2D(size, stride, padding)
        ordered = kernel.transpose(2, 3, 0, 1)
    else:
        layer = keras.layers.Conv2D(kernel.shape[0], size, stride, padding)
        ordered = kernel.transpose(2, 3, 1, 0)
    convolved = layer(features)
    layer.set_weights([ordered, shift * factors_out])
    return convolved


def _head(flat: Any, graph: Graph, *, factors_in: _Factors) -> Any:
    """The last batch norms and the dense layer between them as one dense layer, in the order of Keras's axes.

    Args:
        flat: features divided by ``factors_in``, flattened.
        graph: of the file.
        factors_in: float64 (channels,).
    """
    gemm, (before, after) = graph.of("Gemm")[0], graph.of("BatchNormalization")[-2:]
    scale_in, shift_in = _affine(graph, before)
    scale_out, shift_out = _affine(graph, after)
    shape = (DIMENSIONS, _LAST_CHANNELS, _LAST_PX, _LAST_PX)
    kernel = graph.numbers[gemm.input[1]].reshape(shape).astype(np.float64)
    bias = graph.numbers[gemm.input[2]] + np.einsum("ocyx,c->o", kernel, shift_in)
    folded = np.einsum("ocyx,c,o->yxco", kernel, scale_in * factors_in, scale_out)
    layer = keras.layers.Dense(DIMENSIONS)
    output = layer(flat)
    layer.set_weights([folded.reshape(-1, DIMENSIONS), bias * scale_out + shift_out])
    return output


def _affine(graph: Graph, norm: Any) -> tuple[_Factors, _Factors]:
    """A batch norm of inference as scale and shift."""
    gamma, beta, mean, variance = (graph.numbers[name].astype(np.float64) for name in norm.input[1:])
    epsilon = next(one.f for one in norm.attribute if one.name == "epsilon")
    scale = gamma / np.sqrt(variance + epsilon)
    return scale, beta - mean * scale
