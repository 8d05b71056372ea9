"""How much of a classifier's accuracy is luck: trainings that differ in their seed only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from calibration.candidate import trained
from calibration.crops import sign_crops
from calibration.quantize import int8_logits, top1
from models.errors import ModelError
from training import datasets

PART = "judge"


def check_seeds(runs: Sequence[Path]) -> list[int]:
    """The seed of each run; ModelError unless their recipes are one but for that."""
    recipes = [trained(run)["recipe"] for run in runs]
    seeds = [int(recipe.get("seed", 0)) for recipe in recipes]
    for run, recipe in zip(runs[1:], recipes[1:], strict=True):
        if differs := _differences(recipes[0], recipe):
            raise ModelError(
                f"--seeds: expected the recipe of {runs[0]} with another seed, found {run}, which "
                f"differs in {', '.join(differs)}"
            )
    if len(set(seeds)) < len(seeds):
        raise ModelError(
            f"--seeds: expected trainings of different seeds, found {', '.join(map(str, seeds))}"
        )
    return seeds


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    keys = sorted((one.keys() | other.keys()) - {"seed"})
    return [key for key in keys if one.get(key) != other.get(key)]


def measure_seeds(seeds: Sequence[int], files: Sequence[bytes]) -> dict[str, Any]:
    """Each seed's int8 file on the judge part: `seed`, `top1`, how many are `wrong`; the mean."""
    gtsrb = datasets.gtsrb()
    labels, crops = sign_crops(gtsrb, datasets.part(gtsrb, PART))
    each = []
    for seed, data in zip(seeds, files, strict=True):
        share = top1(int8_logits(data, crops), labels)
        each.append({"seed": seed, "top1": share, "wrong": round(len(labels) * (1 - share))})
        print(f"seed {seed}: top1 {share:.4f} ({PART})")
    mean = float(np.mean([found["top1"] for found in each]))
    return {"top1": mean, "each": each, "n": len(labels), "part": PART}
