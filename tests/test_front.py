"""Detectors side by side: which are on the front, how they are named, and how the table reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_models import detector_spec

from calibration import front
from calibration.front import candidate, main, on_front, table
from models.errors import AppError, ModelError, SourceError, UsageError
from models.spec import Spec, load_spec
from training.detector import Recipe
from training.runs import write_recipe


@pytest.mark.parametrize(
    ("found", "best"),
    [
        ([(10.0, 0.8)], [True]),
        ([(10.0, 0.8), (20.0, 0.9), (30.0, 0.85)], [True, True, False]),
        ([(10.0, 0.8), (10.0, 0.7)], [True, False]),  # as fast, but worse
        ([(10.0, 0.8), (12.0, 0.8)], [True, False]),  # as good, but slower
        ([(10.0, 0.8), (10.0, 0.8)], [True, True]),  # twice the same
        ([], []),
    ],
)
def test_on_the_front_is_what_no_other_beats(
    found: list[tuple[float, float]], best: list[bool]
) -> None:
    assert on_front(found) == best


@pytest.mark.parametrize("text", ["runs/slim@800", "runs/slim@ax448", "runs/slim@800x448x3"])
def test_a_size_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected RUN@WIDTHxHEIGHT or a published detector"):
        candidate(text, tmp_path)


def test_a_run_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere: expected a finished training run"):
        candidate(f"{tmp_path}/nowhere@800x448", tmp_path)


def test_a_detector_that_was_never_published_is_named(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="nobody"):
        candidate("nobody", tmp_path)


def test_a_published_detector_is_taken_as_it_is(tmp_path: Path) -> None:
    found = candidate("detector", tmp_path)
    assert found.name == "detector" and len(found.data) > 1_000_000 and len(found.paths) == 1
    assert not list(tmp_path.iterdir())


def test_a_plot_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    taken = tmp_path / "no-folder"
    taken.write_text("a file")
    pytest.importorskip("matplotlib")
    with pytest.raises(AppError, match="no-folder"):
        main(["detector", "--plot", str(taken / "front.png")])


@pytest.mark.parametrize("text", ["detector", "runs/slim@800x448"])
def test_folds_are_of_runs_that_left_one_out(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"with \{fold\} in it beside --folds"):
        candidate(text, tmp_path, folds=2)


def test_a_run_that_has_learnt_its_fold_is_refused(tmp_path: Path) -> None:
    for fold, recipe in enumerate((Recipe(folds=2, fold=0), Recipe(folds=2, fold=0, seed=1))):
        (tmp_path / f"slim-{fold}").mkdir()
        write_recipe(tmp_path / f"slim-{fold}", recipe, [], "")
    with pytest.raises(ModelError, match="slim-1: expected a training without fold 1 of 2"):
        candidate(f"{tmp_path}/slim-{{fold}}@800x448", tmp_path, folds=2)


@pytest.mark.parametrize(
    "text", ["fold{fold}/slim@32x32", "slim/{fold}@32x32", "slim-{fold}@32x32"]
)
def test_each_fold_has_a_file_of_its_own(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for fold in range(3):
        run = tmp_path / text.partition("@")[0].replace("{fold}", str(fold))
        run.mkdir(parents=True)
        write_recipe(run, Recipe(folds=3, fold=fold), [], "")

    def drafted(run: Path, *_: Any) -> tuple[Spec, bytes, None]:
        data = str(run).encode()
        return detector_spec(data, name="draft"), data, None

    monkeypatch.setattr(front, "draft", drafted)
    (tmp_path / "drafts").mkdir()
    found = [candidate(f"{tmp_path}/{text}", tmp_path / "drafts", folds=3) for _ in range(2)]
    data = [
        path.with_name(load_spec(path).file).read_text() for each in found for path in each.paths
    ]
    runs = [str(tmp_path / text.partition("@")[0]).replace("{fold}", str(n)) for n in range(3)]
    assert data == runs * 2
    assert found[0].data.decode() == runs[0]


@pytest.mark.parametrize("flags", [["--folds", "1"], ["--folds", "2", "--data", "x"]], ids=str)
def test_folds_that_are_none_are_refused(flags: list[str]) -> None:
    with pytest.raises(UsageError, match="--folds: expected two or more, of GTSDB"):
        main(["runs/slim-{fold}@800x448", *flags])


def test_other_pictures_are_looked_at_before_anything_is_quantised(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        main([f"{tmp_path}/run@800x448", "--data", str(tmp_path / "nowhere")])


def test_the_table_has_a_row_for_each_with_all_its_figures() -> None:
    row: dict[str, Any] = {
        "name": "detector",
        "input": "960x544",
        "bytes": 1_760_000,
        "multiply_adds": 2_600_000_000,
        "ap50": 0.98,
        "ap50_95": 0.85,
        "intervals": {"ap50": [0.96, 0.99], "ap50_95": [0.82, 0.87]},
        "ms": {"1": 60.04, "2": 33.26},
        "on_front": True,
    }
    head, rule, first, second = table([row, {**row, "name": "other", "on_front": False}]).split(
        "\n"
    )
    assert "ms, 1 thread | ms, 2 threads" in head and rule.count("---") == head.count("|") - 1
    expected = "| detector | 960x544 | 1.76 | 2600 | 60.0 | 33.3 | 0.980 [0.960, 0.990] |"
    assert first == f"{expected} 0.850 [0.820, 0.870] | yes |"
    assert second.endswith("|  |")
