"""Trainings whose accuracy is quoted together differ in their seed, and in nothing else."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from calibration.seeds import check_seeds
from models.errors import ModelError, SourceError
from training.classifier import Recipe
from training.runs import write_recipe


def run(folder: Path, **changes: object) -> Path:
    folder.mkdir()
    write_recipe(folder, dataclasses.replace(Recipe(), **changes), [], "")  # type: ignore[arg-type]
    return folder


def test_runs_of_one_recipe_are_taken_with_their_seeds(tmp_path: Path) -> None:
    runs = [run(tmp_path / str(seed), seed=seed) for seed in (4, 0, 1)]
    assert check_seeds(runs) == [4, 0, 1]
    assert check_seeds(runs[:1]) == [4]


def test_another_recipe_is_refused_by_what_differs(tmp_path: Path) -> None:
    runs = [run(tmp_path / "a"), run(tmp_path / "b", seed=1, epochs=3, flips=0.3)]
    with pytest.raises(ModelError, match="b, which differs in epochs, flips"):
        check_seeds(runs)


def test_the_same_seed_twice_is_refused(tmp_path: Path) -> None:
    runs = [run(tmp_path / "a", seed=1), run(tmp_path / "b", seed=1)]
    with pytest.raises(ModelError, match="different seeds, found 1, 1"):
        check_seeds(runs)


def test_a_run_that_is_not_finished_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere: expected a finished training run"):
        check_seeds([run(tmp_path / "a"), tmp_path / "nowhere"])
