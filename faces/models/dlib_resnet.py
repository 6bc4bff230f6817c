"""dlib's face recogniser (a ResNet of 29 convolutions, 128 numbers, CC0) as one compiled Keras network.

Affine layers and the input's mean and scale are folded into the convolutions. Two habits of dlib differ from
TensorFlow's: a convolution of stride 2 pads nothing, and ``add_prev`` adds tensors of unequal size as if what is
missing were zero, so that a halving block may keep one row and one column more on its shortcut than on its main way.

Source: King 2017, "High Quality Face Recognition with Deep Metric Learning"; network ``anet_type`` of
dnn_face_recognition_ex.cpp. Weights: dlib_face_recognition_resnet_model_v1.dat, public domain (CC0).
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray

from faces.errors import WeightsError
from faces.models.compiled import MirroringNetwork, mirror_suffix
from faces.models.dlib_file import DlibLayer, parse_network
from faces.models.warp import aligned_crops
from faces.types import Detection, Embeddings, RGBImage

INPUT_PX: Final = 150
DIMENSIONS: Final = 128
THRESHOLD_COSINE: Final = 0.93
TEMPLATE: Final[NDArray[np.float64]] = np.array(
    [[48.84, 46.14], [102.87, 46.42], [75.66, 77.15], [52.5, 100.87], [98.79, 101.74]]
)
"""Where YuNet's five landmarks lie on the crops that dlib itself cuts by its own landmarks; measured."""
_INPUT_SCALE = 256.0
_STEM = ("input_rgb_image_sized", "con_4", "affine_", "relu_", "max_pool_2")
_MAIN_WAY = ("con_4", "affine_", "relu_", "con_4", "affine_")
_SAME = (*_MAIN_WAY, "add_prev_", "relu_")
_HALVING = (*_MAIN_WAY, "avg_pool_2", "add_prev_", "relu_")
_HEAD = ("avg_pool_2", "fc_2")
# Blocks from the input on: does it halve the picture?
_BLOCKS = (False,) * 3 + (True,) + (False,) * 3 + (True,) + (False,) * 2 + (True,) + (False,) * 2 + (True,)


class DlibResNet:
    """dlib's network behind the ``Embedder`` protocol.

    dlib's own vectors are compared by Euclidean distance and have no unit length; here they get it. Their cosines lie
    close together: strangers have about 0.84, with a deviation of 0.035.

    Attributes:
        model_id: names the whole recipe.
        dimensions: length of an embedding.
        threshold_cosine: calibrated threshold of open-set identification (``docs/recognition.md``).
    """

    dimensions = DIMENSIONS

    def __init__(self, weights: Path, *, mirror_below_px: float = math.inf) -> None:
        """Build and wrap the network; it compiles at the first use of each batch size.

        Args:
            weights: the verified file.
            mirror_below_px: faces narrower than this are embedded with their mirror image as well: twice the time for
                a little more accuracy, on small faces above all.

        Raises:
            WeightsError: not dlib's face recogniser.
        """
        self.model_id = "dlib-resnet-150" + mirror_suffix(mirror_below_px)
        self.threshold_cosine = THRESHOLD_COSINE
        self._mirror_below_px = mirror_below_px
        self._network = MirroringNetwork(build_network(weights.read_bytes()))

    def embed(self, image: RGBImage, detections: Sequence[Detection]) -> Embeddings:
        """Align and embed the faces of a picture; see ``Embedder``."""
        mirror = np.array([one.box.width < self._mirror_below_px for one in detections], dtype=np.bool_)
        return self.embed_crops(aligned_crops(image, detections, TEMPLATE, INPUT_PX), mirror=mirror)

    def embed_crops(self, crops: NDArray[np.uint8], *, mirror: NDArray[np.bool_] | None = None) -> Embeddings:
        """Embed faces that are aligned already.

        Args:
            crops: uint8 (n, 150, 150, 3), RGB; n may be zero.
            mirror: bool (n,), for which of them the mirror image counts as well; None: for all, where it always does.

        Returns:
            float32 (n, 128), rows of unit L2 norm.
        """
        if mirror is None:
            mirror = np.full(len(crops), self._mirror_below_px == math.inf)
        return self._network.embed(crops, mirror)


