"""A picture a sign: from its best frame, under its name, within a quota."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.core import Box, Detection, Event, EventKind, Frame, Image, Scene, Sign, Track
from edge.sinks.best import LOOKS, TRACKS, BestFrames
from edge.sinks.quota import MB, Quota
from edge.sinks.shots import Shots, crop_of, snapshot_of
from models.errors import OutputError
from tests.disks import mounted
from tests.scenes import KEEP_RIGHT, SPEED_50, UNKNOWN, grey, make_event

RUN = "0123456789abcdef0123456789abcdef"


class Recorder:
    """A sink that keeps its scenes."""

    lossless = True

    def __init__(self) -> None:
        self.scenes: list[Scene] = []
        self.last: Sequence[Event] | None = None

    def write(self, scene: Scene) -> None:
        self.scenes.append(scene)

    def finish(self, events: Sequence[Event]) -> None:
        self.last = events

    def close(self) -> None:
        pass

    def shown(self) -> list[tuple[str, int, float]]:
        """Kind of the event, frame, width of the box."""
        return [(s.events[0].kind, s.frame.index, s.tracks[0].box.width) for s in self.scenes]


def square(size: float, x: float = 100.0) -> Box:
    return Box(x, 100.0, x + size, 100.0 + size)


def seen(index: int, size: float, *events: Event, track: int = 7, x: float = 100.0) -> Scene:
    """A frame with one track of that size; 0: it is not detected."""
    box = square(max(size, 1), x)
    tracks = (Track(track, box, Detection(box, 0.9) if size else None),)
    return Scene(Frame(grey(640, 480, index % 256), index, index / 10), tracks, events)


def event(kind: EventKind, frame: int, size: float, label: int = SPEED_50) -> Event:
    return replace(
        make_event(kind, label),
        id=f"{RUN}-{frame}",
        sign_id=f"{RUN}-s1",
        box=square(size),
        box_frame=frame,
    )


def test_an_event_comes_with_the_very_frame_of_its_best_box() -> None:
    recorder = Recorder()
    best = BestFrames(recorder)
    for index, size in enumerate((20, 30, 0, 0)):
        best.write(seen(index, size))
    best.write(seen(4, 0, event("new", frame=1, size=30)))

    (scene,) = recorder.scenes
    assert scene.frame.index == 1
    assert scene.frame.image[0, 0, 0] == 1
    assert scene.tracks == (
        Track(7, square(30), Detection(square(30), 0.968), Sign(SPEED_50, 0.968, 5), "confirmed"),
    )


def test_at_the_end_the_picture_comes_again_only_if_a_larger_one_was_found() -> None:
    recorder = Recorder()
    best = BestFrames(recorder)
    best.write(seen(0, 30, event("new", 0, 30)))
    best.write(seen(1, 60))
    best.write(seen(2, 0, event("end", 1, 60)))
    best.write(seen(3, 40, replace(event("new", 3, 40), sign_id=f"{RUN}-s2")))
    best.finish([replace(event("end", 3, 40), sign_id=f"{RUN}-s2")])

    assert recorder.shown() == [("new", 0, 30), ("end", 1, 60), ("new", 3, 40)]
    assert recorder.last == ()


def test_where_the_very_frame_is_gone_the_largest_look_takes_its_place() -> None:
    recorder = Recorder()
    best = BestFrames(recorder)
    for index in range(LOOKS + 2):
        best.write(seen(index, 20 + 10 * index))
    best.write(seen(9, 0, event("new", 0, 20)))

    assert recorder.shown() == [("new", LOOKS + 1, 30 + 10 * LOOKS)]


def test_a_box_that_the_edge_cuts_is_worth_less_than_a_whole_one() -> None:
    recorder = Recorder()
    best = BestFrames(recorder)
    best.write(seen(0, 30))
    best.write(seen(1, 200, x=-20.0))
    best.write(seen(2, 0, event("new", 99, 30)))

    assert recorder.shown() == [("new", 0, 30)]


def test_a_sign_of_which_nothing_was_kept_has_no_picture() -> None:
    recorder = Recorder()
    BestFrames(recorder).write(seen(5, 0, event("new", 1, 30)))

    assert recorder.scenes == []


def test_a_class_that_is_corrected_comes_again() -> None:
    recorder = Recorder()
    best = BestFrames(recorder)
    best.write(seen(0, 30, event("new", 0, 30)))
    best.write(seen(1, 20, event("update", 0, 30, KEEP_RIGHT)))
    best.write(seen(2, 0, event("end", 0, 30, KEEP_RIGHT)))

    assert [scene.tracks[0].sign.label for scene in recorder.scenes] == [  # type: ignore[union-attr]
        SPEED_50,
        KEEP_RIGHT,
    ]


def test_however_many_signs_there_are_few_pictures_are_held() -> None:
    best = BestFrames(Recorder())
    scenes = [seen(index, 10 + index, track=index) for index in range(5 * TRACKS)]
    for scene in scenes:
        best.write(scene)

    held = {id(look.frame) for looks in best._looks.values() for look in looks}
    assert len(held) == TRACKS


def test_what_was_held_of_a_track_is_let_go() -> None:
    best = BestFrames(Recorder())
    best.write(seen(0, 30, event("new", 0, 30)))
    best.write(seen(1, 0, event("end", 0, 30)))
    best.write(seen(2, 30, track=8))
    best.write(seen(300, 0))  # half a minute later

    assert not best._looks


def test_a_sign_that_is_told_of_after_a_long_outage_has_its_picture() -> None:
    recorder = Recorder()
    best = BestFrames(recorder)
    best.write(seen(0, 30))
    best.write(seen(300, 0, event("new", 0, 30), event("end", 0, 30)))  # half a minute later

    assert recorder.shown() == [("new", 0, 30)]


# --- the files ---


def shot(number: int, kind: EventKind = "new", label: int = SPEED_50, sign: int = 1) -> Scene:
    """A scene as `BestFrames` makes it; the picture tells its number."""
    told = replace(event(kind, number, 40, label), sign_id=f"{RUN}-s{sign}")
    track = Track(7, square(40), Detection(square(40), 0.9), told.sign, "confirmed")
    return Scene(Frame(grey(640, 480, number), number, 0.0), (track,), (told,))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def picture(path: Path) -> Image:
    image = cv2.imread(str(path))
    assert image is not None
    return image  # type: ignore[return-value]


def test_a_crop_is_named_after_its_sign_and_has_a_margin(tmp_path: Path) -> None:
    sink = Shots(tmp_path / "crops", crop_of)
    sink.write(shot(50))
    sink.write(shot(90, label=UNKNOWN, sign=2))
    sink.finish([])
    sink.close()

    assert names(tmp_path / "crops") == [
        f"00000001-{RUN}-s1-speed-limit-50.jpg",
        f"00000002-{RUN}-s2-unknown.jpg",
    ]
    image = picture(tmp_path / "crops" / f"00000001-{RUN}-s1-speed-limit-50.jpg")
    assert image.shape == (52, 52, 3)
    assert abs(int(image.mean()) - 50) < 3


@pytest.mark.parametrize(
    ("box", "shape"),
    [
        (Box(0, 0, 20, 20), (23, 23, 3)),
        (Box(-30, 10, -10, 30), (26, 1, 3)),
        (Box(630, 470, 700, 500), (15, 21, 3)),
        (Box(50, 50, 50, 50), (1, 1, 3)),
    ],
    ids=["in the corner", "outside", "over the edge", "empty"],
)
def test_a_crop_is_cut_at_the_edge_and_never_empty(box: Box, shape: tuple[int, int, int]) -> None:
    scene = shot(1)

    assert crop_of(replace(scene, tracks=(replace(scene.tracks[0], box=box),))).shape == shape


def test_a_snapshot_is_the_whole_picture_with_the_sign_marked(tmp_path: Path) -> None:
    Shots(tmp_path, snapshot_of).write(shot(50))

    (name,) = names(tmp_path)
    image = picture(tmp_path / name)
    assert image.shape == (480, 640, 3)
    assert image[95:145, 95:145].max() > 150  # the box
    assert abs(int(image[300:, 300:].mean()) - 50) < 3


def test_a_better_picture_takes_the_place_of_the_first(tmp_path: Path) -> None:
    sink = Shots(tmp_path, crop_of)
    sink.write(shot(50))
    sink.write(shot(200, "end"))

    (name,) = names(tmp_path)
    assert abs(int(picture(tmp_path / name).mean()) - 200) < 3


def test_a_corrected_class_changes_the_name(tmp_path: Path) -> None:
    sink = Shots(tmp_path, crop_of)
    sink.write(shot(50))
    sink.write(shot(50, "update", KEEP_RIGHT))

    assert names(tmp_path) == [f"00000001-{RUN}-s1-keep-right.jpg"]


def test_a_second_run_goes_on_counting_and_keeps_the_files_of_the_first(tmp_path: Path) -> None:
    for _ in range(2):
        Shots(tmp_path, crop_of).write(shot(50))

    assert [name[:9] for name in names(tmp_path)] == ["00000001-", "00000002-"]


def test_a_folder_that_cannot_be_written_to_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="found a file"):
        Shots(tmp_path / "file", crop_of)
    with mounted(tmp_path / "disk", "ro") as disk, pytest.raises(OutputError, match="Read-only"):
        Shots(disk / "crops", crop_of)


def test_a_full_disk_is_one_error_and_leaves_only_whole_pictures(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with mounted(tmp_path / "disk", "size=64k") as disk:
        sink = Shots(disk, lambda _: rng.integers(0, 256, (80, 80, 3)).astype(np.uint8))
        with pytest.raises(OutputError, match="No space left on device"):
            for number in range(100):
                sink.write(shot(number, sign=number))

        assert names(disk)
        assert all(picture(path).shape == (80, 80, 3) for path in disk.iterdir())


# --- the quota ---


def own(folder: Path, number: int, size: int, written: float = 0.0) -> Path:
    path = folder / f"{number:08d}-{RUN}-s{number}-stop.jpg"
    path.write_bytes(b"x" * size)
    os.utime(path, (written, written))
    return path


def small(megabytes: float, hours: float = 0, now: float = 0.0) -> Callable[[Path], Quota]:
    return partial(Quota, megabytes=megabytes, hours=hours, now=lambda: now)


def test_the_oldest_files_go_also_those_of_earlier_runs_and_no_others(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        own(tmp_path, number, 400_000)
    strangers = ["holiday.jpg", f"00000001-{RUN}-s1-stop.png", f"{RUN}-s1-stop.jpg"]
    for name in strangers:
        (tmp_path / name).write_bytes(b"x" * MB)
    quota = small(1.0)(tmp_path)

    assert quota.number == 4
    left = [name for name in names(tmp_path) if name not in strangers]
    assert left == [f"0000000{n}-{RUN}-s{n}-stop.jpg" for n in (2, 3)]

    quota.add(own(tmp_path, 4, 700_000).name, 700_000)
    left = [name for name in names(tmp_path) if name not in strangers]
    assert left == [f"00000004-{RUN}-s4-stop.jpg"]
    assert {*strangers} <= {*names(tmp_path)}


def test_what_is_too_old_goes(tmp_path: Path) -> None:
    for number, hours in ((1, 30), (2, 25), (3, 23), (4, 1)):
        own(tmp_path, number, 10, written=100 * 3600 - hours * 3600)
    small(0, hours=24, now=100 * 3600)(tmp_path)

    assert [name[:8] for name in names(tmp_path)] == ["00000003", "00000004"]


def test_a_clock_that_jumps_back_an_hour_changes_neither_order_nor_age(tmp_path: Path) -> None:
    now = [100 * 3600.0]
    quota = Quota(tmp_path, megabytes=0.001, hours=24, now=lambda: now[0])
    quota.add(own(tmp_path, 1, 400).name, 400)
    now[0] -= 3600
    quota.add(own(tmp_path, 2, 400).name, 400)
    assert len(names(tmp_path)) == 2

    quota.add(own(tmp_path, 3, 400).name, 400)

    assert [name[:8] for name in names(tmp_path)] == ["00000002", "00000003"]


def test_a_clock_that_is_set_ages_no_file_of_this_run(tmp_path: Path) -> None:
    wall, steady = [0.0], [0.0]
    quota = Quota(tmp_path, hours=24, now=lambda: wall[0], steady=lambda: steady[0])
    quota.add(own(tmp_path, 1, 10).name, 10)
    wall[0] += 72 * 3600  # a board without a clock of its own hears the time
    quota.add(own(tmp_path, 2, 10).name, 10)
    assert len(names(tmp_path)) == 2

    steady[0] += 25 * 3600
    quota.add(own(tmp_path, 3, 10).name, 10)
    assert [name[:8] for name in names(tmp_path)] == ["00000003"]


def test_the_newest_file_stays_even_if_it_is_larger_than_the_quota(tmp_path: Path) -> None:
    quota = small(0.001)(tmp_path)
    quota.add(own(tmp_path, 1, 5000).name, 5000)

    assert len(names(tmp_path)) == 1


@pytest.mark.parametrize("part", ["part", "part-4711"])
def test_half_a_file_of_a_killed_run_is_cleared_away(part: str, tmp_path: Path) -> None:
    (tmp_path / f"00000007-{RUN}-s7-stop.{part}.jpg").write_bytes(b"half")
    small(1.0)(tmp_path)

    assert names(tmp_path) == []
