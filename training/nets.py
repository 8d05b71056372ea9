"""The nets that can be trained, by name: uint8-range RGB pictures in, one logit a class out."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

import keras
import numpy as np
from keras import layers

from models.errors import ModelError, UsageError

SLOW_BATCH_NORM = 0.98  # of the running mean a step: a run has few thousand steps


class Shape(NamedTuple):
    """What a net is made for: `size` px square pictures, `classes` outputs.

    `width` multiplies the channels of the nets that say so; `dropout` is the share before the
    last layer.
    """

    size: int
    classes: int
    width: float = 1.0
    dropout: float = 0.0


def naive(shape: Shape) -> keras.Model:
    """What a first tutorial builds: two convolutions with pooling, one hidden layer."""
    image, x = _input(shape)
    for channels in (16, 32):
        x = layers.Conv2D(channels, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    return _output(shape, image, x)


def lenet(shape: Shape) -> keras.Model:
    """LeNet-5's two 5x5 convolutions and two hidden layers (LeCun et al., 1998), with ReLU."""
    image, x = _input(shape)
    for channels in (6, 16):
        x = layers.Conv2D(channels, 5, activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    for units in (120, 84):
        x = layers.Dense(units, activation="relu")(x)
    return _output(shape, image, x)


def plain(shape: Shape) -> keras.Model:
    """Nothing but 3x3 convolution, batch norm and ReLU: what int8 runs best. `width` counts."""
    image, x = _input(shape)
    for channels, stride in PLAIN:
        x = _block(x, _scaled(channels, shape.width), stride)
    return _output(shape, image, layers.GlobalAveragePooling2D()(x))


def plain16(shape: Shape) -> keras.Model:
    """`plain` with its first convolution at full resolution. `width` counts."""
    image, x = _input(shape)
    for channels, stride in PLAIN16:
        x = _block(x, _scaled(channels, shape.width), stride)
    return _output(shape, image, layers.GlobalAveragePooling2D()(x))


def branched(shape: Shape) -> keras.Model:
    """`plain` learning with a 1x1 convolution beside each 3x3 one, as RepVGG's blocks do (Ding et
    al., 2021, arXiv:2101.03697). `merged` makes the net `plain` of it. `width` counts.

    Their third branch, the input itself, has no place where every block changes its shape.
    """
    image, x = _input(shape)
    for channels, stride in PLAIN:
        branches = [_normalised(x, _scaled(channels, shape.width), stride, k) for k in (3, 1)]
        x = layers.ReLU()(layers.Add()(branches))
    return _output(shape, image, layers.GlobalAveragePooling2D()(x))


def residual(shape: Shape) -> keras.Model:
    """A ResNet of basic blocks (He et al., 2015, arXiv:1512.03385). `width` counts.

    Too large for the edge: a teacher, and the best net of the CIFAR-10 ladder.
    """
    image, x = _input(shape)
    x = _stem(x, shape)
    for channels, stride in ((32, 1), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1)):
        x = _basic(x, _scaled(channels, shape.width), stride)
    return _output(shape, image, layers.GlobalAveragePooling2D()(x))


def pooled(shape: Shape) -> keras.Model:
    """Max pooling within pairs of convolutions that soon are wide: learns in few epochs.

    Channels, and pooling before batch norm, as in a CIFAR-10 speed record (Jordan, 2024,
    arXiv:2404.00498). `width` counts.
    """
    image, x = _input(shape)
    x = _stem(x, shape)
    for channels in (64, 256, 256):
        x = layers.MaxPooling2D()(_convolution(x, _scaled(channels, shape.width)))
        x = _block(layers.ReLU()(_norm(x)), _scaled(channels, shape.width))
    return _output(shape, image, layers.GlobalAveragePooling2D()(x))


def mobilenet(shape: Shape) -> keras.Model:
    """Depthwise-separable convolutions as in MobileNet (Howard et al., 2017, arXiv:1704.04861)."""
    image, x = _input(shape)
    x = _block(x, _scaled(32, shape.width), 1)
    for channels, stride in ((64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1)):
        x = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(x)
        x = layers.ReLU()(_norm(x))
        x = _block(x, _scaled(channels, shape.width), kernel=1)
    return _output(shape, image, layers.GlobalAveragePooling2D()(x))


PLAIN16 = ((16, 1), (32, 2), (32, 1), (56, 2), (64, 1), (96, 2), (128, 1))
PLAIN = ((24, 2), (32, 1), (56, 2), (64, 1), (96, 2), (128, 1), (160, 2))

