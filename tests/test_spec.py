"""The contract on disk: every key checked, every mistake named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_models import classifier_spec, detector_spec, save

from models import spec as spec_module
from models.errors import ModelError
from models.signs import label_names
from models.spec import Origin, Pair, Spec, find_model, load_spec, model_bytes

WHOLE = detector_spec(
    pair=Pair("f" * 64, 0.4),
    metrics={"judge": {"ap50": 0.97}},
    origin=Origin([{"data": "gtsdb", "parts": ["train"]}], "abc", "make", "AGPL", "twin"),
)
OBJECTS = ("", "input", "output", "pair", "origin")
FREE = ("metrics", "thresholds")  # objects whose keys are data


def keys() -> list[tuple[str, str]]:
    """(object, key) of every required key."""
    raw = json.loads(WHOLE.to_json())
    return [(place, key) for place in OBJECTS for key in (raw[place] if place else raw)]


def written(
    folder: Path, change: Callable[[dict[str, Any]], object], spec: Spec = WHOLE
) -> tuple[Path, dict[str, Any]]:
    """The JSON of `spec` on disk after a change."""
    raw = json.loads(spec.to_json())
    change(raw)
    path = folder / "small.json"
    path.write_text(json.dumps(raw))
    return path, raw


def inside(raw: dict[str, Any], place: str) -> dict[str, Any]:
    found: dict[str, Any] = raw[place] if place else raw
    return found


@pytest.mark.parametrize(
    "spec",
    [WHOLE, classifier_spec(), classifier_spec(version="0.1 – ä", temperature=1.7)],
    ids=["detector", "classifier", "beyond ASCII"],
)
def test_what_is_written_is_read_again(spec: Spec, tmp_path: Path) -> None:
    assert load_spec(save(spec, b"", tmp_path)) == spec


def test_whole_numbers_serve_as_fractions(tmp_path: Path) -> None:
    path, _ = written(tmp_path, lambda raw: raw.update(temperature=2))
    found = load_spec(path).temperature
    assert (found, type(found)) == (2.0, float)


@pytest.mark.parametrize(("place", "key"), keys())
def test_a_missing_key_is_named(place: str, key: str, tmp_path: Path) -> None:
    path, _ = written(tmp_path, lambda raw: inside(raw, place).pop(key))
    with pytest.raises(ModelError) as caught:
        load_spec(path)
    assert f" in {place or 'the whole'}, found {key} missing" in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("place", OBJECTS)
def test_an_unknown_key_is_named(place: str, tmp_path: Path) -> None:
    path, _ = written(tmp_path, lambda raw: inside(raw, place).update(strange=1))
    with pytest.raises(ModelError, match=f"in {place or 'the whole'}, found strange unknown"):
        load_spec(path)


def test_missing_and_unknown_keys_are_named_together(tmp_path: Path) -> None:
    def misspell(raw: dict[str, Any]) -> None:
        raw["input"]["colur"] = raw["input"].pop("colour")

    path, _ = written(tmp_path, misspell)
    with pytest.raises(ModelError, match="in input, found colour missing; colur unknown"):
        load_spec(path)


@pytest.mark.parametrize(("place", "key"), keys())
def test_a_value_of_a_wrong_type_is_named(place: str, key: str, tmp_path: Path) -> None:
    whole = f"{place}.{key}".strip(".")

    def spoil(raw: dict[str, Any]) -> None:
        was = inside(raw, place)[key]
        inside(raw, place)[key] = "text" if not isinstance(was, str) else 7

    path, _ = written(tmp_path, spoil)
    with pytest.raises(ModelError, match=f"expected {whole} to be .*found ('text'|7)"):
        load_spec(path)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda raw: raw["output"].update(strides=[8, "16"]), r"output\.strides\[1\]"),
        (lambda raw: raw.update(labels=[1]), r"labels\[0\]"),
        (lambda raw: raw["thresholds"].update(iou="0.5"), r"thresholds\.iou"),
        (lambda raw: raw["origin"].update(data=["gtsdb"]), r"origin\.data\[0\]"),
        (lambda raw: raw["input"].update(width=32.5), r"input\.width"),
        (lambda raw: raw["input"].update(width=True), r"input\.width"),
        (lambda raw: raw.update(temperature=True), "temperature"),
    ],
)
def test_a_wrong_type_deep_inside_is_named(
    change: Callable[[dict[str, Any]], object], place: str, tmp_path: Path
) -> None:
    path, _ = written(tmp_path, change)
    with pytest.raises(ModelError, match=f"expected {place} to be"):
        load_spec(path)


@pytest.mark.parametrize("key", [key for place, key in keys() if not place and key != "pair"])
def test_only_a_pair_may_be_null(key: str, tmp_path: Path) -> None:
    path, _ = written(tmp_path, lambda raw: raw.update({key: None}))
    with pytest.raises(ModelError, match=f"expected {key} to be"):
        load_spec(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "segment"}, "expected task to be 'detect' or 'classify', found 'segment'"),
        ({"thresholds": {"score": 0.5}}, "expected thresholds to be .*iou.*found {'score'}"),
        ({"labels": []}, r"expected 1 labels .* found 0 \(number 0 is 'nothing', not 'sign'\)"),
        ({"labels": ["sign", "car"]}, r"expected 1 labels .* found 2 \(number 1 is too many\)"),
        ({"file": "../small.tflite"}, "expected file to be a name in the same folder"),
        ({"file": "/etc/small.tflite"}, "expected file to be a name in the same folder"),
        ({"file": ""}, "expected file to be a name in the same folder"),
        ({"file": "a\0b"}, "expected file to be a name in the same folder"),
        ({"temperature": 10**400}, "expected temperature to be a number, found one too large"),
        ({"temperature": 0.0}, "expected temperature to be above 0, found 0.0"),
        ({"temperature": float("nan")}, "expected temperature to be above 0, found nan"),
        ({"thresholds": {"score": 1.5, "iou": 0.5}}, r"thresholds\.score .* 0 to 1, found 1.5"),
        ({"thresholds": {"score": 0.5, "iou": -1}}, r"thresholds\.iou .* 0 to 1, found -1"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path, _ = written(tmp_path, lambda raw: raw.update(change))
    with pytest.raises(ModelError, match=message):
        load_spec(path)


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        ("input", "colour", "bgr"),
        ("input", "resize", "crop"),
        ("output", "layout", "logits"),
        ("input", "width", 0),
        ("input", "height", -8),
        ("output", "strides", []),
        ("output", "strides", [0]),
        ("output", "strides", [8, 8]),
        ("output", "bins", 0),
    ],
)
def test_what_does_not_suit_a_detector_is_refused(
    place: str, key: str, value: object, tmp_path: Path
) -> None:
    path, _ = written(tmp_path, lambda raw: raw[place].update({key: value}))
    with pytest.raises(ModelError, match=rf"expected {place}\.{key} to be"):
        load_spec(path)


def test_classes_in_another_order_are_refused(tmp_path: Path) -> None:
    names = list(label_names())
    names[0], names[1] = names[1], names[0]
    path = save(classifier_spec(labels=names), b"", tmp_path)
    with pytest.raises(ModelError, match="number 0 is 'Speed limit 30', not 'Speed limit 20'"):
        load_spec(path)


def test_a_classifier_sees_squares(tmp_path: Path) -> None:
    path, _ = written(tmp_path, lambda raw: raw["input"].update(width=16), classifier_spec())
    with pytest.raises(ModelError, match=r"expected input\.height to be input\.width, found 8"):
        load_spec(path)


@pytest.mark.parametrize("text", ["[" * 100_000, "", "{", "[1, 2]", '"text"', "null", "\ufeff{}"])
def test_what_is_no_json_object_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "small.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"small\.json: expected"):
        load_spec(path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.json"
    path.write_bytes(b"\xff\xfe\x00{}")
    with pytest.raises(ModelError, match="expected a model's JSON"):
        load_spec(path)


def test_a_folder_is_no_json(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected a model's JSON"):
        load_spec(tmp_path)


def test_the_model_file_is_the_one_beside_its_json(tmp_path: Path) -> None:
    spec = classifier_spec(b"weights")
    assert model_bytes(spec, save(spec, b"weights", tmp_path)) == b"weights"


@pytest.mark.parametrize("place", range(7))
def test_any_flipped_byte_is_found(place: int, tmp_path: Path) -> None:
    spec = classifier_spec(b"weights")
    spoilt = bytearray(b"weights")
    spoilt[place] ^= 0x10
    with pytest.raises(ModelError, match=rf"small\.tflite: expected sha256 {spec.sha256}, found"):
        model_bytes(spec, save(spec, bytes(spoilt), tmp_path))


def test_a_missing_model_file_is_named(tmp_path: Path) -> None:
    spec = classifier_spec(b"weights")
    path = save(spec, b"weights", tmp_path)
    (tmp_path / "small.tflite").unlink()
    with pytest.raises(ModelError, match=r"small\.json names the file small\.tflite: .*No such"):
        model_bytes(spec, path)


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(spec_module, "FOLDER", tmp_path)
    return tmp_path


def test_a_published_model_is_found_by_its_name(published: Path) -> None:
    path = save(classifier_spec(), b"", published)
    assert find_model("small") == path


@pytest.mark.parametrize("name", ["smal", "", "../small", "sub/small", "small.tflite", "x" * 300])
def test_an_unknown_name_lists_what_is_published(name: str, published: Path) -> None:
    save(classifier_spec(), b"", published)
    save(classifier_spec(name="other"), b"", published)
    with pytest.raises(ModelError) as caught:
        find_model(name)
    assert f"no model called {name!r}: published are other, small" in str(caught.value)


def test_an_empty_folder_says_so(published: Path) -> None:
    assert not list(published.iterdir())
    with pytest.raises(ModelError, match="published are none"):
        find_model("detector")


def test_a_model_elsewhere_is_named_by_its_json(tmp_path: Path) -> None:
    path = save(classifier_spec(), b"", tmp_path)
    assert find_model(str(path)) == path
    with pytest.raises(ModelError, match=r"no model file .*gone\.json"):
        find_model(str(tmp_path / "gone.json"))
