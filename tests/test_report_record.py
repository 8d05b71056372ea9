"""What a run has left: read, checked, and named where it is missing or does not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import execute, failure

from models.errors import ModelError, SourceError
from training.report.record import read_record

CLASSES = ["cat", "dog", "bird"]


def answers(path: Path, **changed: Any) -> None:
    content: dict[str, Any] = {
        "logits": np.eye(3, dtype=np.float32)[[0, 1]],
        "labels": np.array([0, 1]),
        "names": np.array(["a.jpg", "b.jpg"]),
        "part": np.array("choose"),
    }
    np.savez(path, **{**content, **changed})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run without a net, as a classical method leaves it."""
    folder = tmp_path / "run"
    folder.mkdir()
    origin = {"recipe": {"data": "pets", "epochs": 1}, "command": "train", "commit": "c0ffee"}
    (folder / "recipe.json").write_text(json.dumps(origin))
    (folder / "log.json").write_text(json.dumps([{"loss": 1.0}]))
    (folder / "classes.json").write_text(json.dumps(CLASSES))
    answers(folder / "watched.npz")
    return folder


def test_a_run_is_read_whole(run: Path) -> None:
    (run / "final.keras").write_bytes(b"a net")
    answers(run / "int8.npz")

    record = read_record(run)

    assert record.classes == ("cat", "dog", "bird")
    assert record.data == "pets"
    assert record.net == run / "final.keras"
    assert record.watched.names == ("a.jpg", "b.jpg")
    assert record.watched.logits.argmax(axis=1).tolist() == [0, 1]
    assert record.int8 is not None
    assert record.watched.part == "choose"


def test_a_run_may_have_no_net_and_no_int8_file(run: Path) -> None:
    record = read_record(run)

    assert record.net is None
    assert record.int8 is None


def test_a_run_from_before_there_was_a_choice_is_of_gtsrb(run: Path) -> None:
    (run / "recipe.json").write_text(json.dumps({"recipe": {"epochs": 1}}))

    assert read_record(run).data == "gtsrb"


def test_a_missing_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere: expected the folder of a training run"):
        read_record(tmp_path / "nowhere")


def test_a_run_of_the_detector_is_refused(run: Path) -> None:
    (run / "final.pt").touch()
    with pytest.raises(SourceError, match="found one of the detector"):
        read_record(run)


def test_an_unfinished_run_says_how_far_it_came(run: Path) -> None:
    (run / "recipe.json").unlink()
    with pytest.raises(SourceError, match=r"found one that stopped after epoch 1; .*--run"):
        read_record(run)


@pytest.mark.parametrize("name", ["watched.npz", "classes.json", "log.json"])
def test_a_missing_file_is_named(name: str, run: Path) -> None:
    (run / name).unlink()
    with pytest.raises(SourceError, match=f"expected {name} beside recipe.json, found none"):
        read_record(run)


@pytest.mark.parametrize("name", ["recipe.json", "classes.json", "log.json"])
def test_a_broken_file_is_named(name: str, run: Path) -> None:
    (run / name).write_text("{[")
    with pytest.raises(SourceError, match=f"{name}: expected JSON"):
        read_record(run)


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", b"PK\x03\x04 broken"])
def test_broken_answers_are_named(content: bytes, run: Path) -> None:
    (run / "watched.npz").write_bytes(content)
    with pytest.raises(SourceError, match=r"watched\.npz: expected the answers of a run"):
        read_record(run)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"logits": np.zeros((2, 45))}, r"expected 3 logits .* found \(2, 45\)"),
        ({"labels": np.array([0])}, "a label of each of 2 pictures"),
        ({"labels": np.array([0, 3])}, "expected labels of 0 … 2, found 0 … 3"),
        ({"labels": np.array([-1, 0])}, "found -1 … 0"),
        ({"logits": np.full((2, 3), np.nan)}, "expected finite logits"),
        ({"names": np.array([], str)}, "of each of 0 pictures"),
    ],
)
def test_answers_that_do_not_fit_are_refused(
    changed: dict[str, Any], match: str, run: Path
) -> None:
    answers(run / "watched.npz", **changed)
    with pytest.raises(ModelError, match=match):
        read_record(run)


def test_int8_answers_to_other_pictures_are_refused(run: Path) -> None:
    answers(run / "int8.npz", names=np.array(["c.jpg", "d.jpg"]))
    with pytest.raises(SourceError, match=r"int8\.npz: expected some of the 2 pictures of"):
        read_record(run)


def test_the_command_ends_with_one_line(tmp_path: Path) -> None:
    done = execute("training.report", "nowhere", cwd=tmp_path)

    assert "expected the folder of a training run" in failure(done, 3)
