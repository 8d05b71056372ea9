"""Takes float weights back out of a published int8 detector, to go on training from them.

    python -m training.restore --detector detector --run runs/restored

A published file holds every kernel in int8, with a scale a channel and batch norm folded in; that
loses little. Training wants batch norm back: each layer's mean and variance are measured on street
pictures, and its gain and bias are set so that the net answers as before. A later run starts from
there with `--weights runs/restored/final.pt`, where the run that made the published file is gone.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from torch import nn

from models.command import CommandParser
from models.errors import ModelError, run_command
from models.imaging import letterbox
from models.spec import find_model, load_spec, model_bytes
from training import datasets
from training.detector_nets import untrained
from training.runs import commit, make_folder, refuse_taken, write_record

STREETS = 16  # pictures that give batch norm its statistics
SLACK = 1e-6  # of a variance, against a division by zero


class Kernel(NamedTuple):
    """A convolution of a LiteRT file: weights (out, in, rows, columns) and bias (out,), float32."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]


def kernels(model: bytes) -> Iterator[Kernel]:
    """The convolutions of a LiteRT file in the order in which they run."""
    root = schema.ModelT.InitFromPackedBuf(model, 0)
    graph = root.subgraphs[0]

    def values(number: int, kind: type) -> NDArray[np.float32]:
        tensor = graph.tensors[number]
        raw = np.frombuffer(bytes(root.buffers[tensor.buffer].data), kind).reshape(tensor.shape)
        axes = [1] * raw.ndim
        axes[tensor.quantization.quantizedDimension] = -1
        scale = np.asarray(tensor.quantization.scale, np.float32).reshape(axes)
        return np.asarray(raw * scale, np.float32)

    order = {
        schema.BuiltinOperator.CONV_2D: (0, 3, 1, 2),
        schema.BuiltinOperator.DEPTHWISE_CONV_2D: (3, 0, 1, 2),
    }
    for operator in graph.operators:
        axes = order.get(root.operatorCodes[operator.opcodeIndex].builtinCode)
        if axes:
            weight, bias = operator.inputs[1], operator.inputs[2]
            yield Kernel(values(weight, np.int8).transpose(axes), values(bias, np.int32))


def convolutions(net: Any, images: torch.Tensor) -> list[tuple[nn.Conv2d, nn.BatchNorm2d | None]]:
    """A net's convolutions, with the batch norm behind each, in the order of a published file."""
    norms = {id(m.conv): m.bn for m in net.modules() if hasattr(m, "conv") and hasattr(m, "bn")}
    called: list[nn.Conv2d] = []
    inside = {id(m) for m in net.model[-1].modules()}
    hooks = [
        m.register_forward_pre_hook(lambda module, _: called.append(module))
        for m in net.modules()
        if isinstance(m, nn.Conv2d) and id(m) not in inside
    ]
    with torch.no_grad():
        net(images)
    for hook in hooks:
        hook.remove()
    called += [m for m in _branches(net) if isinstance(m, nn.Conv2d)]
    return [(convolution, norms.get(id(convolution))) for convolution in called]


def restore(net: Any, found: list[Kernel], images: torch.Tensor) -> int:
    """Write the kernels into the net and return how many fit.

    `images` (n, 3, H, W), 0 to 1, are what batch norm is measured on. A head of other widths keeps
    what does not fit untrained; ModelError where anything else of the file is not the net's.
    """
    net.eval()
    places = convolutions(net, images)
    fits = [
        tuple(convolution.weight.shape) == kernel.weight.shape
        for (convolution, _), kernel in zip(places, found, strict=False)
    ]
    body = len(places) - sum(isinstance(m, nn.Conv2d) for m in _branches(net))
    if len(places) != len(found) or not all(fits[:body]):
        raise ModelError(
            f"expected the {len(places)} convolutions of the net, found {len(found)} of which "
            f"{sum(fits)} fit"
        )
    hooks = []
    for (convolution, norm), kernel, fit in zip(places, found, fits, strict=True):
        if not fit:
            continue
        convolution.weight.data = torch.from_numpy(kernel.weight.copy())
        bias = torch.from_numpy(kernel.bias.copy())
        if norm is None:
            convolution.bias.data = bias
        else:
            hooks.append(norm.register_forward_pre_hook(_measure(bias)))
    with torch.no_grad():
        net(images)
    for hook in hooks:
        hook.remove()
    return sum(fits)


def _branches(net: Any) -> Iterator[nn.Module]:
    """Everything in the two branches of each stride, in the order of a published file."""
    for pair in zip(net.model[-1].cv2, net.model[-1].cv3, strict=True):
        for branch in pair:
            yield from branch.modules()


def _measure(bias: torch.Tensor) -> Any:
    """A hook that gives batch norm the statistics of what comes, and undoes them with its gain."""

    def hook(norm: nn.BatchNorm2d, inputs: tuple[torch.Tensor]) -> None:
        mean = inputs[0].mean((0, 2, 3))
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(inputs[0].var((0, 2, 3), unbiased=False) + SLACK)
        norm.weight.data = torch.sqrt(norm.running_var + norm.eps)
        norm.bias.data = bias + mean

    return hook


def main(arguments: Sequence[str] | None = None) -> None:
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = CommandParser("training.restore", __doc__)
    parser.add_argument("--detector", default="detector", help="a published detector")
    parser.add_argument("--model", default="slim", help="the net that it is of (%(default)s)")
    parser.add_argument("--run", type=Path, default=Path("runs/restored"), help="where to write")
    flags = parser.parse(given)
    refuse_taken(flags.run)
    path = find_model(flags.detector)
    spec = load_spec(path)
    if spec.task != "detect":
        raise ModelError(f"{path}: expected a detector, found a model to {spec.task}")
    make_folder(flags.run)
    gtsdb = datasets.gtsdb()
    examples = datasets.part(gtsdb, "train")
    chosen = [examples[i] for i in np.linspace(0, len(examples) - 1, STREETS).astype(int)]
    size = spec.input.width, spec.input.height
    pictures = np.stack([letterbox(gtsdb.read(example), *size)[0] for example in chosen])
    net = untrained(flags.model)
    images = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    fitting = restore(net, list(kernels(model_bytes(spec, path))), images)
    torch.save({"model": net, "epoch": -1, "train_args": {}}, flags.run / "final.pt")
    # What the net has learnt from, so that a training that goes on from here can say so.
    own = shlex.join(["python", "-m", "training.restore", *given])
    write_record(flags.run, {}, spec.origin.data, own, commit())
    print(f"{fitting} convolutions fit; wrote {flags.run / 'final.pt'}")


if __name__ == "__main__":
    run_command(main)
