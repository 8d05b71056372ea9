"""What one picture costs a LiteRT model, counted in the file that is shipped."""

from __future__ import annotations

import math

WEIGHED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def multiply_adds(model: bytes) -> int:
    """Multiplications of a value with a weight: convolutions and fully connected layers.

    A convolution uses each of its weights once for every place of its output.
    """
    from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415 – not on old ARM

    root = schema.ModelT.InitFromPackedBuf(model, 0)
    graph = root.subgraphs[0]
    names = {getattr(schema.BuiltinOperator, name): name for name in WEIGHED}
    total = 0
    for operator in graph.operators:
        code = root.operatorCodes[operator.opcodeIndex]
        name = names.get(max(code.builtinCode, code.deprecatedBuiltinCode))
        if name is None:
            continue
        weights = graph.tensors[operator.inputs[1]].shape
        places = graph.tensors[operator.outputs[0]].shape[1:3] if "CONV" in name else ()
        total += math.prod(map(int, weights)) * math.prod(map(int, places))
    return total
