"""Pairing published detectors, as far as it needs no training packages."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from small_models import classifier_bytes, classifier_spec, detector_bytes, detector_spec

from calibration import publish_detector as publishing
from calibration.candidate import Target, write
from calibration.publish_detector import _knows_judge, pair, pair_all, publish_detector
from calibration.twins import identity, like_twin
from models.errors import ModelError
from models.spec import Pair, Spec, load_spec
from training.detector import Recipe, origin
from training.runs import write_recipe

DATA = detector_bytes()
FIGURES = {"judge": {"ap50": 0.9}, "system": {"f1": 0.8}, "cost": {"bytes": 1}}


def detector(name: str, **changes: Any) -> Spec:
    return detector_spec(DATA, name=name, file=f"{name}.tflite", **changes)


@pytest.fixture
def classifier(tmp_path: Path) -> tuple[str, str]:
    """The path of a classifier's JSON, and its hash."""
    data = classifier_bytes()
    path = write(classifier_spec(data), data, tmp_path)
    return str(path), load_spec(path).sha256


@pytest.mark.parametrize(
    ("data", "knows"),
    [
        ([{"data": "gtsdb", "parts": ["train"]}], False),
        (
            [{"data": "drawn scenes", "count": 3}, {"data": "gtsdb", "parts": ["train", "judge"]}],
            True,
        ),
        ([{"data": "weights", "file": "judge"}], False),
        ([], False),
    ],
)
def test_a_run_that_learnt_from_the_judged_pictures_is_known(
    data: list[dict[str, Any]], knows: bool
) -> None:
    assert _knows_judge({"data": data}) is knows


def test_a_twin_looks_at_pictures_of_the_same_size(tmp_path: Path) -> None:
    """It would lend figures of another model otherwise."""
    write(detector("t", metrics=FIGURES), DATA, tmp_path)
    record = {
        "recipe": {},
        "data": [{"data": "gtsdb", "parts": ["train", "judge"]}],
        "command": "",
        "commit": "",
    }
    (tmp_path / "recipe.json").write_text(json.dumps(record))
    target, twin = Target("new", "0", tmp_path), str(tmp_path / "t.json")
    with pytest.raises(ModelError, match=r"expected an input of \(64, 32\).*found \(32, 16\)"):
        publish_detector(tmp_path, target, (64, 32), "classifier", twin)


def test_the_training_of_a_fold_is_not_published(tmp_path: Path) -> None:
    """It has seen most of the judged pictures, and no twin of it held all of them out."""
    recipe = Recipe(weights="none", folds=3)
    write_recipe(tmp_path, recipe, origin(recipe), "")
    with pytest.raises(ModelError, match="expected a net whose folds is 0, found 3"):
        publish_detector(tmp_path, Target("d", "0", tmp_path), (32, 32), "classifier")


def test_a_detector_with_a_twin_takes_its_pair_and_its_figures(
    tmp_path: Path, classifier: tuple[str, str]
) -> None:
    partner, sha256 = classifier
    twin = detector("detector-twin", pair=Pair(sha256, 0.6), metrics=FIGURES)
    write(twin, DATA, tmp_path)
    whole = like_twin(detector("detector"), twin)
    path = pair(whole, DATA, tmp_path, partner)
    found = load_spec(path)
    assert found.pair == Pair(sha256, 0.6)
    assert found.metrics == {"judge": {"ap50": 0.9}, "system": {"f1": 0.8}}
    assert found.origin.twin == identity(twin)


@pytest.mark.parametrize(
    ("its", "found"), [(None, "no pair"), (Pair("another", 0.5), "another pair")]
)
def test_the_twin_must_be_paired_first(
    its: Pair | None, found: str, tmp_path: Path, classifier: tuple[str, str]
) -> None:
    twin = detector("detector-twin", pair=its, metrics=FIGURES)
    write(twin, DATA, tmp_path)
    with pytest.raises(ModelError, match=f"to be paired with small first, found {found}"):
        pair(like_twin(detector("detector"), twin), DATA, tmp_path, classifier[0])


def test_all_detectors_are_paired_and_twins_before_those_they_stand_for(
    tmp_path: Path, classifier: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = detector("fast-twin", metrics=FIGURES)
    for spec in (twin, like_twin(detector("detector-fast"), twin), detector("detector")):
        write(spec, DATA, tmp_path)
    paired: list[str] = []

    def keep(spec: Spec, data: bytes, folder: Path, partner: str) -> Path:
        assert (data, folder, partner) == (DATA, tmp_path, classifier[0])
        paired.append(spec.name)
        return folder / f"{spec.name}.json"

    monkeypatch.setattr(publishing, "pair", keep)
    pair_all(tmp_path, classifier[0], None)
    assert paired == ["detector", "fast-twin", "detector-fast"]
    assert pair_all(tmp_path, classifier[0], "detector") == [tmp_path / "detector.json"]


def test_there_must_be_a_detector_to_pair(tmp_path: Path, classifier: tuple[str, str]) -> None:
    with pytest.raises(ModelError, match="expected a published detector, found none"):
        pair_all(tmp_path, classifier[0], None)
    with pytest.raises(ModelError, match="no model file"):
        pair_all(tmp_path, classifier[0], "detector")


def test_a_twin_that_was_published_anew_is_not_the_one_named(
    tmp_path: Path, classifier: tuple[str, str]
) -> None:
    twin = detector("detector-twin", metrics=FIGURES)
    write(dataclasses.replace(twin, version="9"), DATA, tmp_path)
    whole = like_twin(detector("detector"), dataclasses.replace(twin, sha256="b" * 64))
    with pytest.raises(ModelError, match="expected its twin detector-twin with the sha256 bbb"):
        pair(whole, DATA, tmp_path, classifier[0])
