"""The published models are as good as they say: on the drawn drive, and on real data where it is.

A drop fails. The floors are the project's promise; the models' own JSON must also still be true.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from calibration import evaluate
from edge import app, demo
from edge.config import Config
from edge.core import Event
from edge.line import build, load_models
from edge.sources import open_source
from models.spec import find_model, load_spec

REAL = Path(os.environ.get("SIGN_DATA", "no data"))
needs_real = pytest.mark.skipif(
    not (REAL / "gtsrb").is_dir() or not (REAL / "gtsdb").is_dir(),
    reason="$SIGN_DATA names no folder with gtsrb/ and gtsdb/",
)
SAME = 0.003  # other processors round int8 models a little differently


@pytest.fixture(scope="module")
def drive() -> demo.Score:
    """The bundled drive, every frame of it, read by the published models."""
    config = Config(source=app.DEMO)
    line = build(load_models(config), config, stills=False)
    _, source = open_source(config.source)
    events: list[Event] = []
    for frame in source:
        events += line(frame).events
    return demo.score([*events, *line.finish()], demo.load_truth())


def test_nine_of_ten_signs_of_the_drive_are_read_right(drive: demo.Score) -> None:
    assert drive.recall >= 0.9, demo.report(drive)


def test_the_drive_gives_at_most_two_false_events(drive: demo.Score) -> None:
    assert len(drive.false_events) <= 2, demo.report(drive)


def held_out() -> str:
    """What the classifier's figures are of: itself, or its twin, that has not learnt everything."""
    named = load_spec(find_model("classifier")).origin.twin.split()
    return named[0] if named else "classifier"


def measured(tmp_path: Path, *arguments: str) -> dict[str, Any]:
    file = tmp_path / "report.json"
    evaluate.main([*arguments, "--part", "judge", "--json", str(file)])
    report: dict[str, Any] = json.loads(file.read_text())
    return report


@needs_real
@pytest.mark.parametrize(
    ("task", "data", "model", "key", "floors", "ceilings"),
    [
        ("classifier", "gtsrb", "classifier", "judge", {"top1": 0.985}, {"ece": 0.02}),
        ("detector", "gtsdb", "detector", "judge", {"ap50": 0.93}, {}),
        (
            "system",
            "gtsdb",
            "detector",
            "system",
            {"recall": 0.85},
            {"false_alarms_per_image": 0.2},
        ),
    ],
)
def test_held_out_figures_keep_their_floor_and_their_json(
    task: str,
    data: str,
    model: str,
    key: str,
    floors: dict[str, float],
    ceilings: dict[str, float],
    tmp_path: Path,
) -> None:
    reader = ["--model", held_out()] if task != "detector" else []
    found = measured(tmp_path, task, "--data", data, *reader)
    claimed = load_spec(find_model(model)).metrics[key]
    assert found["trained_on"] == 0
    for name, floor in floors.items():
        assert found[name] >= floor
        assert found[name] == pytest.approx(claimed[name], abs=SAME)
    for name, ceiling in ceilings.items():
        assert found[name] <= ceiling
        assert found[name] == pytest.approx(claimed[name], abs=0.02)
