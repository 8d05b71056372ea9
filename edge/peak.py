"""What a CPU can do with int8 at most, and how much of it a model asks for.

The peak is that of one large 1×1 convolution, the plainest work there is for LiteRT: its graph is
written here tensor by tensor, with the schema that `ai-edge-litert` ships. A peak that AMX would
reach is not measured: the nets run without (`edge.amx`).
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

SIDE, CHANNELS = 64, 256  # of the picture that is convolved: 0.54 G operations, all in the caches
SCALE = 0.02  # of everything but the output; it is never looked at
SEED = 1


def peak_model() -> tuple[bytes, int]:
    """A model of one int8 convolution, uint8 in, and the operations of one run.

    ImportError where the installed LiteRT brings no schema, as `tflite-runtime` does not.
    """
    from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415 – not everywhere
    from flatbuffers import Builder  # noqa: PLC0415

    rng = np.random.default_rng(SEED)
    weights = rng.integers(-127, 128, (CHANNELS, 1, 1, CHANNELS), np.int8)
    bias = np.zeros(CHANNELS, np.int32)
    picture = (1, SIDE, SIDE, CHANNELS)
    each = [SCALE] * CHANNELS
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT() for _ in range(3)]  # number 0 means: no data
    for buffer, values in zip(model.buffers[1:], (weights, bias), strict=True):
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    graph = schema.SubGraphT()
    graph.tensors = [
        _tensor(schema, picture, "INT8", 0, [SCALE]),
        _tensor(schema, weights.shape, "INT8", 1, each),
        _tensor(schema, bias.shape, "INT32", 2, [SCALE * SCALE] * CHANNELS),
        _tensor(schema, picture, "INT8", 0, [1.0]),
    ]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    code.version = 3
    model.operatorCodes = [code]
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0, 1, 2], [3]
    operator.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
    operator.builtinOptions = schema.Conv2DOptionsT()
    operator.builtinOptions.strideW = operator.builtinOptions.strideH = 1
    operator.builtinOptions.padding = schema.Padding.VALID
    graph.operators, graph.inputs, graph.outputs = [operator], [0], [3]
    model.subgraphs = [graph]
    builder = Builder(1 << 17)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output()), 2 * SIDE * SIDE * CHANNELS * CHANNELS


def _tensor(schema: Any, shape: tuple[int, ...], kind: str, buffer: int, scale: list[float]) -> Any:
    tensor = schema.TensorT()
    tensor.name = f"tensor of buffer {buffer}".encode()
    tensor.shape, tensor.hasRank = list(shape), True
    tensor.type = getattr(schema.TensorType, kind)
    tensor.buffer = buffer
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale, tensor.quantization.zeroPoint = scale, [0] * len(scale)
    return tensor


def operations(model: bytes) -> int:
    """The multiplications and additions of one run, two for each weight's every use.

    Only convolutions and fully connected layers count; ImportError as for `peak_model`.
    """
    from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415

    parsed = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    codes = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in parsed.operatorCodes]
    kinds = schema.BuiltinOperator
    total = 0
    for graph in parsed.subgraphs:
        for operator in graph.operators:
            code = codes[operator.opcodeIndex]
            used = (*operator.inputs, *operator.outputs)
            shapes = [[int(n) for n in graph.tensors[index].shape] for index in used]
            if code == kinds.CONV_2D:  # weights (out, rows, columns, in)
                total += 2 * prod(shapes[-1]) * prod(shapes[1][1:])
            elif code == kinds.DEPTHWISE_CONV_2D:  # weights (1, rows, columns, out)
                total += 2 * prod(shapes[-1]) * prod(shapes[1][1:3])
            elif code == kinds.FULLY_CONNECTED:  # weights (out, in)
                total += 2 * prod(shapes[-1]) * shapes[1][-1]
    return total
