"""`python -m calibration.tracking` on the beginning of the bundled drive, with the real models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands import execute, failure

LIMIT_S = 900.0  # sixty frames through both models


def test_every_pace_is_measured(tmp_path: Path) -> None:
    arguments = ("--seconds", "2", "--json", "tracking.json")
    done = execute("calibration.tracking", *arguments, cwd=tmp_path, limit_s=LIMIT_S)

    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "tracking.json").read_text())
    assert list(result["clips"]) == ["drive 1"]
    paces = result["clips"]["drive 1"]
    assert list(paces) == ["1", "2", "3"]
    assert result["all"] == paces
    for found in paces.values():
        assert found["signs"] > 3
        assert found["right"] + found["wrong"] <= found["signs"]
        assert found["minutes"] == pytest.approx(2 / 60, abs=0.01)
        assert found["identity_switches"] >= 0
    assert paces["1"]["right"] >= 1
    assert paces["1"]["events_per_sign"] >= 1
    assert paces["3"]["iou_between"] > 0.5  # the tracker knows where a sign is by then
    assert result["detector"]["name"] == "detector"
    assert "events/sign" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds"], "--stills: expected 1 or more, or --seeds, found 0"),
        (["--seeds", "-3"], "--seeds: expected 0 or more, found -3"),
        (["--seconds", "0"], "--seconds: expected more than 0, found 0"),
        (["--seed", "2"], 'unknown argument --seed; did you mean "--seeds"?'),
    ],
)
def test_wrong_use_is_named(arguments: list[str], message: str, tmp_path: Path) -> None:
    assert message in failure(execute("calibration.tracking", *arguments, cwd=tmp_path), 2)
