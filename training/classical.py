"""Trains what came before nets: features made by hand, and a linear support vector machine.

    python -m training.classical --features hog --run runs/hog

It learns and watches the same crops as `training.classifier`, and leaves the same record in the
run's folder, so that their figures can stand side by side; the machine itself is `weights.npz`.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2gray
from skimage.feature import canny, hog
from sklearn.svm import LinearSVC
from tqdm import tqdm

from models.errors import SourceError, UsageError, run_command
from training.crops import Crops
from training.feed import Look, undisturbed
from training.gather import Choice, gather, learnt_parts
from training.runs import (
    CLASSES,
    RECIPE,
    Range,
    make_folder,
    meant,
    read_json,
    refuse_finished,
    refuse_fold_of_none,
    refuse_other_limit,
    refuse_other_recipe,
    refuse_out_of_range,
    run_training,
)
from training.views import Image
from training.watched import FILE, Answers, figures, margin, write_answers

WEIGHTS = "weights.npz"
TOLERANCE = 1e-2  # ten times finer moved no figure by half a point
HUES, SATURATIONS, BRIGHTNESSES = 12, 4, 4
EDGE_SCALE = 1.0  # px, of Canny's derivative
EDGE_BLUR = 2.0  # px: an edge may lie a little elsewhere
EDGE_SIZE = 24
HOG_CELL = 6  # px: 8 × 8 cells on a crop
HOG_BLOCK = 2  # cells
HOG_ANGLES = 9


RANGES = {
    "cost": Range(0, above=True),
    **dict.fromkeys(("folds", "fold", "drawn"), Range(0)),
    "seed": Range(0, 2**32 - 1),
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the weights, besides data."""

    data: str = meant("gtsrb", "gtsrb, or a folder of class folders")
    parts: str = meant("train", "what is learnt: train, choose, judge joined by +, or all")
    folds: int = meant(0, "divide train and choose together by sign; 0: choose is watched")
    fold: int = meant(0, "which of the folds is watched, not learnt")
    features: str = meant("hog", "what the machine sees: colour, edges or hog")
    cost: float = meant(1.0, "of a wrong answer, against wide margins")
    drawn: int = meant(0, "drawn crops a class")
    seed: int = meant(0, "of the drawn crops and the machine")

    def __post_init__(self) -> None:
        """UsageError for what cannot be trained, as far as that shows without data."""
        if self.features not in FEATURES:
            raise UsageError(
                f"--features: expected one of {', '.join(FEATURES)}, found {self.features!r}"
            )
        refuse_out_of_range(self, RANGES)
        refuse_fold_of_none(self.folds, self.fold)


def colour(image: Image) -> NDArray[np.float32]:
    """How often each colour occurs, wherever it is: 12 hues × 4 saturations × 4 brightnesses.

    The square root keeps a large ground from drowning a thin red rim.
    """
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    bins = [HUES, SATURATIONS, BRIGHTNESSES]
    counts = cv2.calcHist([hsv], [0, 1, 2], None, bins, [0, 180, 0, 256, 0, 256]).ravel()
    return np.asarray(np.sqrt(counts / counts.sum()), np.float32)


def edges(image: Image) -> NDArray[np.float32]:
    """Where edges are (Canny, 1986), blurred and made smaller: 24 × 24."""
    found = canny(rgb2gray(image), sigma=EDGE_SCALE).astype(np.float32)
    soft = cv2.GaussianBlur(found, (0, 0), EDGE_BLUR)
    small = cv2.resize(soft, (EDGE_SIZE, EDGE_SIZE), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32).ravel()


def gradients(image: Image) -> NDArray[np.float32]:
    """Histograms of oriented gradients (Dalal and Triggs, 2005)."""
    found = hog(
        image,
        orientations=HOG_ANGLES,
        pixels_per_cell=(HOG_CELL, HOG_CELL),
        cells_per_block=(HOG_BLOCK, HOG_BLOCK),
        transform_sqrt=True,
        channel_axis=-1,
    )
    return np.asarray(found, np.float32)


FEATURES: dict[str, Callable[[Image], NDArray[np.float32]]] = {
    "colour": colour,
    "edges": edges,
    "hog": gradients,
}


