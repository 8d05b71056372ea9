"""A model is cut off behind each of its operators, and what each costs is told by what it does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from small_models import classifier_bytes, detector_bytes, detector_spec, save

from calibration import layers
from calibration.layers import Operator, Timed, cuts, grouped, main, measure, table
from edge.peak import operations
from edge.runtime import open_interpreter
from models.errors import UsageError


def test_every_operator_ends_a_file_that_runs() -> None:
    model = detector_bytes(strides=(8, 16))
    found = list(cuts(model))
    assert [operator.kind for operator, _ in found] == ["QUANTIZE", *["CONV_2D"] * 4]
    assert [operator.stride for operator, _ in found] == [1, 8, 8, 16, 16]
    assert sum(operator.operations for operator, _ in found) == operations(model)
    image = np.random.default_rng(0).integers(0, 256, (1, 16, 32, 3), np.uint8)
    whole = open_interpreter(model, "whole", 1)
    answers = []
    for interpreter in (whole, *(open_interpreter(data, "cut", 1) for _, data in found)):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
        interpreter.invoke()
        answers.append(
            [interpreter.get_tensor(o["index"]) for o in interpreter.get_output_details()]
        )
    first, *ends = answers
    assert [len(each) for each in ends] == [1, 2, 3, 4, 4]  # what is read later leaves too
    for mine, other in zip(ends[-1], first, strict=True):
        assert np.array_equal(mine, other)


def test_a_cut_holds_what_later_operators_read() -> None:
    (_, first), (_, last) = cuts(classifier_bytes())
    assert operations(first) == 0 and operations(last) == 2 * 45 * 192
    (out,) = open_interpreter(first, "cut", 1).get_output_details()
    assert tuple(out["shape"]) == (1, 8, 8, 3)


MAP = (1, 40, 72, 16)
TIMED = Timed(
    [
        (Operator("PAD", (1, 42, 74, 16), 16, 0), 0.5),
        (Operator("CONV_2D", MAP, 16, 3_000_000), 1.0),
        (Operator("LOGISTIC", MAP, 16, 0), 0.25),
        (Operator("MUL", MAP, 16, 0), 0.0),
        (Operator("SLICE", MAP, 16, 0), 0.125),
        (Operator("QUANTIZE", MAP, 16, 0), 0.125),
        (Operator("ADD", MAP, 16, 0), 0.5),
    ],
    whole=2.5,
    peak=3_000_000,
)


def test_what_belongs_together_is_one_row() -> None:
    rows = {row["what"]: row for row in grouped(TIMED)}
    assert list(rows) == [
        "convolutions, stride 16",
        "ADD",
        "SiLU (LOGISTIC, MUL)",
        "copies and new scales",
    ]
    first = rows["convolutions, stride 16"]
    assert (first["n"], first["ms"], first["operations"]) == (2, 1.5, 3_000_000)
    assert first["of_whole"] == pytest.approx(0.6)
    assert first["of_peak"] == pytest.approx(1 / 1.5)
    assert first["beyond_peak"] == pytest.approx(0.2)
    assert rows["copies and new scales"]["beyond_peak"] == pytest.approx(0.1)


def test_the_table_ends_with_the_whole() -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table(TIMED)]
    assert rows[-2] == ["all of them", "7", "2.50", "100.0%", "3", "40%", "60.0%"]
    assert rows[-1] == ["the model", "7", "2.50", "100.0%", "3", "40%", "60.0%"]
    assert {len(row) for row in rows} == {7}


def test_what_is_measured_adds_up_to_the_last_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = iter([3.0, 5.0, 9.0, 8.5, 2.0, 4.0, 4.0, 10.0, 9.0, 1.0])
    monkeypatch.setattr(layers, "_quickest", lambda *_: next(spent))
    timed = measure(detector_bytes(), threads=1, rounds=2)
    assert [ms for _, ms in timed.each] == [3.0, 1.0, 5.0]
    assert timed.whole == 8.5
    assert timed.peak == layers.peak_model()[1] / 1.0


def test_the_command_writes_what_it_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = detector_bytes()
    path = save(detector_spec(data), data, tmp_path)
    main([str(path), "--calls", "1", "--each", "--json", str(tmp_path / "out.json")])
    printed = capsys.readouterr().out
    assert "| the model | 3 |" in printed and "QUANTIZE" in printed
    written = json.loads((tmp_path / "out.json").read_text())
    assert [row["what"] for row in written["rows"]] == [
        "convolutions, stride  8",
        "copies and new scales",
    ]
    assert written["threads"] == 1 and written["whole_ms"] > 0


@pytest.mark.parametrize("flag", ["--threads", "--calls"])
def test_nonsense_is_refused(flag: str) -> None:
    with pytest.raises(UsageError, match=f"{flag}: expected 1 or more, found 0"):
        main(["detector", flag, "0"])
