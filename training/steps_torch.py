"""Training steps on PyTorch: the layers of a Keras net, run by PyTorch's own fused calls.

Keras' layers work on PyTorch too, but they compute batch norm in many small pieces and keep
kernels in TensorFlow's order; the twin here runs the same net 1.5 to 3 times as fast on a CPU. It
uses bf16 where the processor has it, and a GPU where there is one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import keras
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from models.errors import UsageError
from training.precision import fast, has_bf16
from training.steps import PREDICT_BATCH, Array, Predict, Settings, refuse_other_shapes

OIHW = (3, 2, 0, 1)  # where Keras keeps the axes of PyTorch's kernels
HWIO = (2, 3, 1, 0)


class Convolution(nn.Module):
    """A Conv2D or DepthwiseConv2D with Keras' "same" or "valid" padding; NCHW."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        self.stride, self.same = layer.strides, layer.padding == "same"
        self.active = layer.activation is keras.activations.relu
        kernel = np.asarray(keras.ops.convert_to_numpy(layer.kernel))
        self.groups = kernel.shape[2] if self.depthwise else 1
        kernel = kernel.transpose(2, 3, 0, 1) if self.depthwise else kernel.transpose(OIHW)
        self.kernel = nn.Parameter(
            torch.tensor(kernel.copy()).contiguous(memory_format=torch.channels_last)
        )
        self.bias = nn.Parameter(_tensor(layer.bias)) if layer.use_bias else None

    def forward(self, x: Any) -> Any:
        padding: Any = 0
        if self.same:
            pads = [self._pad(x.shape[2 + axis], axis) for axis in (0, 1)]
            if all(low == high for low, high in pads):
                padding = tuple(low for low, _ in pads)
            else:
                x = functional.pad(x, (*pads[1], *pads[0]))
        x = self._convolve(x, padding)
        return functional.relu(x, inplace=True) if self.active else x

    def _convolve(self, x: Any, padding: Any) -> Any:
        """In bf16 a CPU takes the gradients of depthwise kernels so slowly that a step of a
        MobileNet is half as long again as with these in float32."""
        exact = self.depthwise and x.device.type == "cpu"
        context = torch.autocast("cpu", enabled=False) if exact else nullcontext()
        with context:
            result = functional.conv2d(
                x.to(self.kernel.dtype) if exact else x,
                self.kernel,
                self.bias,
                self.stride,
                padding,
                groups=self.groups,
            )
        return result.to(x.dtype) if exact else result

    def _pad(self, size: int, axis: int) -> tuple[int, int]:
        """TensorFlow's "same": the odd pixel goes behind."""
        stride, kernel = self.stride[axis], self.kernel.shape[2 + axis]
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        return total // 2, total - total // 2

    def take_in(self, norm: Normalisation) -> None:
        """Scale and shift as the batch norm behind it would, with the statistics it has now."""
        with torch.no_grad():
            scale = norm.gamma / torch.sqrt(norm.variance + norm.epsilon)
            self.kernel.mul_(scale[:, None, None, None])
            bias = 0 if self.bias is None else self.bias
            self.bias = nn.Parameter(norm.beta + (bias - norm.mean) * scale)

    def weights(self) -> Iterator[tuple[Any, tuple[int, ...]]]:
        yield self.kernel, (2, 3, 0, 1) if self.depthwise else HWIO
        if self.bias is not None:
            yield self.bias, (0,)


