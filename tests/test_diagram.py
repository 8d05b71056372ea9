"""Reliability diagrams come from a model's JSON, and say what its bins hold."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from small_models import classifier_spec, save

from calibration import diagram, metrics
from models.errors import ModelError, OutputError, UsageError

SURE, RIGHT = np.array([0.95, 0.97, 0.5, 0.52]), np.array([True, True, True, False])
EACH = {"ece": 0.0421, "reliability": metrics.reliability_rows(SURE, RIGHT)}
METRICS: dict[str, Any] = {
    "judge": {**EACH, "severity": [EACH, EACH, {**EACH, "ece": 0.2}, EACH, EACH]},
    "street": {"detected": {**EACH, "ece": 0.1}},
}


def published(folder: Path, figures: dict[str, Any]) -> str:
    spec = dataclasses.replace(classifier_spec(b""), metrics=figures)
    return str(save(spec, b"", folder))


def test_each_bin_is_a_line_below_its_diagram(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    diagram.main([published(tmp_path, METRICS)])
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if ":" in line] == [
        "clean crops: calibration error 4.21 %",
        "corrupted, severity 3: calibration error 20.00 %",
        "the detector's crops: calibration error 10.00 %",
    ]
    rows = [line.split() for line in printed[2:4]]
    assert rows == [
        ["47", "to", "53", "%", "2", "51.00", "%", "50.00", "%"],
        ["93", "to", "100", "%", "2", "96.00", "%", "100.00", "%"],
    ]


def test_the_diagrams_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    model = published(tmp_path, METRICS)
    diagram.main([model, "--plot", str(tmp_path / "drawn.png")])
    whole = cv2.imread(str(tmp_path / "drawn.png"))
    assert whole is not None
    blue = (whole[:, :, 0].astype(int) - whole[:, :, 2] > 60).sum(axis=0)
    thirds = [third.sum() for third in np.array_split(blue, 3)]
    assert min(thirds) > 100


def test_a_model_without_bins_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="published with its reliability, found none called 'sev"):
        diagram.main([published(tmp_path, {**METRICS, "judge": {"ece": 0.1}})])


def test_a_plot_needs_a_name_of_its_kind_and_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"--plot: expected a file called \.png, found x\.txt"):
        diagram.main(["classifier", "--plot", str(tmp_path / "x.txt")])
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match=r"expected Matplotlib, found none; `pip install"):
        diagram.main(["classifier", "--plot", str(tmp_path / "x.png")])


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        diagram.main(["classifier", "--plot", str(tmp_path / "file" / "x.png")])
