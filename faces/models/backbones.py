"""Networks to be trained from the start, by name. Random weights; none of deepface's files is asked for."""

import importlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import keras

from faces.errors import UnknownModel

DIMENSIONS: Final = 128


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network with its input.

    Attributes:
        network: RGB crops, (n, size_px, size_px, 3), range [0, 255], to float32 (n, 128), rows of unit L2 norm.
        size_px: side of its crops.
    """

    network: keras.Model
    size_px: int


def build_backbone(name: str) -> Backbone:
    """Build a network with random weights; seed them by ``keras.utils.set_random_seed``.

    Args:
        name: of ``BACKBONES``.

    Raises:
        UnknownModel: no network has this name.
    """
    if name not in BACKBONES:
        raise UnknownModel(f"No network is called {name}. There are: {', '.join(BACKBONES)}.")
    size_px, build = BACKBONES[name]
    picture = keras.Input((size_px, size_px, 3))
    centred = keras.layers.Rescaling(1 / 128.0, -127.5 / 128.0)(picture)
    with warnings.catch_warnings():
        # deepface describes its networks the way Keras 2 did; Keras 3 remarks on every layer.
        warnings.simplefilter("ignore", UserWarning)
        built = build(centred)
    embedded = keras.layers.UnitNormalization(dtype="float32")(built)
    return Backbone(keras.Model(picture, embedded, name=name.replace("-", "_")), size_px)


def _facenet(picture: Any) -> Any:
    """FaceNet's Inception-ResNet-v1 as deepface describes it."""
    return _deepface("Facenet").InceptionResNetV1(dimension=DIMENSIONS)(picture)


def _nn4_small(picture: Any) -> Any:
    """NN4-small, OpenFace's variant of FaceNet's NN4, as deepface describes it."""
    module = _deepface("OpenFace")
    originals = (module.weight_utils.download_weights_if_necessary, module.weight_utils.load_model_weights)
    try:
        module.weight_utils.download_weights_if_necessary = lambda **_: ""
        module.weight_utils.load_model_weights = lambda model, **_: model
        return module.load_model()(picture)
    finally:
        module.weight_utils.download_weights_if_necessary, module.weight_utils.load_model_weights = originals


def _deepface(name: str) -> Any:
    return importlib.import_module(f"deepface.models.facial_recognition.tf.{name}")


def _small(picture: Any) -> Any:
    """Four convolutions: to see that training works, and for a few dozen people."""
    features = picture
    for channels in (32, 64, 96, 128):
        features = keras.layers.Conv2D(channels, 3, 2, "same", use_bias=False)(features)
        features = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(features))
    return keras.layers.Dense(DIMENSIONS)(keras.layers.Flatten()(features))


BACKBONES: Final[dict[str, tuple[int, Callable[[Any], Any]]]] = {
    "inception-resnet-v1": (160, _facenet),
    "nn4-small": (96, _nn4_small),
    "small": (64, _small),
}
"""Side of the input in pixels, and what describes the network."""
