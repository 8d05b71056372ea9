"""The naive loop with the real frameworks on a short video."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")
pytest.importorskip("ultralytics")
pytest.importorskip("tensorflow")

from ultralytics.nn.tasks import DetectionModel  # noqa: E402 – after it is known to be there

from models.errors import SourceError  # noqa: E402
from tests.commands import execute, failure  # noqa: E402
from tests.media import noise, steady, write_video  # noqa: E402
from training.nets import Shape, build  # noqa: E402


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """The flags that name an untrained detector and an untrained classifier."""
    folder = tmp_path_factory.mktemp("runs")
    net = DetectionModel("yolo11n.yaml", nc=1, verbose=False)
    net.names = {0: "sign"}
    torch.save({"model": net, "epoch": -1, "train_args": {}}, folder / "final.pt")
    build("naive", Shape(48, 45, 1.0, 0.0), 0).save(folder / "final.keras")
    return ["--detector", folder, "--classifier", folder]


def test_both_are_timed_on_the_same_frames(runs: list[object], tmp_path: Path) -> None:
    video = write_video(tmp_path / "noise.mp4", steady(8), picture=noise)
    flags = [*runs, "--source", video, "--frames", 6, "--rounds", 1, "--json", "naive.json"]
    done = execute("calibration.naive", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "naive.json").read_text())
    assert list(result["naive"]["stages_ms"]) == ["decode", "detect", "classify", "draw", "encode"]
    assert result["edge_run"]["frames"] == 6
    assert result["times_as_fast"] > 0


def test_a_video_that_is_too_short_is_told_by_the_loops_own_process(
    runs: list[object], tmp_path: Path
) -> None:
    video = write_video(tmp_path / "short.mp4", steady(2), picture=noise)
    done = execute("calibration.naive", *runs, "--source", video, cwd=tmp_path)
    message = f"the naive loop failed: {video}: expected more than 3 frames, found 2"
    assert message in failure(done, SourceError.exit_code)
