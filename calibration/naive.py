"""The loop that most people write first, timed beside `edge.run` on the same video.

    python -m calibration.naive --detector runs/detector --classifier runs/twin

OpenCV reads, Ultralytics' `predict()` finds signs at 640, Keras' `predict()` reads each of them,
OpenCV draws and writes MPEG-4: the float nets of two training runs, the frameworks' own defaults.
`edge.run` does the same work with the published int8 models, and writes H.264. The two take turns,
each time in a process of its own, so that a busy minute hits both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.app import DEMO
from edge.bench import CHILD_TIMEOUT_S, spawn_whole
from edge.config import Config
from edge.core import Image
from edge.demo import VIDEO as DRIVE
from edge.machine import machine
from edge.measure import Stages
from edge.reports import write_json
from edge.sinks.files import prove_place
from models.command import CommandParser
from models.errors import SourceError, UsageError, run_command
from models.imaging import CROP_SIZE
from models.signs import COUNT, sign_class

INPUT = 640  # px: Ultralytics' default
WARM_UP = 3  # frames: both frameworks compile on their first pictures
GREEN = (0, 200, 0)
POINTS = (50, 95)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = CommandParser("calibration.naive", __doc__)
    parser.add_argument("--detector", type=Path, required=True, help="a detector's training run")
    parser.add_argument("--classifier", type=Path, required=True, help="a classifier's run")
    parser.add_argument("--source", default=DEMO, help="a video file; else the demo drive")
    parser.add_argument("--frames", type=int, default=150, help="of the video, each time")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is timed")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--loop", action="store_true", help="the naive loop alone, as JSON")
    flags = parser.parse(arguments)
    for name, least in (("frames", WARM_UP + 1), ("rounds", 1)):
        if getattr(flags, name) < least:
            raise UsageError(f"--{name}: expected {least} or more, found {getattr(flags, name)}")
    files = flags.detector / "final.pt", flags.classifier / "final.keras"
    for file in files:
        if not file.is_file():
            raise SourceError(f"{file}: expected the net of a finished training run, found none")
    video = DRIVE if flags.source == DEMO else Path(flags.source)
    if flags.loop:
        print(json.dumps(naive_loop(video, files, flags.frames)))
        return
    if flags.json:
        prove_place(flags.json)
    rounds: dict[str, list[dict[str, Any]]] = {"naive": [], "edge_run": []}
    for _ in range(flags.rounds):
        rounds["edge_run"].append(_edge(str(video), flags.frames))
        rounds["naive"].append(_spawn(flags))
    result = {"source": flags.source, "frames": flags.frames, **summed(rounds), **machine()}
    print(table(result))
    if flags.json:
        write_json(flags.json, result)


def naive_loop(video: Path, files: tuple[Path, Path], frames: int) -> dict[str, Any]:
    """Frames a second and milliseconds by stage; SourceError where the video cannot be read."""
    os.environ.setdefault("YOLO_OFFLINE", "true")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras  # noqa: PLC0415 – the frameworks are loaded only in the process that is timed
    from ultralytics import YOLO  # noqa: PLC0415

    detector, classifier = YOLO(str(files[0])), keras.models.load_model(files[1])
    capture, stages = cv2.VideoCapture(str(video)), Stages()
    fps = capture.get(cv2.CAP_PROP_FPS) or 30.0
    count, signs, started, writer = 0, 0, 0.0, None
    with tempfile.TemporaryDirectory() as folder:
        while count < frames:
            marks = [time.perf_counter()]
            grabbed, frame = capture.read()
            if not grabbed:
                break
            marks.append(time.perf_counter())
            found = detector.predict(frame, imgsz=INPUT, verbose=False)[0].boxes.xyxy.numpy()
            marks.append(time.perf_counter())
            labels = [_label(classifier, frame, box) for box in found]
            marks.append(time.perf_counter())
            for box, label in zip(found, labels, strict=True):
                left, top, right, bottom = (round(float(edge)) for edge in box)
                cv2.rectangle(frame, (left, top), (right, bottom), GREEN, 2)
                cv2.putText(frame, label, (left, top - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.6, GREEN, 2)
            marks.append(time.perf_counter())
            if writer is None:
                size = frame.shape[1], frame.shape[0]
                code = cv2.VideoWriter.fourcc(*"mp4v")
                writer = cv2.VideoWriter(str(Path(folder, "naive.mp4")), code, fps, size)
            writer.write(frame)
            marks.append(time.perf_counter())
            count += 1
            if count == WARM_UP:
                started = marks[-1]
            elif count > WARM_UP:
                names = ("decode", "detect", "classify", "draw", "encode")
                stages.add(dict(zip(names, np.diff(marks).tolist(), strict=True)))
                signs += len(found)
        seconds = time.perf_counter() - started
        if writer:
            writer.release()
    capture.release()
    if count <= WARM_UP:
        raise SourceError(f"{video}: expected more than {WARM_UP} frames, found {count}")
    return {
        "frames_per_second": round((count - WARM_UP) / seconds, 2),
        "signs_a_frame": round(signs / (count - WARM_UP), 2),
        "stages_ms": stages.percentiles(POINTS),
    }


def _label(classifier: Any, frame: Image, box: Any) -> str:
    left, top, right, bottom = (max(0, round(float(edge))) for edge in box)
    crop = frame[top : max(bottom, top + 1), left : max(right, left + 1), ::-1]
    small = cv2.resize(np.ascontiguousarray(crop), (CROP_SIZE, CROP_SIZE))
    answer = int(np.argmax(classifier.predict(small[None], verbose=0)[0]))
    return sign_class(answer).name if answer < COUNT else ""


def _edge(video: str, frames: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        output = str(Path(folder, "edge.mp4"))
        return spawn_whole(Config(source=video, output=output, max_frames=frames))


def _spawn(flags: Any) -> dict[str, Any]:
    """The naive loop in a fresh process; its errors are ours."""
    command = [sys.executable, "-m", "calibration.naive", "--loop", "--source", flags.source]
    command += ["--detector", str(flags.detector), "--classifier", str(flags.classifier)]
    command += ["--frames", str(flags.frames)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=CHILD_TIMEOUT_S, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise SourceError(f"the naive loop failed: {last.removeprefix('error: ')}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def summed(rounds: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """The median round of each, by frames a second, all rounds' rates, and how often as fast."""
    result: dict[str, Any] = {}
    for name, each in rounds.items():
        ranked = sorted(each, key=lambda one: float(one["frames_per_second"]))
        rates = [one["frames_per_second"] for one in each]
        result[name] = {**ranked[(len(ranked) - 1) // 2], "rounds": rates}
    ratio = result["edge_run"]["frames_per_second"] / result["naive"]["frames_per_second"]
    return {**result, "times_as_fast": round(ratio, 2)}


def table(result: dict[str, Any]) -> str:
    """The figures for people."""
    naive, edge = result["naive"], result["edge_run"]
    lines = [
        f"cpu         {result['cpu']}, {result['processors']} processors",
        f"source      {result['source']}, {result['frames']} frames",
        f"naive loop  {naive['frames_per_second']:8.1f} frames/s  (rounds: {_list(naive)})",
        f"edge.run    {edge['frames_per_second']:8.1f} frames/s  (rounds: {_list(edge)})",
        f"            {result['times_as_fast']:8.1f} times as fast",
        "",
        f"{'naive, ms':<12}" + "".join(f"{f'p{point}':>9}" for point in POINTS),
    ]
    lines += [
        f"{stage:<12}" + "".join(f"{values[f'p{point}']:9.2f}" for point in POINTS)
        for stage, values in naive["stages_ms"].items()
    ]
    return "\n".join(lines)


def _list(figures: dict[str, Any]) -> str:
    return ", ".join(f"{rate:g}" for rate in figures["rounds"])


if __name__ == "__main__":
    run_command(main)
