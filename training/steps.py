"""One step of training, behind the same seam for TensorFlow and for PyTorch.

Keras describes the net and stores it; `KERAS_BACKEND` says who computes. On TensorFlow, Keras' own
layers run. On PyTorch, `training.steps_torch` runs the same layers through PyTorch's fused calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # RGB (n, H, W, 3) → logits (n, k)
PREDICT_BATCH = 256


@dataclass(frozen=True, slots=True)
class Settings:
    """What a step needs to know besides the net: decay of the kernels, and of the average.

    `average` is the share of the averaged weights that a step keeps, less at the start.
    """

    decay: float
    average: float

    def keep(self, step: int) -> float:
        """The share kept at a step, counted from 0."""
        return min(self.average, (1 + step) / (10 + step))


class Steps(Protocol):
    """A net in training with its optimiser (AdamW) and its averaged weights."""

    def step(self, images: Array, targets: Array, rate: float) -> float:
        """Learn from uint8 RGB (n, H, W, 3) towards probabilities (n, k); the mean loss."""

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits (n, k) of the averaged weights."""

    def averaged(self) -> list[Array]:
        """The averaged weights, as `keras.Model.set_weights` takes them."""

    def seed(self, number: int) -> None:
        """Start the dice of dropout anew."""

    def state(self) -> dict[str, Array]:
        """Everything that a step changes, by name."""

    def load(self, state: dict[str, Array]) -> None:
        """Continue from what `state` gave; ValueError where the net was another."""


def refuse_other_shapes(state: Mapping[str, Array], shapes: Sequence[tuple[int, ...]]) -> None:
    """ValueError where a state's numbered arrays are not of these shapes."""
    numbered = [name for name in state if name.startswith("v")]
    if len(numbered) != len(shapes):
        raise ValueError(f"{len(numbered)} arrays instead of the net's {len(shapes)}")
    for number, shape in enumerate(shapes):
        if state[f"v{number}"].shape != shape:
            found = state[f"v{number}"].shape
            raise ValueError(f"an array of shape {found} instead of the net's {shape}")


def make_steps(net: keras.Model, settings: Settings) -> Steps:
    """The steps of the framework that Keras runs on."""
    if keras.backend.backend() == "torch":
        from training.steps_torch import TorchSteps  # noqa: PLC0415 – only one framework is loaded

        return TorchSteps(net, settings)
    from training.steps_tensorflow import TensorFlowSteps  # noqa: PLC0415

    return TensorFlowSteps(net, settings)


def frozen(net: keras.Model) -> Predict:
    """The logits of a net that learns no more."""
    if keras.backend.backend() == "torch":
        from training.steps_torch import frozen as frozen_torch  # noqa: PLC0415

        return frozen_torch(net)

    def predict(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(net.predict(images, batch_size=PREDICT_BATCH, verbose=0), np.float32)

    return predict
