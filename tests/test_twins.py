"""Models that learnt from everything, and who is measured in their place."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from small_models import classifier_bytes, classifier_spec, detector_spec

from calibration.candidate import write
from calibration.twins import check_twin, held_out, identity, like_twin, pair_score
from models.errors import ModelError
from models.spec import Pair, Spec

TWIN = classifier_spec(b"twin", metrics={"judge": {"top1": 0.9}, "street": {}})


MEASURED = {"judge", "street"}


def record(parts: str, flags: str = "") -> dict[str, Any]:
    command = f"python -m training.classifier {flags} --parts {parts} --run runs/x"
    return {"recipe": {"parts": parts}, "command": command}


def check(own: dict[str, Any], twin: Spec | None, task: str = "classify") -> None:
    check_twin(own, own["recipe"]["parts"] == "all", twin, task, MEASURED)


def trained_by(flags: str) -> Spec:
    command = f"python -m training.classifier --run runs/twin {flags}"
    return dataclasses.replace(TWIN, origin=dataclasses.replace(TWIN.origin, command=command))


def test_a_net_trained_on_everything_needs_a_twin() -> None:
    with pytest.raises(ModelError, match="not published: expected --twin"):
        check(record("all"), None)
    check(record("all"), TWIN)


def test_a_twin_is_of_the_same_recipe_but_for_what_was_held_out() -> None:
    own = record("all", "--epochs 26 --teachers runs/teacher-all")
    check(own, trained_by("--teachers runs/teacher --epochs 26"))
    for flags in ("--epochs 26", "--epochs 45 --teachers runs/teacher", ""):
        with pytest.raises(ModelError, match=r"of the same recipe \(--epochs 26 --teachers\)"):
            check(own, trained_by(flags))


def test_a_net_with_parts_held_out_takes_no_twin() -> None:
    with pytest.raises(ModelError, match="expected no --twin"):
        check(record("train"), TWIN)
    check(record("train"), None)


@pytest.mark.parametrize(
    ("twin", "message"),
    [
        (detector_spec(), "--twin: expected a classifier, found small, a model to detect"),
        (classifier_spec(), "figures of its own for judge, street, found small without"),
        (
            dataclasses.replace(TWIN, origin=dataclasses.replace(TWIN.origin, twin="another")),
            "figures of its own for judge, street, found small without",
        ),
    ],
)
def test_a_twin_is_a_classifier_that_was_measured_itself(twin: Spec, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        check(record("all"), twin)


def test_a_pair_is_measured_with_the_twin_of_a_net_that_learnt_everything(tmp_path: Path) -> None:
    data = classifier_bytes()
    twin = dataclasses.replace(classifier_spec(data), name="small-twin")
    path = write(dataclasses.replace(twin, file="small-twin.tflite"), data, tmp_path)
    whole = classifier_spec(data)
    for named, expected in (("", "small.json"), (f"small-twin 1, sha256 {twin.sha256}", path.name)):
        own = dataclasses.replace(whole, origin=dataclasses.replace(whole.origin, twin=named))
        found = held_out(str(write(own, data, tmp_path)))
        assert Path(found) == tmp_path / expected


def test_another_model_under_the_twins_name_is_refused(tmp_path: Path) -> None:
    data = classifier_bytes()
    write(dataclasses.replace(classifier_spec(data), name="t", file="t.tflite"), data, tmp_path)
    own = classifier_spec(data)
    own = dataclasses.replace(own, origin=dataclasses.replace(own.origin, twin="t 1, sha256 beef"))
    with pytest.raises(ModelError, match="expected its twin t with the sha256 beef, found"):
        held_out(str(write(own, data, tmp_path)))


def test_a_twin_lends_its_operating_point_and_its_figures() -> None:
    twin = dataclasses.replace(
        classifier_spec(b"twin", version="1"),
        temperature=0.7,
        thresholds={"accept": 0.55},
        metrics={"judge": {"top1": 0.9}, "cost": {"bytes": 1}, "quantisation": {}},
    )
    own = classifier_spec(b"all", version="2")
    found = like_twin(own, twin)
    assert (found.temperature, found.thresholds) == (0.7, {"accept": 0.55})
    assert found.metrics == {"judge": {"top1": 0.9}}  # its cost and its loss are its own
    assert found.origin.twin == f"small 1, sha256 {twin.sha256}"
    assert (found.sha256, found.version) == (own.sha256, "2")


# --- pairs ---


def test_a_twin_has_the_threshold_of_the_model_that_it_stands_for(tmp_path: Path) -> None:
    data = classifier_bytes()
    twin = dataclasses.replace(classifier_spec(data), name="t", file="t.tflite", sha256="t" * 64)
    whole = dataclasses.replace(
        classifier_spec(data), origin=dataclasses.replace(TWIN.origin, twin=identity(twin))
    )
    path = write(whole, data, tmp_path)
    (tmp_path / "report.json").write_text("{}")  # no model, in nobody's way
    detector = detector_spec(b"d", pair=Pair(whole.sha256, 0.7))
    assert pair_score(detector, whole, str(path)) == 0.7
    assert pair_score(detector, twin, str(path)) == 0.7
    other = dataclasses.replace(detector, pair=Pair("another", 0.4))
    for stranger in (other, dataclasses.replace(detector, pair=None)):
        with pytest.raises(ModelError, match="expected a pair published together"):
            pair_score(stranger, twin, str(path))


def test_a_detector_learns_nothing_from_a_classifiers_twin() -> None:
    with pytest.raises(ModelError, match="--twin: expected a detector, found small, a model to c"):
        check(record("all"), TWIN, task="detect")
