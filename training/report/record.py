"""What a finished run of the classifier has left in its folder, read and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import ModelError, SourceError
from training.runs import CLASSES, RECIPE, read_json, refuse_no_folder
from training.watched import FILE, Answers, read_answers

NET = "final.keras"
INT8 = "int8.npz"
LOG = "log.json"
OTHER_KIND = "final.pt"  # what a detector's run leaves


@dataclass(frozen=True)
class Record:
    """One finished run. `int8` is None until the net has been quantised.

    `net` is the float model's file; None for a run that trains something else than a net.
    """

    folder: Path
    recipe: dict[str, Any]
    command: str
    commit: str
    log: list[dict[str, float]]
    classes: tuple[str, ...]
    net: Path | None
    watched: Answers
    int8: Answers | None

    @property
    def data(self) -> str:
        """`gtsrb` or the path of another set; runs from before there was a choice had GTSRB."""
        return str(self.recipe.get("data", "gtsrb"))


def read_record(run: Path) -> Record:
    """The record of a run; SourceError says which part of it is missing, or does not fit."""
    refuse_no_folder(run)
    if (run / OTHER_KIND).exists() and not (run / NET).exists():
        raise SourceError(f"{run}: expected a run of the classifier, found one of the detector")
    if not (run / RECIPE).exists():
        log = read_json(run / LOG, list) if (run / LOG).exists() else []
        found = f"one that stopped after epoch {len(log)}" if log else "none"
        raise SourceError(
            f"{run}: expected a finished training run, found {found}; "
            f"`python -m training.classifier --run {run}` starts or continues it"
        )
    missing = [name for name in (FILE, CLASSES, LOG) if not (run / name).exists()]
    if missing:
        raise SourceError(
            f"{run}: expected {', '.join(missing)} beside {RECIPE}, found none; "
            "`python -m training.classifier` writes them at the end of a run"
        )
    origin = read_json(run / RECIPE, dict)
    classes = tuple(str(name) for name in read_json(run / CLASSES, list))
    watched = _answers(run / FILE, len(classes))
    int8 = _answers(run / INT8, len(classes)) if (run / INT8).exists() else None
    if int8 and not set(int8.names) & set(watched.names):
        raise SourceError(
            f"{run / INT8}: expected some of the {len(watched.names)} pictures of {FILE}, "
            "found others: quantise the run again"
        )
    recipe = origin.get("recipe")
    if not isinstance(recipe, dict):
        raise SourceError(f"{run / RECIPE}: expected a recipe, found none")
    return Record(
        folder=run,
        recipe=recipe,
        command=str(origin.get("command", "")),
        commit=str(origin.get("commit", "")),
        log=read_json(run / LOG, list),
        classes=classes,
        net=run / NET if (run / NET).exists() else None,
        watched=watched,
        int8=int8,
    )


def _answers(path: Path, outputs: int) -> Answers:
    found = read_answers(path)
    logits, labels, count = found.logits, found.labels, len(found.names)
    if not count or logits.shape != (count, outputs) or labels.shape != (count,):
        raise ModelError(
            f"{path}: expected {outputs} logits and a label of each of {count} pictures, "
            f"found {logits.shape} logits and {labels.shape} labels"
        )
    if not np.isfinite(logits).all():
        raise ModelError(f"{path}: expected finite logits, found others")
    if labels.min() < 0 or labels.max() >= outputs:
        raise ModelError(
            f"{path}: expected labels of 0 … {outputs - 1}, found {labels.min()} … {labels.max()}"
        )
    return found
