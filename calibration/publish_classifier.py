"""Publishes a classifier: int8, calibrated after quantisation, with all its figures."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from calibration import thresholds
from calibration.candidate import (
    Target,
    command,
    evaluated,
    origin,
    refuse_loss,
    refuse_other_crops,
    trained,
    write,
)
from calibration.cost import multiply_adds
from calibration.crops import representative_crops, sign_crops
from calibration.kinds import measure_kinds, negatives_by_picture, part_of_negatives
from calibration.quantize import draft, int8_logits, top1
from calibration.quantize_classifier import float_logits, load_net, quantize_classifier
from calibration.seeds import check_seeds, measure_seeds
from calibration.twins import check_twin, like_twin
from calibration.walk import Walk
from edge.classifier import load_classifier
from edge.core import Image
from models.errors import ModelError, SourceError
from models.processors import available_threads
from models.signs import label_names
from models.spec import Spec, find_model, load_spec
from training import datasets
from training.corruptions import SEVERITY, in_turn
from training.watched import Answers, write_answers

MAX_TOP1_LOSS = 0.0005  # int8 against float, as fractions
TIMED = 300  # crops that the time of one is the median of
JUDGED = (  # what is measured on the judge part, by its name in the JSON
    ("judge", ("--data", "gtsrb", "--part", "judge", "--corruptions", "--cameras")),
    ("street", ("--data", "gtsdb", "--part", "judge", "--kinds")),
)
MEASURED = {name for name, _ in JUDGED}
PUBLISHED = {  # what a recipe may say, lest something be measured that was learnt
    "data": ("gtsrb",),
    "folds": (0,),
    "parts": ("train", "all"),
}


def publish_classifier(
    run: Path, target: Target, twin: str | None = None, seeds: Sequence[Path] = ()
) -> Path:
    """Quantise a run's float classifier, set temperature and threshold, measure, publish.

    A net that was trained on all parts has nothing left to be measured on: `twin`, a published
    model of the same recipe that held choose and judge out, lends it its temperature, threshold
    and figures; it is published too, so that anyone can measure them again. `seeds` are runs of
    the same recipe with other seeds, whose accuracy is quoted beside it. ModelError where a
    twin is missing or none is expected, and for a net that has learnt from choose or judge without
    having learnt from all, or wants other crops than the device cuts.
    """
    record = trained(run)
    lender = load_spec(find_model(twin)) if twin else None
    _check_recipe(record["recipe"])
    everything = record["recipe"].get("parts") == "all"
    if seeds and everything:
        raise ModelError("--seeds: expected none, as the twin brings its own; name them with it")
    numbers = check_seeds([run, *seeds])
    check_twin(record, everything, lender, "classify", MEASURED)
    net = load_net(run / "final.keras")
    ranging = representative_crops(target.seed)
    data = quantize_classifier(run / "final.keras", ranging)
    gtsrb = datasets.gtsrb()
    chosen = datasets.part(gtsrb, "choose")
    labels, crops = sign_crops(gtsrb, chosen)
    logits, whole = int8_logits(data, crops), float_logits(net, crops)
    names = tuple(example.name for example in chosen)
    write_answers(run / "int8.npz", Answers(logits, labels, names, "choose"))
    accuracy = {"int8": top1(logits, labels), "float": top1(whole, labels)}
    refuse_loss("top1", accuracy, MAX_TOP1_LOSS)
    spec = dataclasses.replace(draft(data, target.name, target.version), origin=origin(record))
    own = {
        "quantisation": {"top1": accuracy, "part": "choose", "command": command()},
        "cost": {**_cost(spec, data, crops, run / "staged"), "command": command()},
    }
    if lender:
        spec = like_twin(spec, lender)
        return write(
            dataclasses.replace(spec, metrics={**spec.metrics, **own}), data, target.folder
        )
    worn = int8_logits(data, in_turn(crops, SEVERITY))
    kinds = [
        thresholds.Looks(logits, labels, thresholds.CLEAN_ECE),
        thresholds.Looks(worn, labels, thresholds.WORN_ECE),
    ]
    temperature = round(thresholds.balanced_temperature(kinds), 4)
    accept = math.floor(thresholds.accept(logits, temperature) * 10_000) / 10_000
    spec = dataclasses.replace(spec, temperature=temperature, thresholds={"accept": accept})
    staged = write(spec, data, run / "staged")
    metrics: dict[str, Any] = {
        name: evaluated(["classifier", *flags], staged, target.name) for name, flags in JUDGED
    }
    metrics |= own
    metrics["accept"] = {**_price(staged), "part": "choose", "command": command()}
    metrics["thresholds_chosen_on"] = "choose"
    if seeds:
        others = [quantize_classifier(other / "final.keras", ranging) for other in seeds]
        metrics["seeds"] = {**measure_seeds(numbers, [data, *others]), "command": command()}
    return write(dataclasses.replace(spec, metrics=metrics), data, target.folder)


def _check_recipe(recipe: Mapping[str, Any]) -> None:
    """ModelError unless the net takes crops as the device cuts them, and nothing leaked."""
    refuse_other_crops(recipe)
    for key, expected in PUBLISHED.items():
        found = recipe.get(key, expected[0])  # a recipe of before there was a choice
        if found not in expected:
            raise ModelError(
                f"not published: expected a net whose {key} is {' or '.join(map(str, expected))}, "
                f"found {found}"
            )
    if recipe.get("parts") != "all":
        _check_ancestors(recipe)


def _check_ancestors(recipe: Mapping[str, Any]) -> None:
    """ModelError where a run that this one imitates or starts from has seen choose or judge."""
    runs = [*recipe.get("teachers", "").split(","), recipe.get("pretrained", "")]
    for run in filter(None, runs):
        its = trained(Path(run))["recipe"]
        data = its.get("data", "gtsrb")
        if data != "gtsrb":
            if _knows_signs(Path(run)):
                raise ModelError(
                    f"not published: expected {run} to have learnt road signs from gtsrb, whose "
                    f"parts are told apart, found {data}"
                )
        elif its.get("parts") != "train" or its.get("folds", 0):
            raise ModelError(
                f"not published: expected {run} to have learnt from the part train alone, as what "
                f"it knows is handed on, found parts {its.get('parts')}, "
                f"{its.get('folds', 0)} folds"
            )
        _check_ancestors(its)


def _knows_signs(run: Path) -> bool:
    """Whether a run's net answers with the signs of the 43."""
    try:
        found = json.loads((run / "classes.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{run}: expected a finished training run, found {error}") from error
    return found == list(label_names())


def _cost(spec: Spec, data: bytes, crops: list[Image], folder: Path) -> dict[str, float]:
    """Bytes, multiply-adds, and milliseconds a crop with one thread (median)."""
    classifier = load_classifier(str(write(spec, data, folder)), threads=1)
    seconds = []
    for image in crops[:TIMED]:
        start = time.perf_counter()
        classifier.probabilities(image)
        seconds.append(time.perf_counter() - start)
    found = {"bytes": len(data), "multiply_adds": multiply_adds(data)}
    return {**found, "ms_one_thread": round(1000 * float(np.median(seconds)), 3)}


def _price(staged: Path) -> dict[str, Any]:
    """What the classifier's threshold keeps and refuses in the streets of the choose part."""
    gtsdb = datasets.gtsdb()
    walk = Walk(gtsdb, part_of_negatives(gtsdb, "choose"))
    classifier = load_classifier(str(staged), available_threads())
    found = measure_kinds(classifier, None, walk, negatives_by_picture())["kinds"]
    kept = {key: found[key] for key in (*found["intervals"], "n")}
    shares = ", ".join(f"{key} {found[key]:.4f}" for key in found["intervals"])
    print(f"accept {classifier.accept}: {shares}")
    return kept
