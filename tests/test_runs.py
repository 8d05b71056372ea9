"""What every training run leaves behind of its origin, written once."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from models.errors import UsageError
from tests.commands import execute, failure
from training import runs
from training.runs import Train, meant, refuse_finished, run_training


@dataclass(frozen=True)
class Recipe:
    epochs: int = meant(3, "how often all is learnt")
    rate: float = meant(0.5, "highest learning rate")


def pretend(recipe: Recipe, run: Path, limit: int | None = None, until: int | None = None) -> Path:
    run.mkdir(exist_ok=True)
    (run / "last.npz").touch()
    if not (run / "log.json").exists():
        (run / "log.json").write_text(json.dumps([{}] * min(recipe.epochs, until or recipe.epochs)))
    path = run / "final"
    path.write_text(f"{recipe} {limit} {until}")
    return path


def start(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["training.pretended", *words])
    run_training(
        "training.pretended", "Pretends.", Recipe, lambda: pretend, lambda _: [{"data": "none"}]
    )


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


def test_a_run_is_called_by_what_its_recipe_changes_however_it_was_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = (("--rate=0.5", "--epochs", "4"), ("--epochs", "04", "--until", "4"))
    for number, words in enumerate(ways):
        run = tmp_path / f"a run {number}"
        start(monkeypatch, *words, "--limit", "7", "--run", str(run))
        wanted = f"python -m training.pretended --epochs 4 --run '{run}' --limit 7"
        assert origin(run)["command"] == wanted


def test_a_finished_run_that_is_called_again_keeps_its_origin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    monkeypatch.setattr(runs, "commit", lambda: "first")
    start(monkeypatch, "--run", str(run))
    monkeypatch.setattr(runs, "commit", lambda: "second")
    start(monkeypatch, "--run", str(run))
    assert origin(run)["commit"] == "first"


@pytest.mark.parametrize("name", ["recipe.json", "final.pt", "final.keras", "int8.npz"])
def test_nothing_is_trained_where_a_finished_net_lies_alone(name: str, tmp_path: Path) -> None:
    refuse_finished(tmp_path, "last.npz")
    (tmp_path / name).write_text("the only copy")
    with pytest.raises(UsageError, match=f"holds {name} of a training whose checkpoint is gone"):
        refuse_finished(tmp_path, "last.npz")
    assert (tmp_path / name).read_text() == "the only copy"
    (tmp_path / "last.npz").touch()
    refuse_finished(tmp_path, "last.npz")


@pytest.mark.parametrize(("own", "other"), [("last.npz", "last.pt"), ("last.pt", "last.npz")])
def test_nothing_is_trained_over_the_checkpoint_of_another_kind_of_net(
    own: str, other: str, tmp_path: Path
) -> None:
    (tmp_path / own).touch()
    refuse_finished(tmp_path, own)
    (tmp_path / other).touch()
    with pytest.raises(UsageError, match=f"holds {other}, the checkpoint of another kind of net"):
        refuse_finished(tmp_path, own)


def test_a_run_that_is_continued_names_the_commit_that_it_started_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        monkeypatch.setattr(runs, "commit", lambda name=name: name)
        start(monkeypatch, *(["--until", "1"] * (name == "first")), "--run", str(tmp_path))
    assert origin(tmp_path)["commit"] == "first"


def test_a_run_that_patience_ended_before_it_was_to_stop_has_an_origin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log.json").write_text("[{}]")
    start(monkeypatch, "--until", "2", "--run", str(tmp_path))
    assert (tmp_path / "recipe.json").exists()


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


@pytest.mark.parametrize(
    ("module", "words", "message"),
    [
        ("classifier", ["--epoch", "3"], 'unknown argument --epoch; did you mean "--epochs"?'),
        ("classifier", ["--epochs", "0"], "--epochs: expected 1 or more, found 0"),
        ("classifier", ["--schedule", "foo"], "--schedule: expected one of cosine, constant"),
        ("classifier", ["--architecture", "vgg"], "--architecture: expected one of naive, lenet"),
        ("classifier", ["--balance", "half"], "--balance: expected one of none, sqrt, equal"),
        (
            "classifier",
            ["--augment", "much"],
            "--augment: expected one of none, shift, light, full",
        ),
        ("classifier", ["--fold", "1"], "--fold: expected --folds beside it, found fold 1 of none"),
        (
            "classifier",
            ["--folds", "2", "--fold", "5"],
            "--fold: expected 0 to 1 of two or more --folds",
        ),
        (
            "classifier",
            ["--parts", "trian"],
            "--parts: expected all, or some of train, choose, judge",
        ),
        ("detector", ["--fold", "1"], "--fold: expected --folds beside it, found fold 1 of none"),
        (
            "classifier",
            ["--augment", "light", "--without", "noise"],
            "--without: expected --augment full, harsh, clear, found light",
        ),
        ("classifier", ["--colour", "red"], "--colour: expected one of rgb, grey"),
        ("classifier", ["--limit", "0"], "--limit: expected 1 or more, found 0"),
        ("detector", ["--epoch", "3"], 'unknown argument --epoch; did you mean "--epochs"?'),
        ("detector", ["--drawn-share", "2"], "--drawn-share: expected 0 to 1, found 2"),
        ("detector", ["--windows", "3"], "--windows: expected a --batch or more, found 3"),
        ("detector", ["--width", "650"], "--width: expected a multiple of 32 px, found 650"),
        ("detector", ["--weights", "no/such.pt"], "starting weights no/such.pt: expected a file"),
    ],
)
def test_a_bad_flag_is_told_before_what_trains_is_loaded(
    module: str, words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")  # a line on stderr for each import
    done = execute(f"training.{module}", *words, cwd=tmp_path)

    imports, said = [], []
    for line in done.stderr.splitlines():
        (imports if line.startswith("import time:") else said).append(line)
    code = 3 if "--weights" in words else 2
    assert (done.returncode, len(said)) == (code, 1), done.stderr[-2000:]
    assert said[0].startswith(f"error: {message}")
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in imports}
    assert "training" in loaded
    assert not loaded & {"keras", "tensorflow", "torch", "ultralytics"}
    assert list(tmp_path.iterdir()) == []


def test_a_framework_that_is_not_known_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "pytorch")
    done = execute("training.classifier", "--run", "x", cwd=tmp_path)

    assert "KERAS_BACKEND: expected tensorflow or torch, found 'pytorch'" in failure(done, 2)
    assert list(tmp_path.iterdir()) == []


def test_training_without_its_packages_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load() -> Train:
        raise ModuleNotFoundError("No module named 'keras'", name="keras")

    monkeypatch.setattr(sys, "argv", ["training.pretended", "--run", str(tmp_path / "run")])
    with pytest.raises(UsageError, match=r"training needs keras: .*pip install '\.\[train\]'"):
        run_training("training.pretended", "Pretends.", Recipe, load, lambda _: [])
