"""The demo drive: `python -m training.drive` draws drive.mp4 and, beside it, what is in it."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

from models.command import CommandParser
from models.errors import OutputError, UsageError, run_command
from training.lens import expose
from training.painter import Face, Picture
from training.pinhole import Camera
from training.resemblance import draw_histograms
from training.story import FPS, SECONDS, Story, story_of
from training.workers import one_thread_for_opencv
from training.world import Shot, look, whole

SIZE = (1280, 720)
FOCAL = 1.0 / 1.22  # of the picture's width
MIN_HEIGHT = 10.0  # pixels; a smaller sign is not in the truth
MIN_VISIBLE = 0.7
CRF = 27.5
PRESET = "slow"
LIMIT_BYTES = 8_000_000


class Glimpse(NamedTuple):
    """One frame of the drive: its picture and the signs that count in it."""

    image: Picture
    faces: tuple[Face, ...]


def camera_at(story: Story, at: float, size: tuple[int, int]) -> Camera:
    """Where the camera is at second `at`, shaken by the road."""
    s = story.distance(at)
    yaw, pitch, roll, bounce = story.shake(at)
    x, y, z = story.world.road.place(s, story.lane, story.eye + bounce).tolist()
    look_ahead = story.world.road.direction(s + 5.0)
    return Camera((x, y, z), look_ahead + yaw, story.pitch + pitch, roll, FOCAL * size[0], size)


def frame_at(story: Story, index: int, size: tuple[int, int] = SIZE) -> Glimpse:
    """Draw frame `index`; the same for the same story, index and size, in any order."""
    at = index / FPS
    mood = story.mood(at)
    camera = camera_at(story, at, size)
    later = camera_at(story, at + mood.exposure_s / 2, size)
    light, faces = look(
        story.world, Shot(camera, later, mood.exposure_s), mood.light, story.traffic(at)
    )
    scale = size[0] / SIZE[0]
    optics = mood.optics._replace(defocus=mood.optics.defocus * scale)
    image = expose(light, optics, np.random.default_rng([story.seed, index]))
    kept = (face for face in faces if whole(face, size, MIN_HEIGHT, MIN_VISIBLE))
    return Glimpse(image, tuple(sorted(kept, key=lambda face: face.sign)))


def truth_of(story: Story, seen: dict[int, list[list[float]]], size: tuple[int, int]) -> Any:
    """The drive's truth as it is written beside it."""
    signs = []
    for number, standing in enumerate(story.world.signs):
        boxes = seen.get(number, [])
        if boxes:
            signs.append(
                {
                    "id": number + 1,
                    "label": standing.label,
                    "name": standing.name,
                    "kind": "sign" if standing.label >= 0 else "foreign",
                    "from": round(boxes[0][0] / FPS, 3),
                    "to": round(boxes[-1][0] / FPS, 3),
                    "boxes": boxes,
                }
            )
    return {
        "video": "drive.mp4",
        "width": size[0],
        "height": size[1],
        "fps": FPS,
        "seed": story.seed,
        "command": f"python -m training.drive --seed {story.seed} --output edge/demo",
        "signs": signs,
    }


def prove_place(target: Path) -> None:
    """OutputError if no file can be written there: told before minutes are spent on drawing it."""
    part = target.with_name(f"{target.stem}.proof-{os.getpid()}{target.suffix}")
    try:
        if target.is_dir():
            raise OutputError(f"cannot write {target}: expected a file, found a folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        part.open("xb").close()  # never over a file that was there
        part.unlink()
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}") from error


def write_drive(
    story: Story, folder: Path, frames: int, size: tuple[int, int] = SIZE, jobs: int = 1
) -> None:
    """Draw the first `frames` frames into drive.mp4 and drive.json; OutputError if it cannot be."""
    part = folder / "drive.part.mp4"
    seen: dict[int, list[list[float]]] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with av.open(str(part), "w", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=FPS)
            stream.width, stream.height = size
            stream.pix_fmt = "yuv420p"
            stream.time_base = Fraction(1, FPS)
            stream.options = {"crf": str(CRF), "preset": PRESET, "threads": "1"}
            for index, glimpse in enumerate(_told(_drawn(story, frames, size, jobs), frames)):
                for face in glimpse.faces:
                    box = [round(value, 1) for value in face.box]
                    seen.setdefault(face.sign, []).append([index, *box])
                picture = av.VideoFrame.from_ndarray(glimpse.image, format="bgr24")
                picture.pts = index
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
        text = json.dumps(truth_of(story, seen, size)).replace('{"id"', '\n{"id"')
        part.replace(folder / "drive.mp4")
        (folder / "drive.json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write the drive into {folder}: {error}") from error
    finally:
        if part.exists():
            part.unlink()


def _draw(task: tuple[int, int, tuple[int, int]]) -> Glimpse:
    """One frame in a worker process; each builds the story for itself, once."""
    one_thread_for_opencv()
    seed, index, size = task
    return frame_at(story_of(seed), index, size)


def _drawn(story: Story, frames: int, size: tuple[int, int], jobs: int) -> Iterator[Glimpse]:
    """The frames one after the other, drawn by `jobs` processes."""
    if jobs <= 1:
        yield from (frame_at(story, index, size) for index in range(frames))
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(_draw, ((story.seed, index, size) for index in range(frames)))


def _told(glimpses: Iterator[Glimpse], frames: int) -> Iterator[Glimpse]:
    """The same, with a line of progress."""
    start = time.monotonic()
    for index, glimpse in enumerate(glimpses):
        yield glimpse
        if sys.stderr.isatty() or (index + 1) % 100 == 0:
            each = (time.monotonic() - start) / (index + 1)
            left = each * (frames - index - 1)
            end = "\r" if sys.stderr.isatty() else "\n"
            line = f"frame {index + 1}/{frames}  {each:.2f} s each, {left:.0f} s left  "
            print(line, end=end, file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = CommandParser("training.drive", __doc__)
    parser.add_argument("what", nargs="?", choices=["draw", "histograms"], default="draw")
    parser.add_argument("--seed", type=int, default=1, help="of everything random in the drive")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="PATH",
        help="draw: the folder; histograms: the PNG",
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help="draw only the beginning")
    parser.add_argument("--jobs", type=int, default=1, help="draw: in how many processes")
    parser.add_argument(
        "--drive",
        type=Path,
        default=Path("edge/demo"),
        metavar="FOLDER",
        help="histograms: where the drive lies",
    )
    options = parser.parse(argv)
    for name, value, least in (("seed", options.seed, 0), ("jobs", options.jobs, 1)):
        if value < least:
            raise UsageError(f"--{name}: expected {least} or more, found {value}")
    if not 1 / FPS <= options.seconds <= SECONDS:
        expected = f"expected a frame or more and up to {SECONDS:g}"
        raise UsageError(f"--seconds: {expected}, found {options.seconds:g}")
    if options.what == "histograms":
        prove_place(options.output)
        draw_histograms(options.drive, options.output)
        return
    prove_place(options.output / "drive.mp4")
    write_drive(
        story_of(options.seed), options.output, round(options.seconds * FPS), jobs=options.jobs
    )


if __name__ == "__main__":
    run_command(main)
