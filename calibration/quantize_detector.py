"""The detector as int8: an Ultralytics checkpoint becomes a LiteRT file with a raw head."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MethodType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.runtime import takes_less_128
from models.errors import ModelError
from models.processors import available_threads

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

# Nothing comes of what lies below: SiLU(-8) is -0.003, a score 0.0003, and beside a box's likeliest
# bin, which lies above 0, one at -8 has no weight.
FLOOR = -8.0
MAP_AXES = 4  # picture, row, column, channel

Images = Sequence[NDArray[np.uint8]]  # RGB, as the model takes them


def quantize_detector(path: Path, images: Images) -> bytes:
    """An Ultralytics checkpoint as int8 with its raw head.

    Box distributions and class logits leave as tensors of their own, each with its own scale:
    decoding inside the graph would round boxes to steps of 1/256 of the picture.
    `images` (H, W, 3), all of the size the model is to take, range the activations.
    """
    import litert_torch  # noqa: PLC0415
    import torch  # noqa: PLC0415
    from ai_edge_quantizer import quantizer, recipe  # noqa: PLC0415

    net = raw_head(path)
    height, width = images[0].shape[:2]
    example = (torch.zeros(1, height, width, 3),)
    with torch.no_grad():
        converted = litert_torch.convert(net, example)
    with TemporaryDirectory() as folder:  # not the run's: another command may be at that one
        whole = Path(folder) / "float.tflite"
        converted.export(str(whole))
        quantiser = quantizer.Quantizer(str(whole), recipe.static_wi8_ai8())
        found = ranges(whole, images)
        result = quantiser.quantize(found, enable_progress_report=False).quantized_model
    return int8_input(bytes(result))


def ranges(path: Path, images: Images) -> dict[str, dict[str, Any]]:
    """From where to where each tensor of a float LiteRT file is to be told apart, by its name.

    `{"min": …, "max": …}` as the quantiser takes it. It is what was seen: the extremes of all
    pictures, for the few anchors that hold a sign are what counts; but on the large maps of the
    first layers, where single pixels make them, the mean of each picture's. What lies below FLOOR
    and goes into a SiLU or out of the net is cut off: nothing comes of it.
    """
    from ai_edge_quantizer import calibrator, recipe, recipe_manager  # noqa: PLC0415

    rules = recipe_manager.RecipeManager()
    rules.load_quantization_recipe(recipe.static_wi8_ai8())
    signature, key = _signature(path)
    samples = [{key: image[None].astype(np.float32)} for image in _with_extremes(images)]
    threads = available_threads()
    watch = calibrator.Calibrator(str(path), num_threads=threads, qsv_update_func=_note)
    watch.calibrate({signature: samples}, rules)
    averaged, cut = _averaged_and_cut(path, images[0].shape[0])
    found = {}
    for name, seen in watch.get_model_qsvs().items():
        # A constant is seen once and has no mean.
        mean = "mean_" if name in averaged and "mean_min" in seen else ""
        low, high = seen[f"{mean}min"], seen[f"{mean}max"]
        found[name] = {"min": np.maximum(low, FLOOR) if name in cut else low, "max": high}
    return found


def _note(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """The extremes of all pictures so far, and the mean of each one's own."""
    count = before.get("count", 1)
    noted = {"count": count + 1}
    for end, outer in (("min", np.minimum), ("max", np.maximum)):
        noted[end] = outer(before[end], now[end])
        mean = before.get(f"mean_{end}", before[end])
        noted[f"mean_{end}"] = (mean * count + now[end]) / (count + 1)
    return noted