BRANCHED = "branched"
NETS: dict[str, Callable[[Shape], keras.Model]] = {
    "naive": naive,
    "lenet": lenet,
    "plain": plain,
    "plain16": plain16,
    BRANCHED: branched,
    "residual": residual,
    "pooled": pooled,
    "mobilenet": mobilenet,
}


def build(name: str, shape: Shape, seed: int = 0) -> keras.Model:
    """An untrained net, the same for the same seed; UsageError for a name that is none."""
    if name not in NETS:
        raise UsageError(f"--architecture: expected one of {', '.join(NETS)}, found {name!r}")
    keras.utils.set_random_seed(seed)
    return NETS[name](shape)


def load(path: Path) -> keras.Model:
    """A trained net, to be asked only; ModelError where the file is none."""
    try:
        return keras.models.load_model(path, compile=False)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise ModelError(f"{path}: expected a Keras model, found {error}") from error


def merged(net: keras.Model, shape: Shape) -> keras.Model:
    """The net `plain` that answers as a trained `branched` one of this shape does."""
    result = plain(shape)
    pairs = _convolutions(net)
    for (into, norm), wide, narrow in zip(
        _convolutions(result), pairs[::2], pairs[1::2], strict=True
    ):
        kernel, bias = _taken_in(*wide)
        point, more = _taken_in(*narrow)
        # Where "same" padding puts the pixel that a 1x1 convolution of this stride looks at.
        tap = max((into.output.shape[1] - 1) * into.strides[0] + 3 - into.input.shape[1], 0) // 2
        kernel[tap, tap] += point[0, 0]
        into.set_weights([kernel])
        # Nothing is left to normalise: the bias alone.
        one, none = np.ones_like(bias), np.zeros_like(bias)
        norm.set_weights([one, bias + more, none, one - norm.epsilon])
    result.layers[-1].set_weights(net.layers[-1].get_weights())
    return result


def multiply_adds(net: keras.Model) -> int:
    """Multiplications with weights for one picture: convolutions and dense layers."""
    total = 0
    for layer in net.layers:
        if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D):
            _, rows, columns, _ = layer.output.shape
            total += rows * columns * math.prod(layer.kernel.shape)
        elif isinstance(layer, layers.Dense):
            total += layer.kernel.shape[0] * layer.kernel.shape[1]
    return total


def _convolutions(net: keras.Model) -> list[tuple[Any, Any]]:
    """Each convolution with the batch norm behind it."""
    kinds = layers.Conv2D, layers.BatchNormalization
    found = [[layer for layer in net.layers if isinstance(layer, kind)] for kind in kinds]
    return list(zip(*found, strict=True))


def _taken_in(convolution: Any, norm: Any) -> tuple[Any, Any]:
    """Kernel and bias of a convolution that has taken in the batch norm behind it."""
    gamma, beta, mean, variance = norm.get_weights()
    scale = gamma / np.sqrt(variance + norm.epsilon)
    return convolution.get_weights()[0] * scale, beta - mean * scale


def _input(shape: Shape) -> tuple[Any, Any]:
    image = keras.Input((shape.size, shape.size, 3), name="image")
    return image, layers.Rescaling(1 / 255)(image)  # no offset: int8 takes this into the input


def _stem(x: Any, shape: Shape) -> Any:
    """A first convolution that halves what is larger than 32 px."""
    return _block(x, _scaled(32, shape.width), 2 if shape.size > 32 else 1)


def _output(shape: Shape, image: Any, x: Any) -> keras.Model:
    if shape.dropout:
        x = layers.Dropout(shape.dropout)(x)
    return keras.Model(image, layers.Dense(shape.classes, name="logits")(x))


def _scaled(channels: int, width: float) -> int:
    """Channels times the width, a multiple of 8: int8 kernels work on whole vectors."""
    return max(8, round(channels * width / 8) * 8)


def _block(x: Any, channels: int, stride: int = 1, kernel: int = 3) -> Any:
    return layers.ReLU()(_normalised(x, channels, stride, kernel))


def _normalised(x: Any, channels: int, stride: int, kernel: int) -> Any:
    return _norm(_convolution(x, channels, stride, kernel))


def _convolution(x: Any, channels: int, stride: int = 1, kernel: int = 3) -> Any:
    return layers.Conv2D(channels, kernel, stride, padding="same", use_bias=False)(x)


def _norm(x: Any) -> Any:
    return layers.BatchNormalization(momentum=SLOW_BATCH_NORM)(x)


def _basic(x: Any, channels: int, stride: int) -> Any:
    inside = _normalised(_block(x, channels, stride), channels, 1, 3)
    if stride != 1 or x.shape[-1] != channels:
        x = _normalised(x, channels, stride, 1)
    return layers.ReLU()(layers.Add()([x, inside]))
