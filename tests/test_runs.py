"""What every training run leaves behind of its origin, written once."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from models.errors import UsageError
from training import runs
from training.runs import run_training


@dataclass(frozen=True)
class Recipe:
    epochs: int = 3
    rate: float = 0.5


def pretend(recipe: Recipe, run: Path, limit: int | None = None, until: int | None = None) -> Path:
    run.mkdir(exist_ok=True)
    path = run / "final"
    path.write_text(f"{recipe} {limit} {until}")
    return path


def start(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["training.pretended", *words])
    run_training("training.pretended", "Pretends.", Recipe, pretend, lambda _: [{"data": "none"}])


def origin(run: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((run / "recipe.json").read_text())
    return found


def test_a_finished_run_names_its_recipe_data_and_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    start(monkeypatch, "--rate", "0.25", "--run", str(run))
    found = origin(run)
    assert found["recipe"] == {"epochs": 3, "rate": 0.25}
    assert found["data"] == [{"data": "none"}]
    assert found["command"] == f"python -m training.pretended --rate 0.25 --run {run}"


def test_a_finished_run_that_is_called_again_keeps_its_origin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    monkeypatch.setattr(runs, "commit", lambda: "first")
    start(monkeypatch, "--run", str(run))
    monkeypatch.setattr(runs, "commit", lambda: "second")
    start(monkeypatch, "--run", str(run))
    assert origin(run)["commit"] == "first"


def test_a_run_that_stops_early_has_no_origin_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    start(monkeypatch, "--until", "2", "--run", str(run))
    assert not (run / "recipe.json").exists()
    start(monkeypatch, "--until", "3", "--run", str(run))
    assert (run / "recipe.json").exists()


@pytest.mark.parametrize("words", [["--limit", "0"], ["--until", "-1"]])
def test_nothing_is_trained_on_nothing(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"expected 1 or more, found"):
        start(monkeypatch, *words, "--run", str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
