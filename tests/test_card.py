"""The pages about the models say what the published JSON says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from small_models import classifier_spec, detector_spec, save

from calibration.card import END, PAGES, begin, card, detectors, page_with
from models.errors import ModelError
from models.spec import Origin, Spec, find_model, load_spec


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_page_holds_the_published_figures(name: str) -> None:
    page = PAGES[name].read_text(encoding="utf-8")
    again = page_with(name, page, card(name))
    assert again == page, f"run `python -m calibration.card {name} --write`"


def test_only_what_lies_between_the_marks_is_replaced() -> None:
    page = f"before\n{begin('detector')}\nold\n{END}after\n"
    expected = f"before\n{begin('detector')}\nnew\n\n{END}after\n"
    assert page_with("detector", page, "new\n") == expected


def test_a_page_without_its_own_marks_is_refused() -> None:
    with pytest.raises(ModelError, match="in the page, found neither"):
        page_with("detector", f"{begin('classifier')}\n{END}", "new")


@pytest.mark.parametrize("name", ["classifier", "detector"])
def test_a_model_without_figures_is_named(name: str, tmp_path: Path) -> None:
    spec = classifier_spec(b"") if name == "classifier" else detector_spec(b"")
    spec = dataclasses.replace(spec, name=name, file=f"{name}.tflite", metrics={"judge": {}})
    save(spec, b"", tmp_path)
    with pytest.raises(ModelError, match=f"{name}: expected a published {name}'s figures"):
        card(name, tmp_path)


def detector(name: str, width: int, twin: str = "") -> Spec:
    spec = detector_spec(b"", name=name, file=f"{name}.tflite")
    seen = dataclasses.replace(spec.input, width=width)
    return dataclasses.replace(spec, input=seen, origin=Origin([], "", "", "", twin))


def test_the_detectors_stand_in_the_order_of_their_size_without_twins(tmp_path: Path) -> None:
    for spec in (
        detector("detector", 800, "detector-twin 1, sha256 beef"),
        detector("detector-twin", 800),
        detector("detector-accurate", 960),
        detector("detector-fast", 640),
        classifier_spec(b""),
    ):
        save(spec, b"", tmp_path)
    names = [spec.name for spec in detectors(tmp_path)]
    assert names == ["detector-fast", "detector", "detector-accurate"]


def test_a_folder_without_a_detector_is_named(tmp_path: Path) -> None:
    save(classifier_spec(b""), b"", tmp_path)
    with pytest.raises(ModelError, match="expected a published detector, found none"):
        card("detector", tmp_path)


def test_seeds_are_a_table_where_they_were_measured(tmp_path: Path) -> None:
    published = load_spec(find_model("classifier"))
    each = [{"seed": 0, "top1": 0.9995, "wrong": 2}, {"seed": 3, "top1": 0.9975, "wrong": 10}]
    seeds = {"top1": 0.9985, "each": each, "n": 3960, "part": "judge", "command": "python …"}
    spec = dataclasses.replace(published, metrics={**published.metrics, "seeds": seeds})
    save(spec, b"", tmp_path)
    lines = card("classifier", tmp_path).splitlines()
    start = lines.index("| seed | `top1` | wrong of 3,960 |")
    assert lines[start + 2 : start + 5] == [
        "| 0 | 99.95 % | 2 |",
        "| 3 | 99.75 % | 10 |",
        "| **mean** | **99.85 %** |  |",
    ]
