"""deepface's recognisers by name: its architecture and preprocessing, compiled and batched.

deepface builds the network and is asked for nothing else: its weights come from the weights folder and never from the
internet, and faces go through one compiled TensorFlow function a batch size in place of Keras's eager calls.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf
from deepface.config.threshold import thresholds as deepface_thresholds
from deepface.modules import detection as deepface_detection
from deepface.modules import modeling, preprocessing
from numpy.typing import NDArray

from faces.distance import unit_rows
from faces.errors import UnknownModel
from faces.models import batches, facenet_crops, fb_deepface
from faces.models.compiled import compiled
from faces.models.deepface_weights import Source, require, supply_weights
from faces.types import Box, Detection, Embeddings, RGBImage


@dataclass(frozen=True, slots=True)
class Recogniser:
    """What deepface calls a recogniser.

    Attributes:
        deepface_name: its name there.
        weights_file: the file deepface would download, looked for in the weights folder.
        width: of the input, pixels.
        height: of the input, pixels.
        standardise: FaceNet's own preprocessing, from an RGB crop with its margin to the input; None prepares the
            face as deepface does.
    """

    deepface_name: str
    weights_file: str
    width: int
    height: int
    standardise: Callable[[RGBImage], NDArray[np.float32]] | None = None

    @property
    def recipe(self) -> str:
        """Names the preparation, with a version."""
        return "eyes-1" if self.standardise is None else "facenet-1"


RECOGNISERS: Final = {
    "facenet": Recogniser("Facenet", "facenet_weights.h5", 160, 160, facenet_crops.standardised_each),
    "facenet512": Recogniser("Facenet512", "facenet512_weights.h5", 160, 160, facenet_crops.standardised_fixed),
    "deepface": Recogniser("DeepFace", "VGGFace2_DeepFace_weights_val-0.9034.h5", 152, 152),
    "vgg-face": Recogniser("VGG-Face", "vgg_face_weights.h5", 224, 224),
    "arcface": Recogniser("ArcFace", "arcface_weights.h5", 112, 112),
    "openface": Recogniser("OpenFace", "openface_weights.h5", 96, 96),
    "deepid": Recogniser("DeepID", "deepid_keras_weights.h5", 47, 55),
    "ghostfacenet": Recogniser("GhostFaceNet", "ghostfacenet_v1.h5", 112, 112),
}
"""Those that deepface describes in Keras. Its SFace is the network that this package has itself; Dlib and Buffalo_L are
no Keras networks."""


class DeepFaceEmbedder:
    """A recogniser of deepface behind the ``Embedder`` protocol.

    Faces are turned by the line of the eyes, cut out by their box, put on black, and given as BGR in [0, 1], as
    ``DeepFace.represent`` does with its defaults; those for FaceNet as its weights were trained (``facenet_crops``).
    The threshold is deepface's own for pairs, which is not calibrated for class photos: ``manage.py calibrate`` and
    ``python -m faces.evaluate threshold`` do that.
    """

    def __init__(self, recogniser: Recogniser, network: Any, weights_sha256: str) -> None:
        self._recogniser = recogniser
        self._weights_sha256 = weights_sha256
        self._dimensions = int(network.output_shape[-1])
        # Some of deepface's networks take a list of one input, and Keras remarks on an array in its place.
        self._run = compiled(tf.keras.Model(network.inputs[0], network.outputs[0]))

    @property
    def model_id(self) -> str:
        """Recogniser, weights, and the recipe around them."""
        return f"deepface-{self._recogniser.deepface_name}-{self._weights_sha256[:12]}-{self._recogniser.recipe}"

    @property
    def dimensions(self) -> int:
        """Length of an embedding."""
        return self._dimensions

    @property
    def threshold_cosine(self) -> float:
        """Deepface's threshold for pairs, as a similarity."""
        return round(1.0 - float(deepface_thresholds[self._recogniser.deepface_name]["cosine"]), 4)

    def embed(self, image: RGBImage, detections: Sequence[Detection]) -> Embeddings:
        """Align and embed faces of one picture.

        Args:
            image: uint8 (height, width, 3), RGB, the picture the detections came from.
            detections: n faces; may be empty.

        Returns:
            float32 (n, d), rows of unit L2 norm, in the order of the detections.
        """
        if not detections:
            return np.zeros((0, self._dimensions), dtype=np.float32)
        return unit_rows(self.forward(self._crops(image, detections)))

    def _crops(self, image: RGBImage, detections: Sequence[Detection]) -> NDArray[np.float32]:
        standardise = self._recogniser.standardise
        if standardise is not None:
            return np.stack([standardise(facenet_crops.margin_crop(image, one.box)) for one in detections])
        bgr = np.ascontiguousarray(image[:, :, ::-1])
        size = (self._recogniser.height, self._recogniser.width)
        return np.concatenate([prepare(aligned_crop(bgr, one), size) for one in detections])

    def forward(self, crops: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the network.

        Args:
            crops: float32 (n, height, width, 3), prepared as the recogniser wants it; n > 0.

        Returns:
            float32 (n, d), not normalised.
        """
        return batches.run(self._run, crops)


def build_embedder(name: str, weights_dir: Path) -> DeepFaceEmbedder:
    """Build a recogniser of deepface with the weights of the weights folder.

    Args:
        name: as deepface writes it, in any case: ``Facenet``, ``Facenet512``, ``VGG-Face``, ``ArcFace``, ``OpenFace``,
            ``DeepID``, ``GhostFaceNet``, ``DeepFace``.
        weights_dir: holds the weights files under deepface's names.

    Raises:
        UnknownModel: deepface has no such Keras recogniser.
        WeightsError: the file is missing, or its bytes are not those of its first use.
    """
    recogniser = RECOGNISERS.get(name.lower())
    if recogniser is None:
        known = ", ".join(one.deepface_name for one in RECOGNISERS.values())
        raise UnknownModel(f"deepface has no recogniser {name} that runs here. There are: {known}.")
    model = f"the recogniser {recogniser.deepface_name}"
    require(weights_dir / recogniser.weights_file, model)  # before seconds are spent on the network
    with supply_weights(weights_dir, model) as source:
        network = _network(recogniser.deepface_name)
    return DeepFaceEmbedder(recogniser, network, _sha256(source, recogniser))


def aligned_crop(bgr: NDArray[np.uint8], detection: Detection) -> NDArray[np.uint8]:
    """Turn a face by the line of its eyes and cut its box out, with deepface's own functions.

    Args:
        bgr: uint8 (height, width, 3), BGR.
        detection: of that picture.
    """
    x, y, width, height = _clip(detection.box, bgr)
    # Half the box of black all round, as deepface has it, so that a face at the edge keeps its place in the crop.
    pad_x, pad_y = width // 2 + 1, height // 2 + 1
    left, top = max(0, x - pad_x), max(0, y - pad_y)
    around = bgr[top : y + height + pad_y, left : x + width + pad_x]
    before_y, before_x = pad_y - (y - top), pad_x - (x - left)
    after_y = height + 2 * pad_y - around.shape[0] - before_y
    after_x = width + 2 * pad_x - around.shape[1] - before_x
    padded = np.pad(around, ((before_y, after_y), (before_x, after_x), (0, 0)))
    part, inner_x, inner_y = deepface_detection.extract_sub_image(padded, (pad_x, pad_y, width, height))
    right_eye, left_eye = (tuple(int(value) for value in eye) for eye in detection.landmarks[:2])
    turned, angle = deepface_detection.align_img_wrt_eyes(img=part, left_eye=left_eye, right_eye=right_eye)
    x1, y1, x2, y2 = deepface_detection.project_facial_area(
        facial_area=(inner_x, inner_y, inner_x + width, inner_y + height), angle=angle, size=part.shape[:2]
    )
    crop: NDArray[np.uint8] = turned[int(y1) : int(y2), int(x1) : int(x2)]
    return crop


def prepare(crop: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    """Scale a crop into the input, on black, BGR in [0, 1], as deepface does.

    Args:
        crop: uint8 (height, width, 3), BGR.
        size: height and width of the input.

    Returns:
        float32 (1, height, width, 3).
    """
    # deepface decides by the largest value whether to divide by 255, which a black crop would fool: it gets floats.
    scaled = preprocessing.resize_image(img=crop.astype(np.float64) / 255.0, target_size=size)
    return np.asarray(scaled, dtype=np.float32)


def _clip(box: Box, image: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Cut a box to the picture; at least one pixel stays."""
    height, width = image.shape[:2]
    left, top = min(max(0, int(box.x)), width - 1), min(max(0, int(box.y)), height - 1)
    right = min(width, int(box.x + box.width))
    bottom = min(height, int(box.y + box.height))
    return left, top, max(1, right - left), max(1, bottom - top)


def _network(deepface_name: str) -> Any:
    """Build deepface's Keras network whatever backend ``DEEPFACE_BACKEND_ENGINE`` names."""
    if deepface_name == "DeepFace":
        return fb_deepface.build_network()
    dotted = modeling.AVAILABLE_MODELS["facial_recognition"][deepface_name]["tensorflow"]
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)().model


def _sha256(source: Source, recogniser: Recogniser) -> str:
    return source.used[recogniser.weights_file]
