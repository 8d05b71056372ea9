"""Trains the one-class sign detector: an Ultralytics YOLO on random windows of street pictures.

    python -m training.detector --weights yolo11n.pt --run runs/detector
    python -m training.detector --data gtsdb,../my-streets --run runs/mine

--data names any mixture of GTSDB and YOLO folders or zips; --drawn adds drawn scenes. Whatever is
wrong with their pictures, boxes and labels is listed before the training starts.
Every epoch leaves `last.pt` in the run's folder; the same command continues from it after a kill.
The finished float model is `final.pt`, an Ultralytics checkpoint holding the averaged weights.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import SourceError, UsageError, run_command
from training.runs import (
    RECIPE,
    Range,
    Train,
    has_checkpoint,
    meant,
    read_json,
    refuse_fold_of_none,
    refuse_out_of_range,
    run_training,
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the weights, besides data and hardware."""

    model: str = meant("slim", "slim, thin, near, direct, plain, or a model file of Ultralytics")
    weights: str = meant("yolo11n.pt", "to start from: a .pt file, or none")
    data: str = meant("gtsdb", "gtsdb, YOLO folders or zips, joined by ,")
    part: str = meant("train", "of GTSDB: what is learnt, train or all")
    folds: int = meant(0, "divide all GTSDB's pictures; 0: the part is learnt")
    fold: int = meant(0, "which of the folds is not learnt")
    drawn: int = meant(120, "drawn scenes beside the pictures")
    drawn_share: float = meant(0.15, "of the windows that are of drawn scenes")
    pasted: float = meant(0.5, "share of the windows that get signs pasted in")
    epochs: int = meant(30, "how often so many windows are learnt")
    windows: int = meant(1024, "windows an epoch")
    wide: float = meant(
        0.25, "share of the batches with a quarter as many windows of twice the side"
    )
    batch: int = meant(16, "windows a step")
    rate: float = meant(1.2e-3, "highest learning rate")
    decay: float = meant(5e-4, "weight decay")
    warmup: float = meant(1.0, "epochs until the rate is at its highest")
    average: float = meant(0.998, "what a step keeps of the weights' moving average")
    plain: float = meant(0.2, "the last share of the epochs, which runs without mosaics")
    width: int = meant(640, "px of a window, a multiple of 32")
    height: int = meant(384, "px of a window, a multiple of 32")
    seed: int = meant(0, "of the weights, the windows and the disturbances")

    def __post_init__(self) -> None:
        refuse_nonsense(self)


SHARE, POSITIVE, COUNTED = Range(0, 1), Range(0, above=True), Range(1)
RANGES = {
    **dict.fromkeys(("drawn_share", "pasted", "average", "plain", "wide"), SHARE),
    **dict.fromkeys(("epochs", "windows", "batch"), COUNTED),
    **dict.fromkeys(("drawn", "decay", "warmup", "folds", "fold"), Range(0)),
    "rate": POSITIVE,
    "seed": Range(0, 2**32 - 1),
}
LEARNT = "train"
STRIDE = 32  # px: the coarsest of the net's three grids


def refuse_nonsense(recipe: Recipe) -> None:
    """UsageError for what cannot be trained, as far as that shows without data; SourceError where
    the starting weights are not there."""
    refuse_out_of_range(recipe, RANGES)
    weights = Path(recipe.weights)
    if len(weights.parts) > 1 and not weights.is_file():  # Ultralytics may download a bare name
        raise SourceError(f"starting weights {weights}: expected a file, found none")
    begun = len(weights.parts) > 1 and has_checkpoint(weights.parent)
    if begun and not weights.with_name(RECIPE).exists():  # what they have learnt is not noted
        raise UsageError(
            f"--weights: expected those of a finished training, found {weights}, whose training "
            "has not come to its end"
        )
    _refuse_folds(recipe)
    if recipe.windows < recipe.batch:
        raise UsageError(f"--windows: expected a --batch or more, found {recipe.windows}")
    for name in ("width", "height"):
        side = getattr(recipe, name)
        if side < STRIDE or side % STRIDE:
            raise UsageError(f"--{name}: expected a multiple of {STRIDE} px, found {side}")


def _refuse_folds(recipe: Recipe) -> None:
    """UsageError where a fold would not be held out: what is divided is all of GTSDB, and the net
    must not have seen it before."""
    refuse_fold_of_none(recipe.folds, recipe.fold)
    if not recipe.folds:
        return
    if recipe.part != LEARNT:
        raise UsageError(
            f"--part: expected none beside --folds, which divides all of GTSDB, found {recipe.part}"
        )
    if "gtsdb" not in recipe.data.split(","):
        raise UsageError(f"--folds: expected gtsdb among --data, found {recipe.data}")
    if Path(recipe.weights).with_name(RECIPE).exists():
        raise UsageError(
            f"--weights: expected some that have seen nothing of GTSDB beside --folds, found those "
            f"of the run {Path(recipe.weights).parent}"
        )


def origin(recipe: Recipe) -> list[dict[str, Any]]:
    """The data a recipe trains on, as a published model names it."""
    parts = ["train", "judge"] if recipe.part == "all" or recipe.folds else [recipe.part]
    data: list[dict[str, Any]] = [
        {"data": name, "parts": parts}
        if name == "gtsdb"
        else {"data": "yolo", "name": Path(name).name}
        for name in recipe.data.split(",")
    ]
    if recipe.weights != "none":
        weights = Path(recipe.weights)  # Ultralytics leaves what it downloads beside the command
        sha256 = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else ""
        data.append({"data": "weights", "file": weights.name, "sha256": sha256})
        if (record := weights.with_name(RECIPE)).is_file():  # what the net had learnt from before
            before = read_json(record, dict).get("data", [])
            data += [each for each in before if each not in data]
    if recipe.pasted:
        data.append(
            {"data": "gtsrb", "parts": ["train", "choose", "judge"], "use": "cut-out signs"}
        )
    if recipe.drawn:
        data.append({"data": "drawn scenes", "count": recipe.drawn, "seed": recipe.seed})
    return data


def load() -> Train:
    """The training itself, which needs PyTorch."""
    from training.detector_training import train  # noqa: PLC0415 – takes seconds: flags come first

    return train


if __name__ == "__main__":
    run_command(lambda: run_training("training.detector", __doc__, Recipe, load, origin))