def build_network(data: bytes) -> keras.Model:
    """Rebuild the network.

    Args:
        data: the bytes of dlib's weights file.

    Returns:
        RGB pictures, float32 (n, 150, 150, 3), range [0, 255], to float32 (n, 128), as dlib's own not of unit length.

    Raises:
        WeightsError: not dlib's face recogniser.
    """
    layers = parse_network(data)
    _require_shape(layers)
    folded = iter(_folded_convolutions(layers))
    picture = keras.Input((INPUT_PX, INPUT_PX, 3), dtype="float32")
    features = keras.layers.ReLU()(_convolve(picture, next(folded), stride=2))
    features = keras.layers.MaxPooling2D(3, 2, "valid")(features)
    for halves in _BLOCKS:
        features = _block(features, folded, halves=halves)
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    head = keras.layers.Dense(DIMENSIONS, use_bias=False)
    output = head(pooled)
    head.set_weights([layers[-1].arrays[0]])
    return keras.Model(picture, output, name="dlib_resnet_v1")


def _require_shape(layers: list[DlibLayer]) -> None:
    wanted = [*_STEM, *(kind for halves in _BLOCKS for kind in (_HALVING if halves else _SAME)), *_HEAD]
    fits = [layer.kind for layer in layers] == wanted
    if not fits or layers[0].sizes != (INPUT_PX, INPUT_PX) or layers[-1].sizes[0] != DIMENSIONS:
        raise WeightsError("The dlib weights file holds another network than dlib's face recogniser.")


_Folded = tuple[NDArray[np.float32], NDArray[np.float32]]


def _folded_convolutions(layers: list[DlibLayer]) -> list[_Folded]:
    """Kernels (rows, columns, in, out) and biases, each with its affine layer, the first with the input's scaling."""
    folded: list[_Folded] = []
    for convolution, affine in itertools.pairwise(layers):
        if convolution.kind != "con_4":
            continue
        weights, biases = (array.astype(np.float64) for array in convolution.arrays)
        scale, shift = affine.arrays
        if not folded:
            weights = weights / _INPUT_SCALE
            biases = biases - np.einsum("oirc,i->o", weights, layers[0].arrays[0])
        kernel = np.transpose(weights * scale[:, None, None, None], (2, 3, 1, 0))
        folded.append((kernel.astype(np.float32), (biases * scale + shift).astype(np.float32)))
    return folded


def _convolve(features: Any, folded: _Folded, *, stride: int) -> Any:
    """A convolution padded as dlib pads: by half the kernel at stride 1, not at all at stride 2."""
    kernel, bias = folded
    padding = "same" if stride == 1 else "valid"
    layer = keras.layers.Conv2D(kernel.shape[3], kernel.shape[:2], stride, padding)
    convolved = layer(features)
    layer.set_weights([kernel, bias])
    return convolved


def _block(features: Any, folded: Iterator[_Folded], *, halves: bool) -> Any:
    main = keras.layers.ReLU()(_convolve(features, next(folded), stride=2 if halves else 1))
    main = _convolve(main, next(folded), stride=1)
    shortcut = keras.layers.AveragePooling2D(2, 2, "valid")(features) if halves else features
    size = tuple(max(pair) for pair in zip(main.shape[1:], shortcut.shape[1:], strict=True))
    return keras.layers.ReLU()(keras.layers.Add()([_grown(main, size), _grown(shortcut, size)]))


def _grown(features: Any, size: tuple[int, ...]) -> Any:
    """Append zeros below, on the right and as channels."""
    missing = [(0, want - have) for want, have in zip(size, features.shape[1:], strict=True)]
    if not any(after for _, after in missing):
        return features
    return keras.ops.pad(features, [(0, 0), *missing])
