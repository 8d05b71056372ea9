"""The same detector for frames of another shape: as fine or finer, without the grey at the sides.

A published net is wide, as most frames are. A frame of 4:3, one held upright or a strip would leave
a quarter to two thirds of that input grey, and cost as much. Kernels do not care where a picture
ends, so the sizes in the net's file are rewritten; what was quantised stays as it is.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from models.errors import ModelError

KEPT = 8  # files of 1.7 MB
STEP = 32  # px: the nets halve a picture five times inside
FEWER = 0.9  # of the pixels: another input is worth loading where it has no more …
FINER = (1.1, 1.25)  # … or shows a narrow frame so many times as large; at most so many
BORDERS = (0, 2)  # px that a padded picture is larger
AS_THEY_COME = {  # operators that take whatever size comes
    *("QUANTIZE", "CONV_2D", "DEPTHWISE_CONV_2D", "LOGISTIC", "MUL", "ADD"),
    *("MAX_POOL_2D", "CONCATENATION", "PAD"),
}
SIZED = {"SLICE": 2, "RESIZE_NEAREST_NEIGHBOR": 1}  # and those with a size among their inputs

Size = tuple[int, int]  # width, height, px


def fitting(frame: Size, own: Size) -> Size:
    """The input for frames of this size.

    What the model's own would show of them, if that is clearly smaller than the whole. Of frames
    that are narrower than that, such as upright ones, more: they are shown larger, but no larger
    than they are, with no more pixels than the model's own. Else the model's own.
    """
    scale = min(own[0] / frame[0], own[1] / frame[1])
    if frame[0] / frame[1] < own[0] / own[1] and (finer := _finer(frame, own, scale)):
        return finer
    found = _whole(frame[0] * scale), _whole(frame[1] * scale)
    found = min(found[0], own[0]), min(found[1], own[1])
    return found if math.prod(found) <= FEWER * math.prod(own) else own


def _finer(frame: Size, own: Size, scale: float) -> Size | None:
    """The input that shows a frame larger than at `scale`; None where it hardly would."""
    least, most = FINER
    larger = min(most * scale, 1.0)
    while larger >= least * scale:
        found = _whole(frame[0] * larger), _whole(frame[1] * larger)
        if math.prod(found) <= math.prod(own):
            return found
        larger *= 0.99
    return None


def _whole(side: float) -> int:
    """The next multiple of STEP; what is a hair longer than one came of rounding."""
    return max(1, math.ceil(side / STEP - 1e-6)) * STEP


@lru_cache(KEPT)
def reshaped(data: bytes, own: Size, new: Size) -> bytes:
    """The LiteRT file of a net with an input of `own`, for one of `new`.

    It takes longer to make than to open, and a folder of pictures may have many sizes for several
    detectors: the last few are kept.

    ModelError where it does more than convolve, or where this LiteRT cannot write files.
    """
    if any(side % STEP or side // STEP <= max(BORDERS) for side in own):
        raise ModelError(f"expected an input of whole steps of {STEP} px, found {own}")
    try:
        import flatbuffers  # noqa: PLC0415 – most frames fit the net as it is
        from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415 – half a second
    except ImportError as error:
        raise ModelError(f"this LiteRT cannot reshape a net: {error}") from error
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    graph = model.subgraphs[0]
    names = {number: name for name, number in vars(schema.BuiltinOperator).items()}
    sizes: set[int] = set()  # buffers that hold one
    for operator in graph.operators:
        name = names[model.operatorCodes[operator.opcodeIndex].builtinCode]
        if name in SIZED:
            sizes.add(int(graph.tensors[operator.inputs[SIZED[name]]].buffer))
        elif name not in AS_THEY_COME:
            raise ModelError(f"expected a net that takes any size, found {name} in it")
    for number in sizes:
        buffer = model.buffers[number]
        values = np.frombuffer(bytes(buffer.data), np.int32).copy()
        place = slice(1, 3) if len(values) == 4 else slice(0, 2)
        values[place] = _moved(values[place], own, new)
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    for tensor in graph.tensors:
        if len(tensor.shape) == 4 and not _is_constant(model, tensor):
            tensor.shape = [1, *_moved(tensor.shape[1:3], own, new), int(tensor.shape[3])]
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _is_constant(model: Any, tensor: Any) -> bool:
    found = model.buffers[tensor.buffer].data
    return found is not None and len(found) > 0


def _moved(size: Any, own: Size, new: Size) -> list[int]:
    """Rows and columns somewhere in the net, for the new input; ModelError where they are none."""
    found = []
    for side, before, after in zip(size, reversed(own), reversed(new), strict=True):
        times, border = divmod(int(side), before // STEP)
        if border not in BORDERS:
            raise ModelError(f"expected sides in proportion to {before}, found {side}")
        found.append(times * (after // STEP) + border)
    return found
