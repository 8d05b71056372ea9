"""What a net looks at: its feature maps and Grad-CAM, on either backend of Keras.

Grad-CAM: Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via
Gradient-based Localization", arXiv:1610.02391.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError, UsageError

CELLS = 6  # rows of a map from which its light tells parts of a sign apart
FOLLOWERS = (keras.layers.BatchNormalization, keras.layers.ReLU, keras.layers.Activation)


def load_net(path: Path, outputs: int) -> keras.Model:
    """The float net; ModelError unless it takes square RGB pictures and gives `outputs` logits."""
    try:
        net = keras.models.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path}: expected a Keras model, found {error}") from error
    takes, gives = tuple(net.input_shape), tuple(net.output_shape)
    if len(takes) != 4 or takes[1] != takes[2] or takes[3] != 3 or gives != (None, outputs):
        raise ModelError(
            f"{path}: expected square RGB pictures in and {outputs} logits out, "
            f"found {takes} in and {gives} out"
        )
    return net


Calls = list[tuple[keras.layers.Layer, Any]]


class Maps(NamedTuple):
    """What one convolution hands on, after its batch norm and activation: (n, rows, columns, c)."""

    layer: str
    values: NDArray[np.float32]


def feature_maps(net: keras.Model, images: NDArray[np.uint8]) -> list[Maps]:
    """The maps of every convolution for RGB pictures (n, S, S, 3), first to last; maybe none."""
    with _recording(net) as calls:
        net(_batch(images), training=False)
    return [Maps(name, keras.ops.convert_to_numpy(output)) for name, output in _stages(calls)]


class Heat(NamedTuple):
    """Heat maps (n, rows, columns) of 0–1, and where their cells lie: the centre of the first one
    and the step to the next, in pixels of the net's input, whose first pixel has its centre at 0.
    """

    maps: NDArray[np.float64]
    first: float
    step: float

    def over(self, number: int, side: int) -> NDArray[np.float64]:
        """One map over all of the net's input, (side, side); beyond the outer cells as there."""
        place = np.array([[self.step, 0, self.first], [0, self.step, self.first]])
        fine = cv2.warpAffine(
            self.maps[number], place, (side, side), flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        return np.asarray(fine)


def grad_cam(net: keras.Model, images: NDArray[np.uint8], outputs: Sequence[int]) -> Heat | None:
    """Where each picture speaks for its output; the strongest place is 1.

    The maps are those that the last convolution with CELLS rows hands on, or where none has so
    many the last with more than one place; each channel weighs as much as the mean gradient of the
    logit says. A heat map is 0 throughout where nothing speaks for the output. None for a net
    without such a convolution.
    """
    chosen = keras.ops.one_hot(np.asarray(outputs), net.output_shape[-1])
    grids: dict[int, tuple[float, float]] = {}

    def forward(batch: Any) -> tuple[Any, Any]:
        with _recording(net) as calls:
            logits = net(batch, training=False)
        grids.update(_grids(calls, images.shape[1]))
        stages = [output for _, output in _stages(calls)]
        fine = [output for output in stages if output.shape[1] >= CELLS]
        wide = fine or [output for output in stages if output.shape[1] * output.shape[2] > 1]
        return keras.ops.sum(logits * chosen), wide[-1] if wide else None

    maps, gradients = _gradient(forward, _batch(images))
    if maps is None:
        return None
    weights = gradients.mean(axis=(1, 2), keepdims=True)  # (n, 1, 1, c)
    heat = np.maximum((weights * maps).sum(axis=3), 0)
    most = heat.max(axis=(1, 2), keepdims=True)
    even = images.shape[1] / heat.shape[1]
    first, step = grids.get(heat.shape[1], ((even - 1) / 2, even))
    return Heat(np.asarray(heat / np.where(most > 0, most, 1)), first, step)


def _grids(calls: Calls, side: int) -> dict[int, tuple[float, float]]:
    """Side of the maps → centre of the first cell and step, in pixels of the input.

    The first layer that makes maps smaller tells: its windows begin in the padding, so that they
    lie otherwise than the picture cut into as many pieces.
    """
    grids, last = {side: (0.0, 1.0)}, side
    for layer, output in calls:
        window = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
        if window is None or len(output.shape) != 4 or output.shape[1] >= last:
            continue
        size, (first, step) = int(output.shape[1]), grids[last]
        window, stride = window[0], layer.strides[0]
        missing = (size - 1) * stride + window - last if layer.padding == "same" else 0
        centre = (window - 1) / 2 - max(missing, 0) // 2
        grids[size], last = (first + step * centre, step * stride), size
    return grids


def _gradient(forward: Callable[[Any], tuple[Any, Any]], batch: Any) -> tuple[Any, Any]:
    """The maps that `forward` gives, and the gradient of its score by them: the backends' seam."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415 – only the backend in use is loaded

        with tf.GradientTape() as tape:
            tape.watch(batch)
            score, maps = forward(batch)
        gradients = None if maps is None else tape.gradient(score, maps)
    elif backend == "torch":
        import torch  # noqa: PLC0415

        score, maps = forward(batch.requires_grad_())
        gradients = None if maps is None else torch.autograd.grad(score, maps)[0]
    else:
        raise UsageError(f"KERAS_BACKEND: expected tensorflow or torch, found {backend}")
    if maps is None:
        return None, None
    return keras.ops.convert_to_numpy(maps), keras.ops.convert_to_numpy(gradients)


def _batch(images: NDArray[np.uint8]) -> Any:
    return keras.ops.convert_to_tensor(images.astype(np.float32))


@contextmanager
def _recording(net: keras.Model) -> Iterator[Calls]:
    """Every layer's output in the order of the calls, however deep the nets lie in each other.

    Models that end inside of another one cannot be built across nested nets; listening can.
    """
    calls: Calls = []

    def listen(layer: keras.layers.Layer) -> Callable[..., Any]:
        call = layer.call

        def heard(*arguments: Any, **options: Any) -> Any:
            output = call(*arguments, **options)
            calls.append((layer, output))
            return output

        return heard

    layers = list(_leaves(net))
    for layer in layers:
        vars(layer)["call"] = listen(layer)
    try:
        yield calls
    finally:
        for layer in layers:
            del vars(layer)["call"]


def _leaves(net: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in net.layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer)
        else:
            yield layer


def _stages(calls: Calls) -> list[tuple[str, Any]]:
    """Each convolution's name, and its output behind the batch norm and activation that follow."""
    stages: list[tuple[str, Any]] = []
    open_stage = False
    for layer, output in calls:
        if isinstance(layer, keras.layers.Conv2D):
            stages.append((layer.name, output))
            open_stage = True
        elif open_stage and isinstance(layer, FOLLOWERS):
            stages[-1] = (stages[-1][0], output)
        else:
            open_stage = False
    return stages
