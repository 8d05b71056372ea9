"""Models that learnt from everything, and the held-out twins that are measured in their place.

What has learnt from every picture has none left to be measured on. Its twin, made by the same
recipe with parts held out, lends it its operating point and its figures, and is published too.
"""

from __future__ import annotations

import dataclasses
import itertools
import shlex
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from models.errors import ModelError
from models.spec import FOLDER, Spec, find_model, load_spec, pair_threshold

OWN_FLAGS = ("--run", "--parts", "--part")  # of a training: what a twin has of its own
OWN_FIGURES = ("quantisation", "cost")  # of a model: what no twin can lend it


def check_twin(
    record: Mapping[str, Any], whole: bool, twin: Spec | None, task: str, measured: Collection[str]
) -> None:
    """ModelError unless there is a twin exactly where nothing was held out, and it was made alike.

    `record` is the run's, `whole` whether it learnt from all parts. The twin must itself be
    `measured` and of the same task and recipe.
    """
    if whole and not twin:
        raise ModelError(
            "not published: expected --twin, the JSON of a model of the same recipe with parts "
            "held out, for a net that was trained on all of them"
        )
    if twin and not whole:
        raise ModelError("not published: expected no --twin for a net with its own held-out parts")
    if twin and twin.task != task:
        raise ModelError(
            f"--twin: expected a {'detector' if task == 'detect' else 'classifier'}, "
            f"found {twin.name}, a model to {twin.task}"
        )
    if twin and (twin.origin.twin or set(measured) - twin.metrics.keys()):
        raise ModelError(
            f"--twin: expected a model with figures of its own for {', '.join(sorted(measured))}, "
            f"found {twin.name} without"
        )
    if twin and (own := _flags(record["command"])) != (other := _flags(twin.origin.command)):
        raise ModelError(
            f"--twin: expected a model of the same recipe ({' '.join(own) or 'no flags'}), "
            f"found {' '.join(other) or 'no flags'}"
        )


def _flags(command: str) -> list[str]:
    """What a training's command says of its recipe, but for what a twin has of its own."""
    words = shlex.split(command)
    pairs = [
        (flag, "" if flag == "--teachers" else value)
        for flag, value in itertools.pairwise(words)
        if flag.startswith("--") and flag not in OWN_FLAGS
    ]
    return [f"{flag} {value}".strip() for flag, value in sorted(pairs)]


def like_twin(spec: Spec, twin: Spec) -> Spec:
    """The model with its held-out twin's operating point and figures."""
    return dataclasses.replace(
        spec,
        temperature=twin.temperature,
        thresholds=twin.thresholds,
        metrics={k: v for k, v in twin.metrics.items() if k not in OWN_FIGURES},
        origin=dataclasses.replace(spec.origin, twin=identity(twin)),
    )


def identity(twin: Spec) -> str:
    """How a model's origin names its twin."""
    return f"{twin.name} {twin.version}, sha256 {twin.sha256}"


def held_out(model: str) -> str:
    """The model to measure: the one of this name itself, or the twin that its JSON names."""
    path = find_model(model)
    spec = load_spec(path)
    if not spec.origin.twin:
        return model
    twin = stand_in(spec, path.parent)
    return twin.stem if path.parent == FOLDER else str(twin)


def stand_in(spec: Spec, folder: Path) -> Path:
    """The JSON of the twin that a model names, beside it; ModelError where it is not that one."""
    name, sha256 = spec.origin.twin.split()[0], spec.origin.twin.split()[-1]
    path = find_model(str(folder / f"{name}.json"))
    found = load_spec(path)
    if found.sha256 != sha256:
        raise ModelError(
            f"{spec.name}: expected its twin {name} with the sha256 {sha256}, found {found.sha256}"
        )
    return path


def pair_score(detector: Spec, classifier: Spec, name: str) -> float:
    """The fused threshold of the two; a classifier that is a twin has that of whom it stands for.

    `name` is what the classifier was loaded by: models that it may stand for lie beside it.
    ModelError where neither they nor it were published with this detector.
    """
    try:
        return pair_threshold(detector, classifier)
    except ModelError:
        for whole in _wholes(classifier, find_model(name).parent):
            if detector.pair and detector.pair.sha256 == whole.sha256:
                return detector.pair.score
        raise


def _wholes(twin: Spec, folder: Path) -> Iterator[Spec]:
    """The models in a folder whose origin names this one as their twin."""
    for path in sorted(folder.glob("*.json")):
        try:
            spec = load_spec(path)
        except ModelError:  # whatever else lies there stands for nobody
            continue
        if spec.origin.twin == identity(twin):
            yield spec
