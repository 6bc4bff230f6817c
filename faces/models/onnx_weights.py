"""Reads the numbers of an ONNX file whose weights are quantised in blocks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from faces.errors import WeightsError


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """An ONNX graph and its numbers.

    Attributes:
        nodes: in the order in which they run, without those that only unpack numbers.
        numbers: by name, dequantised and reshaped, float32 where they are weights.
    """

    nodes: tuple[Any, ...]
    numbers: dict[str, NDArray[Any]]

    def of(self, kind: str) -> list[Any]:
        """Give the nodes of one kind, in order."""
        return [node for node in self.nodes if node.op_type == kind]


def read_graph(path: Path) -> Graph:
    """Read a file and dequantise its weights once.

    Raises:
        WeightsError: not an ONNX file.
    """
    return _unpacked(_model(path))


def dequantised_model(path: Path) -> Any:
    """Give the same network as an ONNX model that holds plain float32 weights, for other runtimes.

    As published, the graph dequantises on every run, and lists its weights among its inputs, which some refuse.

    Raises:
        WeightsError: not an ONNX file.
    """
    model = _model(path)
    graph = _unpacked(model)
    used = {name for node in graph.nodes for name in node.input}
    tensors = [numpy_helper.from_array(values, name) for name, values in graph.numbers.items() if name in used]
    inputs = [one for one in model.graph.input if one.name in used and one.name not in graph.numbers]
    plain = helper.make_graph(graph.nodes, model.graph.name, inputs, model.graph.output, tensors)
    return helper.make_model(plain, opset_imports=model.opset_import, ir_version=model.ir_version)


def _model(path: Path) -> Any:
    try:
        return onnx.load_model(path)
    except DecodeError as error:
        raise WeightsError(f"{path} is not an ONNX file.") from error


def _unpacked(model: Any) -> Graph:
    numbers = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear":
            numbers[node.output[0]] = _dequantised(node, numbers)
        elif node.op_type == "Reshape" and node.input[0] in numbers:
            numbers[node.output[0]] = numbers[node.input[0]].reshape(numbers[node.input[1]])
        else:
            nodes.append(node)
    return Graph(tuple(nodes), numbers)


def _dequantised(node: Any, numbers: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    """ONNX DequantizeLinear: scale and zero point hold for a tensor, or repeat ``block_size`` times along an axis."""
    quantised, scale, zero = (numbers[name].astype(np.float32) for name in node.input)
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    block = attributes.get("block_size", 0)
    if block and scale.size > 1:
        axis = attributes.get("axis", 1)
        scale, zero = (
            np.take(np.repeat(array, block, axis=axis), range(quantised.shape[axis]), axis=axis)
            for array in (scale, zero)
        )
    plain: NDArray[np.float32] = (quantised - zero) * scale
    return plain