class Normalisation(nn.Module):
    """A BatchNormalization over the channels of NCHW."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.momentum, self.epsilon = 1 - layer.momentum, layer.epsilon
        self.gamma = nn.Parameter(_tensor(layer.gamma))
        self.beta = nn.Parameter(_tensor(layer.beta))
        self.register_buffer("mean", _tensor(layer.moving_mean))
        self.register_buffer("variance", _tensor(layer.moving_variance))

    def forward(self, x: Any) -> Any:
        return functional.batch_norm(
            x,
            self.mean,
            self.variance,
            self.gamma,
            self.beta,
            self.training,
            self.momentum,
            self.epsilon,
        )

    def weights(self) -> Iterator[tuple[Any, tuple[int, ...]]]:
        for weight in (self.gamma, self.beta, self.mean, self.variance):
            yield weight, (0,)


class Linear(nn.Module):
    """A Dense layer."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.active = layer.activation is keras.activations.relu
        self.kernel = nn.Parameter(_tensor(layer.kernel).T.contiguous())
        self.bias = nn.Parameter(_tensor(layer.bias))

    def forward(self, x: Any) -> Any:
        x = functional.linear(x, self.kernel, self.bias)
        return functional.relu(x) if self.active else x

    def weights(self) -> Iterator[tuple[Any, tuple[int, ...]]]:
        yield self.kernel, (1, 0)
        yield self.bias, (0,)


class Plain(nn.Module):
    """A layer without weights; UsageError for one that is not known here."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        kind = type(layer)
        if kind not in PLAIN:
            raise UsageError(f"expected a layer that the PyTorch twin knows, found {layer.name}")
        self.run = PLAIN[kind]
        self.settings = (layer,)  # Keras' layers are modules here: this keeps their dice outside

    def forward(self, *inputs: Any) -> Any:
        return self.run(self.settings[0], self.training, *inputs)

    def weights(self) -> Iterator[tuple[Any, tuple[int, ...]]]:
        yield from ()


PLAIN: dict[type, Any] = {  # (layer, whether it is in training, inputs) → output, NCHW
    keras.layers.Rescaling: lambda layer, _, x: x * layer.scale + layer.offset,
    keras.layers.ReLU: lambda _layer, _, x: functional.relu(x, inplace=True),
    keras.layers.Add: lambda _layer, _, *inputs: torch.add(*inputs),
    keras.layers.MaxPooling2D: lambda layer, _, x: functional.max_pool2d(
        x, layer.pool_size, layer.strides
    ),
    keras.layers.GlobalAveragePooling2D: lambda _layer, _, x: x.mean((2, 3)),
    # Keras counts channels last.
    keras.layers.Flatten: lambda _layer, _, x: x.permute(0, 2, 3, 1).flatten(1),
    keras.layers.Dropout: lambda layer, training, x: functional.dropout(x, layer.rate, training),
}


class Twin(nn.Module):
    """A functional Keras net in PyTorch: uint8-range RGB (n, H, W, 3) in, logits out."""

    def __init__(self, net: keras.Model) -> None:
        super().__init__()
        self.parts = nn.ModuleList()
        self.wires: list[tuple[list[int], int]] = []
        known = {id(net.inputs[0]): 0}
        for layer in net.layers[1:]:
            sources = layer.input if isinstance(layer.input, list) else [layer.input]
            known[id(layer.output)] = len(known)
            self.wires.append(([known[id(source)] for source in sources], known[id(layer.output)]))
            self.parts.append(_part(layer))
        self.last = {source: n for n, (sources, _) in enumerate(self.wires) for source in sources}

    def forward(self, images: Any) -> Any:
        values = {0: images.permute(0, 3, 1, 2)}
        for number, (part, (sources, target)) in enumerate(
            zip(self.parts, self.wires, strict=True)
        ):
            values[target] = part(*(values[source] for source in sources))
            for source in sources:
                if self.last[source] == number:
                    del values[source]
        return values[self.wires[-1][1]]

    def fold(self) -> None:
        """Take each batch norm into the convolution before it: for a net that learns no more."""
        used = Counter(source for sources, _ in self.wires for source in sources)
        made = {target: part for part, (_, target) in zip(self.parts, self.wires, strict=True)}
        for number, (part, (sources, _)) in enumerate(zip(self.parts, self.wires, strict=True)):
            before = made.get(sources[0])
            if not isinstance(part, Normalisation) or not isinstance(before, Convolution):
                continue
            if used[sources[0]] == 1 and not before.active:
                before.take_in(part)
                self.parts[number] = nn.Identity()

    def places(self) -> list[tuple[Any, tuple[int, ...]]]:
        """Every weight in the order of the Keras net's, with the axes that Keras wants."""
        return [pair for part in self.parts for pair in part.weights()]


