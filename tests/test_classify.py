"""`python -m edge.classify`: cropped signs in, one answer each out."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.classify import Answer, find_pictures, write_csv, write_json, write_text
from edge.core import UNKNOWN, Kind, Reading
from models.errors import SourceError
from models.signs import BACKGROUND, COUNT, FOREIGN, label_names
from tests.commands import TIMEOUT_S, command, environment, execute, failure

NAMES = label_names()


def reading(kind: Kind, label: int, **likely: float) -> Reading:
    """A reading whose probabilities are `p<index>=…`, the rest zero."""
    probabilities = np.zeros(COUNT + 2)
    for name, value in likely.items():
        probabilities[int(name.removeprefix("p"))] = value
    return Reading(kind, label, float(probabilities.max()), probabilities)


SIGN = Answer("a/stop.png", reading("sign", 14, p14=0.9, p13=0.06, p17=0.04))
FOREIGN_SIGN = Answer("b.png", reading("foreign", UNKNOWN, p43=0.7, p14=0.2, p44=0.1))
NOTHING = Answer("c.png", reading("background", UNKNOWN, p44=0.8, p43=0.15, p2=0.05))


@pytest.mark.parametrize(
    ("answer", "label", "guesses"),
    [
        (SIGN, "Stop", ["Give way", "No entry"]),
        (FOREIGN_SIGN, "unknown", ["Stop", "background"]),
        (NOTHING, "background", ["foreign", "Speed limit 50"]),
    ],
)
def test_the_next_guesses_leave_out_the_answer(
    answer: Answer, label: str, guesses: list[str]
) -> None:
    assert answer.label == label
    assert [guess.label for guess in answer.next_guesses()] == guesses


def test_a_line_for_people_tells_label_probability_and_guesses() -> None:
    out = io.StringIO()

    write_text([SIGN], out)

    assert out.getvalue() == "a/stop.png: Stop 90.0%   (or Give way 6.0%, No entry 4.0%)\n"


def test_the_table_has_minus_one_for_what_is_refused() -> None:
    out = io.StringIO()

    write_csv([SIGN, FOREIGN_SIGN, NOTHING], out)

    assert out.getvalue().splitlines() == [
        "file,class_id,label,probability,kind",
        "a/stop.png,14,Stop,0.9,sign",
        "b.png,-1,unknown,0.7,foreign",
        "c.png,-1,background,0.8,background",
    ]


@pytest.mark.parametrize("answers", [[], [SIGN], [SIGN, NOTHING]])
def test_the_json_is_one_array(answers: list[Answer]) -> None:
    out = io.StringIO()

    write_json(answers, out)

    rows = json.loads(out.getvalue())
    assert [row["file"] for row in rows] == [answer.file for answer in answers]
    assert all(len(row["guesses"]) == 2 for row in rows)


def test_a_row_of_the_json_has_the_columns_and_the_guesses() -> None:
    out = io.StringIO()

    write_json([SIGN], out)

    (row,) = json.loads(out.getvalue())
    assert row == {
        "file": "a/stop.png",
        "class_id": 14,
        "label": "Stop",
        "probability": 0.9,
        "kind": "sign",
        "guesses": [
            {"label": NAMES[13], "probability": 0.06},
            {"label": NAMES[17], "probability": 0.04},
        ],
    }


@pytest.mark.parametrize(("form", "name"), [("--csv", b"stra\xdfe.png"), ("--json", b"stra?e.png")])
def test_a_name_that_is_no_utf8_is_written_as_the_form_allows(
    form: str, name: bytes, tmp_path: Path
) -> None:
    picture = tmp_path / os.fsdecode(b"stra\xdfe.png")
    picture.write_bytes(cv2.imencode(".png", np.zeros((20, 20, 3), np.uint8))[1].tobytes())

    done = subprocess.run(
        command("edge.classify", picture, form),
        cwd=tmp_path,
        env=environment() | {"PYTHONIOENCODING": "utf-8:strict"},
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert name in done.stdout


def test_folders_are_searched_to_the_bottom_in_natural_order(tmp_path: Path) -> None:
    for name in ("10.png", "9.png", "sub/1.ppm", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    found = find_pictures([Path("named.jpg"), tmp_path])

    names = ["named.jpg", "9.png", "10.png", "1.ppm"]
    assert [path.name for path in found] == names


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no pictures in"):
        find_pictures([tmp_path])


def test_a_name_too_long_for_any_file_is_named() -> None:
    with pytest.raises(SourceError, match="aaa cannot be opened: File name too long"):
        find_pictures([Path("a" * 300)])


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """Three pictures in three sizes, one of them no picture."""
    folder = tmp_path / "crops"
    folder.mkdir()
    random = np.random.default_rng(1)
    for name, size in (("1.png", 20), ("2.jpg", 48), ("3.ppm", 200)):
        picture = random.integers(0, 255, (size, size + 7, 3), np.uint8)
        assert cv2.imwrite(str(folder / name), picture)
    (folder / "2.jpg").write_bytes(b"")
    return folder


def test_a_folder_is_read_and_a_bad_picture_costs_one_warning(crops: Path) -> None:
    done = execute("edge.classify", "crops", "--csv", cwd=crops.parent)

    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["file"] for row in rows] == ["crops/1.png", "crops/3.ppm"]
    for row in rows:
        assert (row["class_id"] == "-1") == (row["kind"] != "sign")
        assert 0 < float(row["probability"]) <= 1
    assert done.stderr.splitlines() == [
        "WARNING: skipped: crops/2.jpg is empty: expected a picture, found 0 bytes"
    ]


def test_when_no_picture_can_be_read_that_is_an_error(crops: Path) -> None:
    alone = execute("edge.classify", "crops/2.jpg", cwd=crops.parent)
    both = execute("edge.classify", "crops/2.jpg", "gone.png", cwd=crops.parent)

    assert "crops/2.jpg is empty" in failure(alone, 3)
    assert both.returncode == 3
    assert both.stderr.splitlines()[-1] == "error: none of the 2 pictures can be read"
    as_json = execute("edge.classify", "crops/2.jpg", "--json", cwd=crops.parent)
    assert (as_json.returncode, as_json.stdout) == (3, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: PICTURE|FOLDER"),
        (["x", "--jason"], 'unknown argument --jason; did you mean "--json"?'),
        (["x", "--json", "--csv"], "argument --csv: not allowed with argument --json"),
    ],
)
def test_wrong_use_is_named(arguments: list[str], message: str, tmp_path: Path) -> None:
    assert message in failure(execute("edge.classify", *arguments, cwd=tmp_path), 2)


def test_the_table_of_names_ends_with_the_two_that_are_refused() -> None:
    assert (NAMES[FOREIGN], NAMES[BACKGROUND]) == ("foreign", "background")
