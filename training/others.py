"""What a run takes over from other runs: the weights it starts from, and its teachers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError, UsageError
from training.feed import Look
from training.nets import load
from training.report.metrics import probabilities
from training.runs import CLASSES, RECIPE, read_json
from training.steps import Predict, frozen


def take_weights(net: keras.Model, path: Path) -> None:
    """All weights but the last layer's of another net; ModelError where they do not fit."""
    found = load(path)
    for mine, other in zip(net.layers[:-1], found.layers[:-1], strict=False):
        shapes = [[tuple(w.shape) for w in layer.weights] for layer in (mine, other)]
        if len(net.layers) != len(found.layers) or shapes[0] != shapes[1]:
            raise ModelError(
                f"{path}: expected the layers of the net that is to be trained, "
                f"found another architecture or width (layer {other.name})"
            )
        mine.set_weights(other.get_weights())


def refuse_other_sight(paths: Sequence[Path], look: Look, classes: Sequence[str]) -> None:
    """UsageError for a teacher that was trained to see in another way than its student, or to tell
    other things apart, as far as its run's folder says."""
    for run in (path.parent for path in paths):
        if (run / RECIPE).exists():
            recipe = read_json(run / RECIPE, dict).get("recipe", {})
            seen = recipe.get("colour", "rgb"), recipe.get("contrast", "none")
            if seen != (look.colour, look.contrast):
                raise UsageError(
                    f"--teachers: expected one that sees --colour {look.colour} --contrast "
                    f"{look.contrast}, found {run} with {seen[0]} and {seen[1]}"
                )
        if (run / CLASSES).exists() and read_json(run / CLASSES, list) != list(classes):
            raise UsageError(f"--teachers: expected the classes of --data, found others in {run}")


def load_teachers(
    paths: Sequence[Path], size: int, classes: int, softness: float
) -> Predict | None:
    """What all teachers together answer: the mean of their probabilities, (n, classes), with their
    logits divided by `softness` (Hinton et al., 2015, arXiv:1503.02531); None without teachers.

    ModelError for a teacher that sees pictures of another `size`, px, or answers with another
    number of classes.
    """
    if not paths:
        return None
    nets = []
    for path in paths:
        net = load(path)
        if net.output_shape[-1] != classes:
            raise ModelError(f"{path}: expected {classes} outputs, found {net.output_shape[-1]}")
        if net.input_shape[1] != size:
            raise ModelError(f"{path}: expected an input of {size} px, found {net.input_shape[1]}")
        nets.append(frozen(net))

    def teach(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        total = np.zeros((len(images), classes), np.float32)
        for net in nets:
            total += probabilities(net(images), softness)
        return np.asarray(total / len(nets), np.float32)

    return teach
