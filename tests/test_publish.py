"""Publishing as far as it needs no training packages; the rest is in test_train_*."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest
from small_models import classifier_bytes, classifier_spec, detector_spec

from calibration import candidate
from calibration.candidate import Target, evaluated, refuse_loss, trained, write
from calibration.publish import _next_version, _size, main
from calibration.publish_classifier import _check_recipe, publish_classifier
from edge.classifier import load_classifier
from models.errors import ModelError, OutputError, SourceError, UsageError
from models.signs import label_names
from models.spec import load_spec, model_bytes

# --- writing ---


def test_both_files_are_written_and_load_again(tmp_path: Path) -> None:
    data = classifier_bytes()
    spec = classifier_spec(data)
    path = write(spec, data, tmp_path / "new" / "folder")
    assert load_spec(path) == spec
    assert load_classifier(str(path), 1).spec == spec
    assert sorted(p.name for p in path.parent.iterdir()) == ["small.json", "small.tflite"]


def test_the_json_is_renamed_into_place_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[tuple[str, list[str]]] = []
    replace = Path.replace

    def keep(self: Path, target: Path) -> Path:
        moved.append((target.name, sorted(p.name for p in tmp_path.iterdir())))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", keep)
    write(classifier_spec(b"weights"), b"weights", tmp_path)
    assert moved == [
        ("small.tflite", ["small.json.part", "small.tflite.part"]),  # both whole before the first
        ("small.json", ["small.json.part", "small.tflite"]),
    ]


def test_a_new_version_takes_the_place_of_the_old(tmp_path: Path) -> None:
    write(classifier_spec(b"old"), b"old", tmp_path)
    path = write(classifier_spec(b"new", version="2"), b"new", tmp_path)
    spec = load_spec(path)
    assert (spec.version, model_bytes(spec, path)) == ("2", b"new")


@pytest.mark.parametrize(
    ("old", "new"), [(None, "0.1.0"), ("0.6.0", "0.7.0"), ("1.9.4", "1.10.0"), ("2.3", "2.4.0")]
)
def test_what_replaces_a_model_has_the_next_version(old: str | None, new: str) -> None:
    assert _next_version(old and classifier_spec(version=old)) == new


@pytest.mark.parametrize("old", ["2", "two", "v1.2", ""])
def test_after_an_odd_version_one_must_be_given(old: str) -> None:
    with pytest.raises(UsageError, match="--model-version: expected one, as"):
        _next_version(classifier_spec(version=old))


def test_a_failure_while_writing_leaves_the_old_model_whole(tmp_path: Path) -> None:
    old = classifier_spec(b"old")
    path = write(old, b"old", tmp_path)
    (tmp_path / "small.json.part").mkdir()  # in the way of the second file
    with pytest.raises(OutputError, match=f"publishing into {tmp_path}"):
        write(classifier_spec(b"new"), b"new", tmp_path)
    assert load_spec(path) == old
    assert model_bytes(old, path) == b"old"


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="publishing into"):
        write(classifier_spec(), b"", tmp_path / "file" / "models")


# --- refusing ---


@pytest.mark.parametrize(
    ("whole", "int8", "limit"),
    [(0.9900, 0.9880, 0.003), (0.9900, 0.9950, 0.003), (0.99, 0.99, 0.0), (0.5, 0.25, 0.25)],
)
def test_a_small_loss_is_published_and_told(
    whole: float, int8: float, limit: float, capsys: pytest.CaptureFixture[str]
) -> None:
    refuse_loss("top1", {"float": whole, "int8": int8}, limit)
    assert capsys.readouterr().out == f"top1: float {whole:.4f}, int8 {int8:.4f}\n"


def test_a_large_loss_is_refused_with_both_figures() -> None:
    message = r"not published: expected int8 ap50 within 0\.01 of float's 0\.9500, found 0\.9300"
    with pytest.raises(ModelError, match=message):
        refuse_loss("ap50", {"float": 0.95, "int8": 0.93}, 0.01)


# --- the command ---


@pytest.mark.parametrize(
    ("text", "size"), [("800x448", (800, 448)), ("32x32", (32, 32)), ("640x384", (640, 384))]
)
def test_a_size_is_width_and_height(text: str, size: tuple[int, int]) -> None:
    assert _size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "800",
        "800x",
        "x448",
        "800x450",
        "801x448",
        "800X448",
        "800x448x3",
        "-32x32",
        "0x0",
        "²x32",
    ],
)
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--size: expected WIDTHxHEIGHT, multiples of 32, found"):
        _size(text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["classifier"], "classifier: expected --run, the folder of a training run"),
        (["detector"], "detector: expected --run"),
        (["detector", "--run", "r", "--sise", "32x32"], "unknown argument --sise"),
        (["detector", "--run", "r", "--name", "new"], "--size: expected the input's WIDTHxHEIGHT"),
        (["classifier", "--run", "r", "--seed", "-1"], "--seed: expected 0 or more, found -1"),
        (
            ["detector", "--run", "r", "--seed", "1"],
            "detector: expected no --seed, which goes with",
        ),
        (["pair", "--seeds", "r"], "pair: expected no --seeds, which goes with a classifier"),
        (
            ["pair", "--model-version", "9.9.9"],
            "no --model-version, which goes with a classifier or",
        ),
        (["classifier", "--run", "r", "--size", "64x64"], "no --size, which goes with a detector"),
        (["classifier", "--run", "r", "--classifier", "x"], "expected no --classifier"),
        (["everything"], "invalid choice: 'everything'"),
        ([], "required: what"),
    ],
)
def test_wrong_arguments_are_usage_errors(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["publish", *arguments])
    with pytest.raises(UsageError, match=message):
        main()


def test_a_broken_model_is_not_taken_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "classifier.json").write_text("{ broken")
    words = ["publish", "classifier", "--run", "r", "--folder", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(ModelError, match=r"classifier\.json"):
        main()


@pytest.mark.parametrize("content", [None, "", "{", "[1, 2", "\xff"])
def test_a_run_that_has_not_finished_is_a_source_error(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "recipe.json").write_text(content)
    with pytest.raises(SourceError, match=f"{tmp_path}: expected a finished training run, found"):
        trained(tmp_path)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ([], "expected a training's record, found a list"),
        ({}, "expected a dict called recipe, found None"),
        ({"recipe": 3}, "expected a dict called recipe, found 3"),
        ({"recipe": {}, "data": []}, "expected a str called command, found None"),
    ],
)
def test_a_record_of_something_else_is_named(record: object, message: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(json.dumps(record))
    with pytest.raises(SourceError, match=f"{tmp_path}/recipe.json: {message}"):
        trained(tmp_path)


def test_a_run_is_asked_for_before_anything_else(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="expected a finished training run"):
        publish_classifier(tmp_path / "gone", Target("classifier", "0", tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "flag", "shown"),
    [
        (
            ["classifier", "--data", "gtsrb", "--part", "judge"],
            "--model",
            "classifier --data gtsrb --part judge --model small",
        ),
        (
            ["system", "--data", "gtsdb", "--part", "judge", "--model", "runs/x/classifier.json"],
            "--detector",
            "system --data gtsdb --part judge --model runs/x/classifier.json --detector small",
        ),
    ],
)
def test_figures_come_with_the_command_for_the_published_model(
    flags: list[str],
    flag: str,
    shown: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[list[str]] = []

    def fake(arguments: list[str]) -> int:
        asked.append(arguments)
        report = Path(arguments[arguments.index("--json") + 1])
        report.write_text(json.dumps({"top1": 0.5, "mean_ms": 3, "n": 2}))
        return 0

    monkeypatch.setattr(candidate.evaluate, "main", fake)
    staged = tmp_path / "small.json"
    found = evaluated(flags, staged, "small", flag)
    assert found == {
        "top1": 0.5,
        "n": 2,  # no timings: they belong to a machine, not to a model
        "command": f"python -m calibration.evaluate {shown}",
    }
    assert asked[0][: len(flags) + 2] == [*flags, flag, str(staged)]
    assert list(tmp_path.iterdir()) == []


def test_specs_for_both_tasks_survive_being_written(tmp_path: Path) -> None:
    for spec in (classifier_spec(b"c"), dataclasses.replace(detector_spec(b"c"), name="d")):
        assert load_spec(write(spec, b"c", tmp_path)) == spec


# --- what may be published at all ---


@pytest.mark.parametrize("recipe", [{"parts": "train"}, {"parts": "all", "colour": "rgb"}])
def test_a_net_for_the_devices_crops_may_be_published(recipe: dict[str, object]) -> None:
    _check_recipe(recipe)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"parts": "train+choose"}, "whose parts is train or all, found train.choose"),
        ({"parts": "train+choose+judge"}, "whose parts is train or all, found train.choose.judge"),
        ({"folds": 5}, "whose folds is 0, found 5"),
        ({"data": "data/cifar10"}, "whose data is gtsrb, found data/cifar10"),
    ],
)
def test_a_net_that_learnt_what_measures_it_is_refused(
    changed: dict[str, object], message: str
) -> None:
    with pytest.raises(ModelError, match=f"not published: expected a net {message}"):
        _check_recipe({"parts": "train", **changed})


@pytest.mark.parametrize(
    ("key", "here", "found"), [("colour", "rgb", "grey"), ("contrast", "none", "clahe")]
)
def test_a_net_that_wants_other_crops_is_refused(key: str, here: str, found: str) -> None:
    message = f"expected a net whose {key} is {here}, as the device cuts crops, found {found}"
    with pytest.raises(ModelError, match=message):
        _check_recipe({"parts": "train", key: found})


def saved_run(folder: Path, **recipe: object) -> str:
    folder.mkdir()
    record = {"recipe": recipe, "data": [], "command": "", "commit": ""}
    (folder / "recipe.json").write_text(json.dumps(record))
    return str(folder)


@pytest.mark.parametrize("seen", [{"parts": "all"}, {"parts": "train", "folds": 5}])
def test_what_a_teacher_knows_of_the_measured_parts_may_not_be_handed_on(
    seen: dict[str, object], tmp_path: Path
) -> None:
    good = saved_run(tmp_path / "good", parts="train")
    bad = saved_run(tmp_path / "bad", **seen)
    between = saved_run(tmp_path / "between", parts="train", teachers=f"{good},{bad}")
    for recipe in ({"teachers": between}, {"pretrained": bad}):
        with pytest.raises(ModelError, match=f"expected {bad} to have learnt from the part train"):
            _check_recipe({"parts": "train", **recipe})
    _check_recipe({"parts": "train", "teachers": good})
    _check_recipe({"parts": "all", "teachers": bad})  # its twin is measured, not it


def test_another_data_set_hands_nothing_on(tmp_path: Path) -> None:
    other = saved_run(tmp_path / "other", data="data/cifar10", parts="train+choose")
    classes = tmp_path / "other" / "classes.json"
    classes.write_text(json.dumps(["cat", "dog"]))
    _check_recipe({"parts": "train", "pretrained": other})

    classes.write_text(json.dumps(label_names()))  # GTSRB by a path: of which parts, nobody knows
    with pytest.raises(
        ModelError, match=r"to have learnt road signs from gtsrb, .* found data/cif"
    ):
        _check_recipe({"parts": "train", "pretrained": other})
    classes.unlink()
    with pytest.raises(SourceError, match="other: expected a finished training run"):
        _check_recipe({"parts": "train", "pretrained": other})