def described(crops: Crops, recipe: Recipe, what: str) -> NDArray[np.float32]:
    """The features of all crops as the device would see them: (n, features)."""
    describe = FEATURES[recipe.features]
    images = undisturbed(crops, Look("rgb", "none"), margin(recipe.data))
    bar = tqdm(images, desc=f"{recipe.features} {what}", unit="", mininterval=5)
    return np.stack([describe(image) for image in bar])


def fit(
    features: NDArray[np.float32], labels: NDArray[np.int64], recipe: Recipe
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights (present classes, features) and offsets (present classes,), one class against all."""
    machine = LinearSVC(C=recipe.cost, dual="auto", tol=TOLERANCE, random_state=recipe.seed)
    machine.fit(features, labels)
    weights, offsets = machine.coef_, machine.intercept_
    if len(weights) == 1:  # two classes share one border
        weights, offsets = np.concatenate([-weights, weights]), np.concatenate([-offsets, offsets])
    return weights.astype(np.float32), offsets.astype(np.float32)


def decide(
    features: NDArray[np.float32], machine: dict[str, NDArray[Any]], outputs: int
) -> NDArray[np.float32]:
    """Decision values (n, outputs); a class that was never seen lies below all others."""
    values = features @ machine["weights"].T + machine["offsets"]
    logits = np.repeat(values.min(axis=1, keepdims=True) - 1, outputs, axis=1)
    logits[:, machine["classes"]] = values
    return np.asarray(logits, np.float32)


def train(recipe: Recipe, run: Path, limit: int | None = None, until: int | None = None) -> Path:
    """Train and return the file of the weights."""
    if until is not None:
        raise UsageError("--until: expected none, because there are no epochs to stop after")
    make_folder(run)
    if (run / RECIPE).exists():
        saved = read_json(run / RECIPE, dict)
        refuse_other_recipe(run / RECIPE, saved.get("recipe", {}), recipe)
        refuse_other_limit(run / RECIPE, _limit_of(saved.get("command", "")), limit)
        return run / WEIGHTS
    refuse_finished(run, WEIGHTS)
    choice = Choice(
        recipe.data, recipe.parts, recipe.folds, recipe.fold, recipe.drawn, recipe.seed, limit
    )
    data = gather(choice)
    outputs = len(data.classes)
    if len(np.unique(data.train.labels)) < 2:
        raise SourceError(f"{recipe.data}: expected two classes or more to tell apart, found one")
    started = time.monotonic()
    features = described(data.train, recipe, "to train on")
    print(f"{len(features)} crops, {len(data.watched.labels)} watched ({data.part})", flush=True)
    weights, offsets = fit(features, data.train.labels, recipe)
    seconds = time.monotonic() - started
    machine = {"weights": weights, "offsets": offsets, "classes": np.unique(data.train.labels)}
    learnt = figures(decide(features, machine, outputs), data.train.labels)
    logits = decide(described(data.watched, recipe, data.part), machine, outputs)
    entry = figures(logits, data.watched.labels)
    cost = {"parameters": weights.size + offsets.size, "multiply_adds": weights.size}
    print(f"{data.part}: {entry['choose']:.4f}; {cost['parameters']} parameters")
    log = [{"loss": learnt["choose_nll"], "rate": 0.0, **entry, "seconds": seconds}]
    np.savez_compressed(run / WEIGHTS, **machine)
    write_answers(run / FILE, Answers(logits, data.watched.labels, data.names, data.part))
    (run / CLASSES).write_text(json.dumps(data.classes))
    (run / "log.json").write_text(json.dumps(log, indent=1))
    (run / "cost.json").write_text(json.dumps(cost))
    return run / WEIGHTS


def _limit_of(command: str) -> int | None:
    words = shlex.split(command)
    return int(words[words.index("--limit") + 1]) if "--limit" in words else None


def origin(recipe: Recipe) -> list[dict[str, Any]]:
    """The data a recipe trains on."""
    return [{"data": recipe.data, "parts": learnt_parts(recipe.parts, recipe.folds)}]


if __name__ == "__main__":
    run_command(lambda: run_training("training.classical", __doc__, Recipe, lambda: train, origin))
