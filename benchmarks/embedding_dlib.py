"""dlib's recogniser in TensorFlow against ONNX Runtime on the same folded numbers, taking turns in one run.

``python benchmarks/embedding_dlib.py``: milliseconds a face by batch size, and the largest difference of the outputs.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from faces.memory import keep_freed_memory
from faces.models.dlib_resnet import INPUT_PX, build_network
from faces.weights import verified

BATCHES = (1, 8, 32)
Way = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class OnnxTwin:
    """The same layers as an ONNX graph, channels first, layer by layer from the Keras network."""

    def __init__(self, network: keras.Model) -> None:
        self._nodes: list[Any] = []
        self._tensors: list[Any] = []
        for layer in network.operations[1:]:  # zero padding is no layer
            inputs = layer.input if isinstance(layer.input, list) else [layer.input]
            getattr(self, f"_{type(layer).__name__.lower()}")(layer, [one.name for one in inputs], layer.output.name)
        shape = ["n", 3, INPUT_PX, INPUT_PX]
        graph = helper.make_graph(
            self._nodes,
            "dlib_resnet_v1",
            [helper.make_tensor_value_info(network.input.name, TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(network.output.name, TensorProto.FLOAT, ["n", 128])],
            self._tensors,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        self._session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        self._input = network.input.name

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Uint8 (n, 150, 150, 3), RGB, to float32 (n, 128)."""
        pictures = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), dtype=np.float32)
        output: NDArray[np.float32] = self._session.run(None, {self._input: pictures})[0]
        return output

    def _tensor(self, name: str, numbers: NDArray[Any]) -> str:
        self._tensors.append(numpy_helper.from_array(np.ascontiguousarray(numbers), name))
        return name

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    def _conv2d(self, layer: Any, inputs: list[str], output: str) -> None:
        kernel, bias = (np.asarray(weight) for weight in layer.get_weights())
        border = kernel.shape[0] // 2 if layer.padding == "same" else 0
        names = [self._tensor(f"{output}/kernel", kernel.transpose(3, 2, 0, 1)), self._tensor(f"{output}/bias", bias)]
        self._node("Conv", [*inputs, *names], output, pads=[border] * 4, strides=list(layer.strides))

    def _relu(self, _layer: Any, inputs: list[str], output: str) -> None:
        self._node("Relu", inputs, output)

    def _add(self, _layer: Any, inputs: list[str], output: str) -> None:
        self._node("Add", inputs, output)

    def _maxpooling2d(self, layer: Any, inputs: list[str], output: str) -> None:
        self._node("MaxPool", inputs, output, kernel_shape=list(layer.pool_size), strides=list(layer.strides))

    def _averagepooling2d(self, layer: Any, inputs: list[str], output: str) -> None:
        self._node("AveragePool", inputs, output, kernel_shape=list(layer.pool_size), strides=list(layer.strides))

    def _globalaveragepooling2d(self, _layer: Any, inputs: list[str], output: str) -> None:
        self._node("GlobalAveragePool", inputs, f"{output}/square")
        self._node("Flatten", [f"{output}/square"], output)

    def _pad(self, layer: Any, inputs: list[str], output: str) -> None:
        _, rows, columns, channels = layer.pad_width
        ordered = [(0, 0), channels, rows, columns]
        pads = np.array([before for before, _ in ordered] + [after for _, after in ordered], dtype=np.int64)
        self._node("Pad", [*inputs, self._tensor(f"{output}/pads", pads)], output)

    def _dense(self, layer: Any, inputs: list[str], output: str) -> None:
        self._node("MatMul", [*inputs, self._tensor(f"{output}/kernel", np.asarray(layer.get_weights()[0]))], output)


def milliseconds_a_face(ways: dict[str, Way], crops: NDArray[np.uint8], rounds: int) -> dict[str, float]:
    """The median round of each way; a first round that compiles is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way(crops)
            if number:
                seconds[name].append(time.perf_counter() - start)
    return {name: 1000 * float(np.median(measured)) / len(crops) for name, measured in seconds.items()}


def main() -> None:
    """Measure, and print a table."""
    keep_freed_memory()  # as a worker does; both run in this process
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    network = build_network(verified("dlib-resnet").read_bytes())
    twin = OnnxTwin(network)
    traced = tf.function(lambda crops: network(tf.cast(crops, tf.float32), training=False), autograph=False)
    ways: dict[str, Way] = {"ONNX Runtime": twin, "TensorFlow": lambda crops: np.asarray(traced(tf.constant(crops)))}
    random = np.random.default_rng(0)
    print(f"{'faces':>6}{'ONNX Runtime ms':>18}{'TensorFlow ms':>16}{'ratio':>8}{'difference':>13}")
    for size in BATCHES:
        crops = random.integers(0, 256, (size, INPUT_PX, INPUT_PX, 3), dtype=np.uint8)
        base, ours = milliseconds_a_face(ways, crops, rounds).values()
        difference = float(np.abs(ways["TensorFlow"](crops) - twin(crops)).max())
        print(f"{size:>6}{base:>18.2f}{ours:>16.2f}{ours / base:>8.2f}{difference:>13.1e}")


if __name__ == "__main__":
    main()
