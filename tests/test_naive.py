"""The naive loop beside ours: what is refused, and how rounds become figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from calibration.naive import main, summed, table
from models.errors import SourceError, UsageError


def finished(folder: Path, name: str) -> str:
    folder.mkdir()
    (folder / name).touch()
    return str(folder)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--frames", "3"], "--frames: expected 4 or more, found 3"),
        (["--rounds", "0"], "--rounds: expected 1 or more, found 0"),
        (["--fames", "3"], "unknown argument --fames"),
    ],
)
def test_wrong_numbers_are_refused(flags: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        main(["--detector", "a", "--classifier", "b", *flags])


def test_a_run_without_its_net_is_named(tmp_path: Path) -> None:
    detector = finished(tmp_path / "detector", "final.pt")
    with pytest.raises(SourceError, match=r"final\.keras: expected the net of a finished"):
        main(["--detector", detector, "--classifier", str(tmp_path)])


def test_the_median_round_counts_and_the_ratio_is_of_medians() -> None:
    def rounds(*rates: float) -> list[dict[str, Any]]:
        stages = {"detect": {"p50": 60.0, "p95": 70.0}}
        return [{"frames_per_second": rate, "stages_ms": stages} for rate in rates]

    found = summed({"naive": rounds(5.0, 4.0, 7.0), "edge_run": rounds(30.0, 45.0, 10.0)})
    assert found["naive"]["frames_per_second"] == 5.0
    assert found["edge_run"]["rounds"] == [30.0, 45.0, 10.0]
    assert found["times_as_fast"] == 6.0
    text = table({**found, "cpu": "a", "processors": 2, "source": "demo:", "frames": 9})
    assert "6.0 times as fast" in text
    assert "detect          60.00    70.00" in text