def _averaged_and_cut(path: Path, height: int) -> tuple[set[str], set[str]]:
    """The names of the tensors of a LiteRT file that are maps of strides 2 and 4, and of those that
    go into a SiLU or out of it."""
    from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415

    root = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    graph = root.subgraphs[0]
    sigmoid = schema.BuiltinOperator.LOGISTIC
    numbers = set(graph.outputs)
    for operator in graph.operators:
        if root.operatorCodes[operator.opcodeIndex].builtinCode == sigmoid:
            numbers |= set(operator.inputs)
    names = [tensor.name.decode() for tensor in graph.tensors]
    maps = {
        name
        for name, tensor in zip(names, graph.tensors, strict=True)
        if len(tensor.shape) == MAP_AXES and tensor.shape[1] in (height // 2, height // 4)
    }
    return maps, {names[number] for number in numbers}


def raw_head(path: Path) -> Any:
    """The net of an Ultralytics checkpoint, NHWC 0–255 in, (boxes, logits) of each stride out.

    It says what its head is: `strides`, finest first, and `bins`, how many numbers each side of a
    box has (1: the distance itself). ModelError where it is no detector of one class.
    """
    import torch  # noqa: PLC0415
    from ultralytics.nn.tasks import load_checkpoint  # noqa: PLC0415

    class RawHead(torch.nn.Module):
        def __init__(self, net: Any) -> None:
            super().__init__()
            self.layers = net.model
            head = net.model[-1]
            self.strides = [int(stride) for stride in head.stride]
            self.bins = int(head.reg_max)
            # A net for one box a sign has lost, when fused, the branches that need suppression.
            self.box_branches = head.one2one_cv2 if head.cv2 is None else head.cv2
            self.score_branches = head.one2one_cv3 if head.cv3 is None else head.cv3

        def forward(self, image: Any) -> tuple[Any, ...]:
            x = image.permute(0, 3, 1, 2) / 255
            kept: list[Any] = []
            for layer in self.layers[:-1]:
                x = layer(_inputs(layer.f, x, kept))
                kept.append(x)
            head = self.layers[-1]
            outputs: list[Any] = []
            for number, feature in enumerate(_inputs(head.f, x, kept)):
                branches = self.box_branches[number], self.score_branches[number]
                outputs += [branch(feature).permute(0, 2, 3, 1) for branch in branches]
            return tuple(outputs)

    if not path.is_file():  # Ultralytics would go and look for one to download
        raise ModelError(f"{path}: expected an Ultralytics checkpoint, found no file")
    try:
        net, _ = load_checkpoint(str(path))
    except (OSError, KeyError, RuntimeError, TypeError) as error:  # Ultralytics' own is a TypeError
        raise ModelError(f"{path}: expected an Ultralytics checkpoint, found {error}") from error
    head = net.model[-1]
    if getattr(head, "nc", 0) != 1 or not hasattr(head, "reg_max"):
        raise ModelError(f"{path}: expected a detector of one class, found {type(head).__name__}")
    # The converter reads kernels by their memory, so none may lie there channels-last.
    fused = net.float().eval().fuse(verbose=False).to(memory_format=torch.contiguous_format)
    _keep_halves_together(fused)
    return RawHead(fused).eval()


def _keep_halves_together(net: Any) -> None:
    """Ultralytics' C2f and C3k2 cut the answer of a convolution in two and join both halves again,
    each with a copy; here only the half that more is made of is cut out. The numbers are the same.
    """
    import torch  # noqa: PLC0415
    from ultralytics.nn.modules.block import C2f  # noqa: PLC0415

    def forward(self: Any, x: Any) -> Any:
        both = self.cv1(x)
        last, parts = both[:, self.c :], [both]
        for block in self.m:
            last = block(last)
            parts.append(last)
        return self.cv2(torch.cat(parts, 1))

    for module in net.modules():
        if isinstance(module, C2f):
            module.forward = MethodType(forward, module)


def _inputs(source: int | list[int], x: Any, kept: list[Any]) -> Any:
    """What a layer of an Ultralytics net reads: the one before (-1) or earlier ones by number."""
    if isinstance(source, int):
        return x if source == -1 else kept[source]
    return [x if number == -1 else kept[number] for number in source]


def _with_extremes(images: Images) -> Iterator[NDArray[np.uint8]]:
    """`images` with a black and a white pixel, so that the input's scale is exactly 1."""
    for image in images:
        marked = image.copy()
        marked[0, 0], marked[0, 1] = 0, 255
        yield marked


def _signature(path: Path) -> tuple[str, str]:
    """The name of a LiteRT file's signature and of its one input."""
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415

    ((name, parts),) = Interpreter(str(path)).get_signature_list().items()
    (key,) = parts["inputs"]
    return str(name), str(key)


def int8_input(model: bytes) -> bytes:
    """The same model with an int8 input, called `image`: raw bytes less 128.

    No operator turns a float input, or bytes, into that: it would run on one thread and outside of
    XNNPACK, for a twentieth of the whole, where flipping the highest bits of a picture costs next
    to nothing (`edge.runtime`). Raises ModelError where the input's scale is not one grey level a
    step.
    """
    from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415
    from flatbuffers import Builder  # noqa: PLC0415

    root = schema.ModelT.InitFromPackedBuf(model, 0)
    for buffer in root.buffers:  # weights may lie behind the flatbuffer: bring them inside
        if buffer.offset > 1:
            whole = np.frombuffer(model, np.uint8)
            buffer.data = whole[buffer.offset : buffer.offset + buffer.size]
            buffer.offset = buffer.size = 0
    graph = root.subgraphs[0]
    first = int(graph.inputs[0])
    if graph.tensors[first].type != schema.TensorType.INT8:  # drop the QUANTIZE behind it
        (number,) = (n for n, o in enumerate(graph.operators) if first in o.inputs)
        first = int(graph.operators.pop(number).outputs[0])
    tensor = graph.tensors[first]
    scale, zero = float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0])
    if tensor.type != schema.TensorType.INT8 or not takes_less_128(scale, zero):
        raise ModelError(f"expected an int8 input of scale 1, zero -128; found {scale}, {zero}")
    tensor.name = b"image"
    graph.inputs = [first]
    for signature in root.signatureDefs or []:
        for entry in signature.inputs:
            entry.tensorIndex = first
    builder = Builder(len(model))
    builder.Finish(root.Pack(builder), b"TFL3")
    return bytes(builder.Output())
