"""A model on its way to `models/`: where it goes, how it is written, measured and refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from calibration import evaluate
from models.errors import ModelError, OutputError, SourceError
from models.spec import Origin, Spec

LICENCE = "AGPL-3.0-or-later"
KEPT = (  # of a report's figures, in a model's JSON
    *("top1", "top1_accepted", "refused", "macro_f1", "ece", "nll", "n", "n_groups"),
    "reliability",
    *("ap50", "ap50_95", "precision", "recall", "f1", "false_alarms_per_image", "found"),
    *("read_right_of_found", "foreign_per_image", "n_images", "n_boxes", "threshold", "map50"),
    *("small", "ignoring_foreign", "sign_free", "cross_fitted", "by_height", "by_category"),
    *("kinds", "detected", "severity", "corruptions", "cameras"),
    *("thresholds", "intervals"),
)

DEVICE = {"colour": "rgb", "contrast": "none"}  # what its crops are, in a recipe's words
RECORD = {"recipe": dict, "data": list, "command": str, "commit": str}  # of recipe.json


class Target(NamedTuple):
    """Where a model goes: its name and version, and the folder, `models/` but for tests.

    `seed` picks the crops that range the classifier's activations; nothing else is random.
    """

    name: str
    version: str
    folder: Path
    seed: int = 0


def write(spec: Spec, data: bytes, folder: Path) -> Path:
    """Both files, each through a temporary name, the JSON last; returns the JSON's path."""
    files = {spec.file: data, f"{spec.name}.json": spec.to_json().encode()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / f"{name}.part").write_bytes(content)
        for name in files:
            (folder / f"{name}.part").replace(folder / name)
    except OSError as error:
        raise OutputError(f"publishing into {folder}: {error}") from error
    return folder / f"{spec.name}.json"


def trained(run: Path) -> dict[str, Any]:
    """The run's recipe.json: what it was trained on and by which command."""
    path = run / "recipe.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{run}: expected a finished training run, found {error}") from error
    if not isinstance(found, dict):
        raise SourceError(f"{path}: expected a training's record, found a {type(found).__name__}")
    for key, kind in RECORD.items():
        if not isinstance(found.get(key), kind):
            raise SourceError(
                f"{path}: expected a {kind.__name__} called {key}, found {found.get(key)!r}"
            )
    return found


def refuse_other_crops(recipe: Mapping[str, Any]) -> None:
    """ModelError where a classifier was trained on other crops than the device shows its net."""
    for key, expected in DEVICE.items():
        found = recipe.get(key, expected)  # a recipe of before there was a choice
        if found != expected:
            raise ModelError(
                f"expected a net whose {key} is {expected}, as the device cuts crops, found {found}"
            )


def origin(record: dict[str, Any]) -> Origin:
    return Origin(record["data"], record["commit"], record["command"], LICENCE, "")


def command() -> str:
    return " ".join(["python", "-m", "calibration.publish", *sys.argv[1:]])


def refuse_loss(what: str, figures: dict[str, float], limit: float) -> None:
    print(f"{what}: float {figures['float']:.4f}, int8 {figures['int8']:.4f}")
    if figures["int8"] < figures["float"] - limit:
        raise ModelError(
            f"not published: expected int8 {what} within {limit} of float's "
            f"{figures['float']:.4f}, found {figures['int8']:.4f}"
        )


def evaluated(flags: list[str], staged: Path, name: str, flag: str = "--model") -> dict[str, Any]:
    """What `calibration.evaluate` says of the staged model, with the published one's command."""
    report = staged.with_suffix(".report.json")
    evaluate.main([*flags, flag, str(staged), "--json", str(report), "--progress"])
    measured = json.loads(report.read_text())
    report.unlink()
    kept = {key: measured[key] for key in KEPT if key in measured}
    return {**kept, "command": " ".join(["python -m calibration.evaluate", *flags, flag, name])}
