"""Facebook's DeepFace as deepface describes it, on a TensorFlow whose Keras no longer has its layer.

deepface refuses to build it on anything newer than TensorFlow 2.12. The refusal stands in its client; the description
of the network does not have it, and gets the layer lent for as long as it is built.
"""

import importlib
from typing import Any, Final

from faces.models.locally_connected import LocallyConnected2D

_DESCRIPTION: Final = "deepface.models.facial_recognition.tf.FbDeepFace"
_LAYER: Final = "LocallyConnected2D"


def build_network() -> Any:
    """Build the network up to F7, the representation: from BGR in [0, 1], (n, 152, 152, 3), to (n, 4096).

    Call it inside ``supply_weights``.
    """
    description = importlib.import_module(_DESCRIPTION)
    layers = importlib.import_module("tensorflow.keras.layers")
    lent = not hasattr(layers, _LAYER)
    if lent:
        setattr(layers, _LAYER, LocallyConnected2D)
    try:
        return description.load_model()
    finally:
        if lent:
            delattr(layers, _LAYER)
