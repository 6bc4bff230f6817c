"""The layer that Keras dropped, and the network that was built of it, against plain NumPy."""

import importlib
import json
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from faces.errors import WeightsError
from faces.models import fb_deepface
from faces.models.compiled import compiled
from faces.models.deepface_models import build_embedder
from faces.models.deepface_weights import supply_weights
from faces.models.locally_connected import LocallyConnected2D
from faces.types import Box, Detection

FILE = "VGGFace2_DeepFace_weights_val-0.9034.h5"
Weights = dict[str, list[NDArray[np.float32]]]


def patches(x: Any, size: int, stride: int = 1) -> Any:
    """Cut all patches, (n, rows, columns, size, size, channels)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))
    return windows[:, ::stride, ::stride].transpose(0, 1, 2, 4, 5, 3)


def locally_connected(x: Any, size: int, stride: int, kernel: Any, bias: Any) -> Any:
    """Write the definition down: each place of the output has its own kernel."""
    cut = patches(x, size, stride)
    n, rows, columns = cut.shape[:3]
    flat = cut.reshape(n, rows, columns, -1)
    return np.einsum("nrcp,rcpf->nrcf", flat, kernel.reshape(rows, columns, *kernel.shape[1:])) + bias


def convolved(x: Any, kernel: Any, bias: Any) -> Any:
    return np.tensordot(patches(x, kernel.shape[0]), kernel, axes=3) + bias


def pooled(x: Any) -> Any:
    """Take maxima of 3 x 3 at every second place; the last row and column are filled up, as ``same`` does."""
    return patches(np.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=-np.inf), 3, 2).max(axis=(3, 4))


def deepface_by_hand(x: Any, weights: Weights) -> Any:
    """DeepFace from C1 to F7, a line a layer."""
    x = np.maximum(convolved(x, *weights["C1"]), 0)
    x = pooled(x)
    x = np.maximum(convolved(x, *weights["C3"]), 0)
    x = np.maximum(locally_connected(x, 9, 1, *weights["L4"]), 0)
    x = np.maximum(locally_connected(x, 7, 2, *weights["L5"]), 0)
    x = np.maximum(locally_connected(x, 5, 1, *weights["L6"]), 0)
    return np.maximum(x.reshape(len(x), -1) @ weights["F7"][0] + weights["F7"][1], 0)


class TestLayer:
    @pytest.mark.parametrize(
        ("shape", "size", "stride"), [((3, 7, 9, 2), 3, 1), ((2, 11, 11, 4), 5, 2), ((1, 4, 4, 1), 4, 3)]
    )
    def test_equals_its_definition(self, shape: tuple[int, ...], size: int, stride: int) -> None:
        random = np.random.default_rng(1)
        layer = LocallyConnected2D(6, size, strides=stride)
        x = random.normal(size=shape).astype(np.float32)
        layer.build(shape)
        layer.set_weights([random.normal(size=weight.shape).astype(np.float32) for weight in layer.get_weights()])
        expected = locally_connected(x, size, stride, *layer.get_weights())
        assert expected.shape == layer.compute_output_shape(shape)
        assert np.abs(np.asarray(layer(x)) - expected).max() < 1e-4

    def test_hand_computed_case(self) -> None:
        layer = LocallyConnected2D(1, (1, 2), activation="relu")
        layer.build((None, 2, 3, 1))
        kernel = np.array([[[1], [0]], [[0], [1]], [[1], [1]], [[1], [-1]]], dtype=np.float32)
        layer.set_weights([kernel, np.array([[[0], [10]], [[0], [0]]], dtype=np.float32)])
        x = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.float32).reshape(1, 2, 3, 1)
        assert np.asarray(layer(x)).ravel().tolist() == [1.0, 13.0, 9.0, 0.0]

    def test_weights_lie_as_keras_2_laid_them(self) -> None:
        layer = LocallyConnected2D(16, (9, 9), name="L4")
        layer.build((None, 20, 15, 3))
        assert [weight.shape for weight in layer.get_weights()] == [(12 * 7, 9 * 9 * 3, 16), (12, 7, 16)]
        assert [weight.name for weight in layer.weights] == ["kernel", "bias"]

    def test_comes_back_from_its_description(self) -> None:
        again = LocallyConnected2D.from_config(LocallyConnected2D(4, (5, 3), strides=2, activation="relu").get_config())
        assert (again.filters, again.kernel_size, again.strides) == (4, (5, 3), (2, 2))
        assert again.activation is keras.activations.relu

    def test_runs_compiled_at_every_batch_size(self) -> None:
        network = keras.Sequential([keras.Input((8, 8, 2)), LocallyConnected2D(3, 3), keras.layers.Flatten()])
        run = compiled(network)
        x = np.random.default_rng(2).normal(size=(5, 8, 8, 2)).astype(np.float32)
        assert np.abs(run(x) - np.concatenate([run(one[None]) for one in x])).max() < 1e-5


def write_file(path: Path) -> Weights:
    """Write weights as Keras 2 wrote DeepFace's file: a group a layer, named in their order; F8 is all zero."""
    random = np.random.default_rng(4)
    shapes: dict[str, list[tuple[int, ...]]] = {
        "C1": [(11, 11, 3, 32), (32,)],
        "M2": [],
        "C3": [(9, 9, 32, 16), (16,)],
        "L4": [(55 * 55, 9 * 9 * 16, 16), (55, 55, 16)],
        "L5": [(25 * 25, 7 * 7 * 16, 16), (25, 25, 16)],
        "L6": [(21 * 21, 5 * 5 * 16, 16), (21, 21, 16)],
        "F0": [],
        "F7": [(21 * 21 * 16, 4096), (4096,)],
        "D0": [],
        "F8": [(4096, 8631), (8631,)],
    }
    weights: Weights = {}
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in shapes]
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.2.4-tf"
        for name, of_layer in shapes.items():
            group = file.create_group(name)
            names = [f"{name}/{what}:0" for what in ("kernel", "bias")][: len(of_layer)]
            group.attrs["weight_names"] = [one.encode() for one in names]
            weights[name] = []
            for one, shape in zip(names, of_layer, strict=True):
                dataset = group.create_dataset(one, shape, dtype=np.float32)
                if name != "F8":
                    # Scaled by what is summed, so that the values stay about as large from layer to layer.
                    summed = shape[1:2] if name[0] == "L" else shape[:-1]
                    scale = 0.1 if "bias" in one else np.sqrt(2.0 / np.prod(summed))
                    weights[name].append(random.standard_normal(shape, dtype=np.float32) * np.float32(scale))
                    dataset[...] = weights[name][-1]
    return weights


