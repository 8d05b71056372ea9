"""`python -m edge.bench`: every figure is there, measured on a real video in real processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import av
import cv2
import pytest

from edge.bench import POINTS, time_stages
from edge.config import Config
from tests.commands import TIMEOUT_S, environment, execute, failure, patient_command
from tests.media import noise, steady, write_video
from tests.waiting import eventually

LIMIT_S = 900.0  # it starts three processes with both models each


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bench") / "noise.mp4"
    return write_video(path, steady(40), picture=noise)


def test_every_figure_is_measured(video: Path, tmp_path: Path) -> None:
    arguments = ("--source", video, "--frames", "5", "--json", "bench.json")
    done = execute("edge.bench", *arguments, cwd=tmp_path, limit_s=LIMIT_S)

    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "bench.json").read_text())
    stages = ["decode", "detect", "track", "classify", "decide", "draw", "encode", "end_to_end"]
    assert list(result["stages_ms"]) == stages
    points = [f"p{point}" for point in POINTS]
    for values in result["stages_ms"].values():
        assert list(values) == points
        assert 0 <= values["p50"] <= values["p95"] <= values["p99"]
    parts = sum(result["stages_ms"][s]["p50"] for s in ("detect", "draw", "encode"))
    assert result["stages_ms"]["end_to_end"]["p99"] > parts / 2
    each = result["bare"]["each"]
    assert len(each) == 2
    assert result["bare"]["frames_per_second"] == pytest.approx(sum(each) / 2, rel=0.02)
    for beside, whole in zip(each, result["whole"].values(), strict=True):
        assert whole["frames"] == 25
        assert whole["frames_per_second"] == pytest.approx(25 / whole["seconds"], rel=0.01)
        assert whole["first_result_s"] > 0
        assert 50 < whole["peak_memory_mib"] < 4000
        rate = whole["frames_per_second"] / beside
        assert whole["share_of_bare"] == pytest.approx(rate, rel=0.02)
    assert set(result["whole"]) == {"events", "events_and_video"}
    assert 0 <= result["reads_a_frame"] <= 4
    assert result["threads"] >= 1
    assert result["cpu"] in done.stdout
    assert {"numpy", "av"} <= set(result["packages"])
    for word in ("detect", "encode", "end_to_end", "events and video", "bare invoke()"):
        assert word in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_a_bench_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    command = patient_command("edge.bench", "--frames", "400")
    surroundings = environment() | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=surroundings
    ) as bench:
        assert eventually(lambda: any(tmp_path.glob("*/*")))  # its folder is in use
        bench.terminate()
        assert bench.communicate(timeout=TIMEOUT_S)[1] == ""
        assert bench.returncode == 128 + signal.SIGTERM

    assert list(tmp_path.iterdir()) == []


def test_stages_are_measured_in_pictures_that_are_turned_as_asked(
    video: Path, tmp_path: Path
) -> None:
    upright, turned = tmp_path / "upright.mp4", tmp_path / "turned.mp4"
    time_stages(Config(source=str(video), threads=1), 1, str(upright))
    time_stages(Config(source=str(video), threads=1, rotate=90), 1, str(turned))

    with av.open(str(upright)) as before, av.open(str(turned)) as after:
        sizes = [(s.width, s.height) for s in (before.streams.video[0], after.streams.video[0])]
    assert sizes[1] == sizes[0][::-1]
    assert sizes[1] != sizes[0]


def test_pictures_are_measured_and_nothing_of_a_deployment_is_touched(tmp_path: Path) -> None:
    shots = tmp_path / "shots"
    shots.mkdir()
    for number in range(22):
        cv2.imwrite(str(shots / f"{number}.png"), noise(number))
    (tmp_path / "edge.toml").write_text(
        'source = "shots"\nstore = "events.sqlite"\nannounce = "voice"\nweb = "127.0.0.1:1"\n'
    )

    done = execute("edge.bench", "--frames", "1", cwd=tmp_path, limit_s=LIMIT_S)

    assert done.returncode == 0, done.stderr
    assert "events and pictures" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edge.toml", "shots"]


def test_a_video_that_is_too_short_is_named(tmp_path: Path) -> None:
    short = write_video(tmp_path / "short.mp4", steady(10), picture=noise)

    done = execute("edge.bench", "--source", short, cwd=tmp_path)

    assert "expected more than 20 frames, found 10" in failure(done, 3)


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["--frames", "0"], "--frames: expected 1 or more, found 0", 2),
        (["--frmes", "9"], 'unknown argument --frmes; did you mean "--frames"?', 2),
        (["--json", "."], "expected a file to write, found a folder", 5),
        (["--json", "/proc/nowhere/figures.json"], "/proc/nowhere: cannot make this folder", 5),
        (["--source", "gone.mp4"], "gone.mp4 does not exist", 3),
    ],
)
def test_wrong_use_is_named(arguments: list[str], message: str, code: int, tmp_path: Path) -> None:
    assert message in failure(execute("edge.bench", *arguments, cwd=tmp_path), code)
