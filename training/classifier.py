"""Trains a classifier: any net of `training.nets`, on GTSRB with drawn signs and negatives, or on
any folder of class folders.

    python -m training.classifier --run runs/classifier
    python -m training.classifier --architecture lenet --data data/cifar10 --run runs/lenet

Every epoch leaves `last.npz` in the run's folder; the same command continues from it after a kill.
The finished float model is `final.keras`, with averaged weights where `--average` asks for them.
With KERAS_BACKEND=torch the same net is trained by PyTorch.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from models.errors import UsageError, run_command
from models.imaging import CROP_SIZE
from training.augment import LEVELS, PARTS, Augmentation
from training.crops import BALANCES, STORED
from training.feed import COLOURS, CONTRASTS, Look
from training.gather import learnt_parts
from training.runs import (
    Range,
    Train,
    meant,
    refuse_fold_of_none,
    refuse_out_of_range,
    run_training,
)

FINAL = "final.keras"
# Those of training.nets, which takes seconds to load.
ARCHITECTURES = (
    *("naive", "lenet", "plain", "plain16", "branched", "residual", "pooled", "mobilenet"),
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the weights, besides data and hardware."""

    data: str = meant("gtsrb", "gtsrb, or a folder of class folders")
    parts: str = meant("train", "what is learnt: train, choose, judge joined by +, or all")
    folds: int = meant(0, "divide train and choose together by sign; 0: choose is watched")
    fold: int = meant(0, "which of the folds is watched, not learnt")
    architecture: str = meant("plain", "one of " + ", ".join(ARCHITECTURES))
    width: float = meant(1.0, "times as many channels, in the nets that take it")
    size: int = meant(CROP_SIZE, "px across that the net sees; the device shows the default")
    dropout: float = meant(0.2, "share of the values before the last layer")
    epochs: int = meant(45, "how often so many samples are learnt")
    samples: int = meant(36_000, "crops an epoch")
    batch: int = meant(64, "crops a step")
    rate: float = meant(4e-3, "highest learning rate")
    schedule: str = meant("cosine", "of the rate: cosine or constant")
    decay: float = meant(1e-2, "weight decay, AdamW's")
    warmup: float = meant(1.0, "epochs until the rate is at its highest")
    average: float = meant(0.0, "what a step keeps of the weights' moving average; 0: no average")
    smoothing: float = meant(0.05, "share of the target that is spread over all classes")
    augment: str = meant("full", "how the crops are disturbed: " + ", ".join(LEVELS))
    without: str = meant("", f"left out of it, joined by ,: some of {','.join(PARTS)}")
    flips: float = meant(0.0, "how often a crop that may be mirrored is")
    balance: str = meant("none", "of the classes: " + ", ".join(BALANCES))
    colour: str = meant("rgb", "what the net sees: " + " or ".join(COLOURS))
    contrast: str = meant("none", "evened before the net: " + ", ".join(CONTRASTS))
    drawn: int = meant(60, "drawn crops a class")
    foreign: float = meant(0.10, "share of the samples that are other road signs")
    background: float = meant(0.15, "share of the samples that are no sign")
    pretrained: str = meant("", "a run whose weights, but for the last layer, are started from")
    teachers: str = meant("", "runs to imitate, joined by ,")
    trust: float = meant(0.7, "the teachers' share of the target")
    softness: float = meant(2.0, "temperature of the teachers' answers")
    patience: int = meant(0, "epochs without a better loss on what is watched, then stop; 0: never")
    seed: int = meant(0, "of the weights, the order and the disturbances")

    def __post_init__(self) -> None:
        refuse_nonsense(self)


SHARE, POSITIVE, COUNTED = Range(0, 1), Range(0, above=True), Range(1)
RANGES = {
    **dict.fromkeys(("dropout", "average", "smoothing", "flips", "trust"), SHARE),
    **dict.fromkeys(("foreign", "background"), SHARE),
    **dict.fromkeys(("width", "rate", "softness"), POSITIVE),
    **dict.fromkeys(("epochs", "samples", "batch"), COUNTED),
    **dict.fromkeys(("decay", "warmup", "drawn", "patience"), Range(0)),
    "size": Range(16, STORED),  # the smallest that LeNet's layers leave something of
    "seed": Range(0, 2**32 - 1),
}
WORDS = {
    "architecture": ARCHITECTURES,
    "schedule": ("cosine", "constant"),
    "balance": tuple(BALANCES),
}


def refuse_nonsense(recipe: Recipe) -> None:
    """UsageError for what cannot be trained, as far as that shows without data."""
    refuse_out_of_range(recipe, RANGES)
    refuse_fold_of_none(recipe.folds, recipe.fold)
    if recipe.samples < recipe.batch:
        raise UsageError(f"--samples: expected a --batch or more, found {recipe.samples}")
    if recipe.foreign + recipe.background >= 1:
        raise UsageError(
            f"--foreign and --background: expected shares that leave one for the signs, "
            f"found {recipe.foreign:g} and {recipe.background:g}"
        )
    known = set(learnt_parts("all", 0))
    if recipe.data == "gtsrb" and not set(learnt_parts(recipe.parts, 0)) <= known:
        raise UsageError(
            f"--parts: expected all, or some of train, choose, judge joined by +, found "
            f"{recipe.parts!r}"
        )
    for name, words in WORDS.items():
        if (found := getattr(recipe, name)) not in words:
            raise UsageError(f"--{name}: expected one of {', '.join(words)}, found {found!r}")
    Augmentation(recipe.augment, recipe.without)
    Look(recipe.colour, recipe.contrast)


def origin(recipe: Recipe) -> list[dict[str, Any]]:
    """The data a recipe trains on, as a published model names it."""
    parts = learnt_parts(recipe.parts, recipe.folds)
    if recipe.data != "gtsrb":
        return [{"data": recipe.data, "parts": parts}]
    return [
        {"data": "gtsrb", "parts": parts},
        {"data": "gtsdb", "parts": _street_parts(recipe), "use": "crops that are none of the 43"},
        {"data": "drawn signs", "count": recipe.drawn, "seed": recipe.seed},
    ]


def _street_parts(recipe: Recipe) -> list[str]:
    return ["train", "judge"] if recipe.parts == "all" else ["train"]


def load() -> Train:
    """The training itself, which needs Keras; UsageError for a framework that it does not know."""
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend not in ("tensorflow", "torch"):
        raise UsageError(f"KERAS_BACKEND: expected tensorflow or torch, found {backend!r}")
    from training.classifier_training import train  # noqa: PLC0415 – takes seconds: flags come first

    return train


if __name__ == "__main__":
    run_command(lambda: run_training("training.classifier", __doc__, Recipe, load, origin))