@pytest.mark.real_faces  # 100 million weights
def test_deepface_loads_its_own_file_and_equals_numpy(tmp_path: Path) -> None:
    weights = write_file(tmp_path / FILE)
    embedder = build_embedder("deepface", tmp_path)
    crops = np.random.default_rng(5).random((2, 152, 152, 3)).astype(np.float32)
    ours, expected = embedder.forward(crops), deepface_by_hand(crops, weights)
    assert ours.shape == expected.shape == (2, 4096)
    assert expected.max() > 0.1
    assert np.abs(ours - expected).max() < 1e-4 * expected.max()
    recorded = json.loads((tmp_path / "recorded.json").read_text())
    assert embedder.model_id == f"deepface-DeepFace-{recorded[FILE][:12]}-eyes-1"
    assert embedder.threshold_cosine == 0.77
    image = np.random.default_rng(6).integers(0, 256, size=(200, 200, 3), dtype=np.uint8)
    points = np.array([[80, 90], [120, 90], [100, 110], [85, 130], [115, 130]], dtype=np.float32)
    vectors = embedder.embed(image, [Detection(Box(60, 60, 80, 90), points, 0.9)])
    assert np.linalg.norm(vectors[0]) == pytest.approx(1.0, abs=1e-5)


def test_file_of_another_network_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / FILE, "w") as file:
        file.attrs["layer_names"] = [b"C1"]
        file.create_group("C1").attrs["weight_names"] = []
    with pytest.raises(WeightsError, match="does not hold the weights of the recogniser DeepFace"):
        build_embedder("DeepFace", tmp_path)


def test_missing_file_is_named_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"VGGFace2_DeepFace_weights_val-0\.9034\.h5 is missing") as missing:
        build_embedder("DeepFace", tmp_path)
    assert str(tmp_path) in str(missing.value)


def test_layer_is_lent_only_while_the_network_is_built(tmp_path: Path) -> None:
    with pytest.raises(WeightsError), supply_weights(tmp_path, "nothing"):
        fb_deepface.build_network()
    assert not hasattr(importlib.import_module("tensorflow.keras.layers"), "LocallyConnected2D")
