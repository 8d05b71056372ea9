"""SIGKILL and full disks, to real processes: nothing before the last second is lost."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import av
import pytest

from tests.commands import ROOT, command, environment, execute
from tests.disks import mounted
from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.live

FPS = 25
BEHIND = 10  # events that an event log may lag behind the frames in these tests

# Writes frames and events no faster than the event logs follow, and says which was handed on.
PROGRAM = f"""
import sys, time
from dataclasses import replace
from pathlib import Path
import numpy as np
from edge.core import Frame, Scene
from edge.outputs import Runners
from edge.sinks.csv import CsvSink
from edge.sinks.jsonl import JsonlSink
from edge.sinks.video import VideoSink
from tests.scenes import make_event

folder, suffix = Path(sys.argv[1]), sys.argv[2]
runners = Runners(live=False)
video = VideoSink(folder / f"seen{{suffix}}", lambda scene: scene.frame.image, {FPS})
logs = [folder / "seen.part.jsonl", folder / "seen.part.csv"]
sinks = [
    runners.pictures(video, "video"),
    runners.events(JsonlSink(str(folder / "seen.jsonl")), "jsonl"),
    runners.events(CsvSink(str(folder / "seen.csv")), "csv"),
]
random = np.random.default_rng(0)
for index in range(10_000):
    image = np.repeat(np.repeat(random.integers(0, 255, (45, 80, 3), np.uint8), 8, 0), 8, 1)
    event = replace(make_event(), id=f"run-{{index}}")
    for sink in sinks:
        sink.write(Scene(Frame(image, index, index / {FPS}), (), (event,)))
    while min(log.read_text().count("\\n") for log in logs) < index - {BEHIND}:
        time.sleep(0.005)
    print(index, flush=True)
"""


def last_line(process: subprocess.Popen[str], count: int) -> int:
    """What the process has said when it has said so much."""
    assert process.stdout is not None
    said = -1
    for line in process.stdout:
        said = int(line)
        if said >= count:
            break
    return said


def frames_of(path: Path) -> int:
    """As many as any player shows: all that can be decoded, a torn last one does not count."""
    count = 0
    with av.open(str(path)) as container:
        try:
            for _ in container.decode(video=0):
                count += 1
        except av.error.InvalidDataError:
            pass
    return count


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("count", [60, 143, 222])
def test_a_kill_costs_no_more_than_the_last_second(suffix: str, count: int, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path), suffix],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        said = last_line(process, count)
        process.kill()

    events = [json.loads(line) for line in (tmp_path / "seen.part.jsonl").read_text().splitlines()]
    with (tmp_path / "seen.part.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    shown = frames_of(tmp_path / f"seen.part{suffix}")
    # The video's last half second, and the four frames in its queue.
    assert shown >= said - FPS
    assert min(len(events), len(rows)) >= said - BEHIND
    assert [event["id"] for event in events] == [f"run-{index}" for index in range(len(events))]
    assert [row["id"] for row in rows] == [f"run-{index}" for index in range(len(rows))]


def test_a_killed_run_is_kept_when_the_next_one_starts(tmp_path: Path) -> None:
    run = ("--source", "demo:", "-o", "seen.mp4", "--events", "seen.jsonl", "--max-frames")
    part = tmp_path / "seen.part.mp4"
    with subprocess.Popen(
        command("edge.run", *run, "600"), cwd=tmp_path, env=environment(), stderr=subprocess.DEVNULL
    ) as process:
        assert eventually(lambda: part.exists() and part.stat().st_size > 1_000_000)
        process.kill()
    second = execute("edge.run", *run, "5", cwd=tmp_path)

    assert second.returncode == 0, second.stderr
    assert "an earlier run was cut off; what it had written is kept as seen.cut-1.mp4" in (
        second.stderr
    )
    assert frames_of(tmp_path / "seen.cut-1.mp4") > 10
    assert frames_of(tmp_path / "seen.mp4") == 5
    names = {path.name for path in tmp_path.iterdir()}
    assert names <= {"seen.mp4", "seen.jsonl", "seen.cut-1.mp4", "seen.cut-1.jsonl"}


def test_a_full_disk_ends_one_output_and_leaves_it_playable(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=1m") as disk:
        done = execute(
            *("edge.run", "--source", "demo:", "--max-frames", "50"),
            *("-o", disk / "seen.mp4", "--events", "seen.jsonl", "--csv", "seen.csv"),
            cwd=tmp_path,
            limit_s=5 * PATIENCE_S,
        )

        assert done.returncode == 5, done.stderr
        full = [line for line in done.stderr.splitlines() if "No space left" in line]
        assert [line.partition(":")[0] for line in full] == ["WARNING", "error"]
        assert "the other outputs go on" in full[0]
        assert frames_of(disk / "seen.part.mp4") > 10
    events = [json.loads(line) for line in (tmp_path / "seen.jsonl").read_text().splitlines()]
    assert max(event["frame"] for event in events) == 49
    with (tmp_path / "seen.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(events)


def test_a_read_only_disk_is_told_before_the_first_frame(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "ro") as disk:
        for flag, name in (("-o", "seen.mp4"), ("--csv", "seen.csv"), ("--crops", "crops")):
            flags = ("--source", "demo:", "--events", "seen.jsonl", flag, disk / name)
            done = execute("edge.run", *flags, cwd=tmp_path)
            assert done.returncode == 5, done.stderr
            assert "Read-only file system" in done.stderr
            assert [path.name for path in tmp_path.iterdir()] == ["disk"]
