"""Small real LiteRT models, built tensor by tensor, whose answers can be worked out by hand."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import Builder

from models.signs import label_names
from models.spec import Input, Origin, Output, Spec

BINS = 16
STEP = 0.1  # between two values of an output
PIXEL = 0.05  # what one grey level adds to a logit of the small classifier
SURE = 12.0  # the logit of the one bin that the small detector believes in; the others get -SURE


class Graph:
    """One LiteRT graph in the making; tensors and operators in the order in which they run."""

    def __init__(self) -> None:
        self._model = schema.ModelT()
        self._model.version = 3
        self._model.buffers = [schema.BufferT()]  # number 0 means: no data
        self._model.operatorCodes = []
        self._graph = schema.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._model.subgraphs = [self._graph]

    def tensor(
        self,
        shape: tuple[int, ...],
        kind: str,
        scale: float = 0.0,
        zero: int = 0,
        data: np.ndarray | None = None,
    ) -> int:
        tensor = schema.TensorT()
        tensor.name = f"t{len(self._graph.tensors)}".encode()
        tensor.shape, tensor.hasRank = list(shape), True
        tensor.type = getattr(schema.TensorType, kind)
        tensor.quantization = schema.QuantizationParametersT()
        if scale:
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero]
        tensor.buffer = 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            self._model.buffers.append(buffer)
            tensor.buffer = len(self._model.buffers) - 1
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def operator(self, name: str, inputs: list[int], output: int, options: Any = None) -> int:
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version = code.builtinCode, 1 if name == "QUANTIZE" else 4
        if name == "CONV_2D":
            code.version = 3
        self._model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self._model.operatorCodes) - 1
        operator.inputs, operator.outputs = inputs, [output]
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = options
        self._graph.operators.append(operator)
        return output

    def finish(self, inputs: list[int], outputs: list[int]) -> bytes:
        self._graph.inputs, self._graph.outputs = inputs, outputs
        builder = Builder(1024)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def _picture(
    graph: Graph, width: int, height: int, first: str, grey_level: float = 1.0
) -> tuple[int, int]:
    """(the graph's input, the same as int8): `first` is the type of the input tensor.

    `grey_level` is the scale of an int8 one.
    """
    shape = (1, height, width, 3)
    if first == "INT8":
        inside = graph.tensor(shape, "INT8", grey_level, -128)
        return inside, inside
    outside = graph.tensor(shape, first, 1.0 if first == "UINT8" else 0.0)
    inside = graph.tensor(shape, "INT8", 1.0, -128)
    graph.operator("QUANTIZE", [outside], inside)
    return outside, inside


def classifier_bytes(
    width: int = 8,
    height: int = 8,
    outputs: int = 45,
    first: str = "UINT8",
    grey_level: float = 1.0,
) -> bytes:
    """Output k is PIXEL times the red of pixel k, counted along the rows."""
    graph = Graph()
    outside, inside = _picture(graph, width, height, first, grey_level)
    weights = np.zeros((outputs, height * width * 3), np.int8)
    weights[np.arange(outputs), 3 * np.arange(outputs)] = 1
    w = graph.tensor(weights.shape, "INT8", PIXEL, 0, weights)
    b = graph.tensor((outputs,), "INT32", PIXEL, 0, np.zeros(outputs, np.int32))
    out = graph.tensor((1, outputs), "INT8", STEP, 0)
    graph.operator("FULLY_CONNECTED", [inside, w, b], out, schema.FullyConnectedOptionsT())
    return graph.finish([outside], [out])


def detector_bytes(
    width: int = 32,
    height: int = 16,
    sides: tuple[int, int, int, int] = (1, 1, 1, 1),
    strides: tuple[int, ...] = (8,),
) -> bytes:
    """A cell's logit is its mean brightness / 16 − 8.

    Every cell's box reaches `sides` cells from its centre: left, top, right, bottom.
    """
    graph = Graph()
    outside, inside = _picture(graph, width, height, "UINT8")

    def branch(stride: int, channels: int, weight: int, scale: float, bias: np.ndarray) -> int:
        kernel = np.full((channels, stride, stride, 3), weight, np.int8)
        w = graph.tensor(kernel.shape, "INT8", scale, 0, kernel)
        b = graph.tensor((channels,), "INT32", scale, 0, bias.astype(np.int32))
        shape = (1, height // stride, width // stride, channels)
        out = graph.tensor(shape, "INT8", STEP, 0)
        options = schema.Conv2DOptionsT()
        options.padding = schema.Padding.VALID
        options.strideW = options.strideH = stride
        return graph.operator("CONV_2D", [inside, w, b], out, options)

    bins = np.full((4, BINS), -SURE)
    bins[np.arange(4), sides] = SURE
    outputs = []
    for stride in strides:
        step = 1 / (stride * stride * 3 * 16)
        outputs.append(branch(stride, 4 * BINS, 0, 1.0, bins.ravel()))
        outputs.append(branch(stride, 1, 1, step, np.array([-8 / step])))
    return graph.finish([outside], outputs)


def classifier_spec(data: bytes = b"", **changes: Any) -> Spec:
    """The papers of `classifier_bytes`: crops of 8×8 without a margin."""
    spec = Spec(
        name="small",
        version="1.2.3",
        task="classify",
        file="small.tflite",
        sha256=hashlib.sha256(data).hexdigest(),
        input=Input(8, 8, "rgb", "crop", 0.0),
        output=Output("logits", [], 0),
        labels=list(label_names()),
        thresholds={"accept": 0.5},
        temperature=1.0,
        pair=None,
        metrics={},
        origin=Origin([], "", "", "", ""),
    )
    return dataclasses.replace(spec, **changes)


def detector_spec(data: bytes = b"", **changes: Any) -> Spec:
    """The papers of `detector_bytes`: 32×16, one stride."""
    spec = classifier_spec(
        data,
        task="detect",
        input=Input(32, 16, "rgb", "letterbox", 0.0),
        output=Output("yolo-raw", [8], BINS),
        labels=["sign"],
        thresholds={"score": 0.5, "iou": 0.6},
    )
    return dataclasses.replace(spec, **changes)


def save(spec: Spec, data: bytes, folder: Path) -> Path:
    """Both files of a model; returns the JSON's path."""
    (folder / spec.file).write_bytes(data)
    path = folder / f"{spec.name}.json"
    path.write_text(spec.to_json(), encoding="utf-8")
    return path