def _part(layer: Any) -> nn.Module:
    if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
        return Convolution(layer)
    if isinstance(layer, keras.layers.BatchNormalization):
        return Normalisation(layer)
    return Linear(layer) if isinstance(layer, keras.layers.Dense) else Plain(layer)


def _tensor(weight: Any) -> Any:
    return torch.tensor(np.asarray(keras.ops.convert_to_numpy(weight)).copy())


def _device() -> Any:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _logits(twin: Twin, images: Array, device: Any, number: Any) -> NDArray[np.float32]:
    """`number` is what the twin computes in: torch.float32 or torch.bfloat16."""
    twin.eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(images), PREDICT_BATCH):
            batch = torch.from_numpy(np.ascontiguousarray(images[start : start + PREDICT_BATCH]))
            parts.append(twin(batch.to(device, number)).float().cpu().numpy())
    return np.concatenate(parts)


def frozen(net: keras.Model) -> Predict:
    """The logits of a net that learns no more."""
    device = _device()
    number = torch.bfloat16 if has_bf16(device) else torch.float32
    twin = Twin(net)
    twin.fold()
    twin.to(device, number)
    return lambda images: _logits(twin, images, device, number)


class TorchSteps:
    """See `training.steps.Steps`."""

    def __init__(self, net: keras.Model, settings: Settings) -> None:
        self._settings, self._device = settings, _device()
        self._twin, self._mean = Twin(net).to(self._device), Twin(net).to(self._device)
        kernels = [p for p in self._twin.parameters() if p.dim() > 1]
        others = [p for p in self._twin.parameters() if p.dim() == 1]
        groups = [
            {"params": kernels, "weight_decay": settings.decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self._optimiser = torch.optim.AdamW(groups, lr=0.0, fused=True)
        self._now, self._kept = (
            [weight for weight, _ in twin.places()] for twin in (self._twin, self._mean)
        )
        self._count = 0

    def step(self, images: Array, targets: Array, rate: float) -> float:
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._twin.train()
        batch = torch.from_numpy(images).to(self._device).float()
        with fast(self._device):
            logits = self._twin(batch)
        wanted = torch.from_numpy(targets).to(self._device)
        loss = functional.cross_entropy(logits.float(), wanted)
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(self._kept, self._now, 1 - self._settings.keep(self._count))
        self._count += 1
        return float(loss.detach())

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        # In float32, as the written file answers: bf16 makes two close logits equal.
        return _logits(self._mean, images, self._device, torch.float32)

    def averaged(self) -> list[Array]:
        return [
            weight.detach().cpu().numpy().transpose(axes) for weight, axes in self._mean.places()
        ]

    def seed(self, number: int) -> None:
        torch.manual_seed(number)

    def _tensors(self) -> list[Any]:
        moments = [
            self._optimiser.state[p][key]
            for group in self._optimiser.param_groups
            for p in group["params"]
            for key in ("exp_avg", "exp_avg_sq", "step")
        ]
        return [*self._now, *self._kept, *moments]

    def state(self) -> dict[str, Array]:
        """A step with a rate of 0 makes the optimiser's moments where there was none yet."""
        if not self._count:
            self._prepare()
        values = {f"v{n}": t.detach().cpu().numpy() for n, t in enumerate(self._tensors())}
        return {**values, "count": np.array(self._count)}

    def load(self, state: dict[str, Array]) -> None:
        self._prepare()
        tensors = self._tensors()
        refuse_other_shapes(state, [tuple(tensor.shape) for tensor in tensors])
        with torch.no_grad():
            for number, tensor in enumerate(tensors):
                tensor.copy_(torch.from_numpy(state[f"v{number}"]))
        self._count = int(state["count"])

    def _prepare(self) -> None:
        for parameter in self._twin.parameters():
            parameter.grad = torch.zeros_like(parameter)
        for group in self._optimiser.param_groups:
            group["lr"] = 0.0
        self._optimiser.step()
