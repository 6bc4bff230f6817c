"""Weights files in deepface's format for its own networks, with random numbers in them."""

import importlib
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np
import pytest
from deepface.commons import weight_utils
from deepface.modules import modeling
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

from faces.models.locally_connected import LocallyConnected2D


def random_client(deepface_name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Build deepface's own client of a Keras recogniser; no weight keeps a plain value that could be forgotten.

    ``client.whole`` is the network with what deepface drops after loading, as its weights file has it.
    """
    whole: list[Any] = []

    def filled(model: Any, **_: Any) -> Any:
        whole.append(shaken(model))
        return model

    dotted = modeling.AVAILABLE_MODELS["facial_recognition"][deepface_name]["tensorflow"]
    module, _, name = dotted.rpartition(".")
    with monkeypatch.context() as patch:
        if deepface_name == "DeepFace":  # which asks for the TensorFlow that still had its layer
            patch.setattr(importlib.import_module(module), "tf_minor", 12)
            patch.setattr("tensorflow.keras.layers.LocallyConnected2D", LocallyConnected2D, raising=False)
        patch.setattr(weight_utils, "download_weights_if_necessary", lambda **_: "")
        patch.setattr(weight_utils, "load_model_weights", filled)
        client = getattr(importlib.import_module(module), name)()
    client.whole = whole[0]
    return client


def shaken(model: Any) -> Any:
    """Move biases, scales, means and variances off the zeros and ones that a new network has; kernels are random."""
    random = np.random.default_rng(5)
    model.set_weights(
        [
            weight + np.abs(random.normal(scale=0.1, size=weight.shape)) if weight.ndim == 1 else weight
            for weight in model.get_weights()
        ]
    )
    return model


def save(network: Any, path: Path) -> None:
    """Write the weights as deepface's files hold them: HDF5 as Keras 2 wrote it."""
    with h5py.File(path, "w") as file:
        save_weights_to_hdf5_group(file, network)
