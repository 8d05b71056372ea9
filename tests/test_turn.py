"""Pictures of a camera mounted on its side, upside down or behind a mirror are set upright."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
from media import corner_colours, quarters, read, steady, write_video

from edge.sources import SourceOptions
from edge.sources.device import Pause, Shot
from edge.sources.info import Flip
from edge.sources.turn import turn_device

UPRIGHT = ["red", "green", "blue", "white"]


@pytest.mark.parametrize(
    ("rotate", "flip", "expected"),
    [
        (0, "none", UPRIGHT),
        (90, "none", ["blue", "red", "white", "green"]),
        (180, "none", ["white", "blue", "green", "red"]),
        (270, "none", ["green", "white", "red", "blue"]),
        (0, "horizontal", ["green", "red", "white", "blue"]),
        (0, "vertical", ["blue", "white", "red", "green"]),
        (0, "both", ["white", "blue", "green", "red"]),
        (90, "horizontal", ["red", "blue", "green", "white"]),
    ],
)
def test_it_turns_clockwise_and_then_mirrors(rotate: int, flip: Flip, expected: list[str]) -> None:
    def lens(_: Pause) -> Generator[Shot, None, None]:
        yield Shot(quarters(), 7.0)

    device = turn_device(lens, SourceOptions(rotate=rotate, flip=flip))
    (shot,) = device(lambda _: False)

    assert corner_colours(shot.image) == expected
    assert shot.image.shape == ((64, 48, 3) if rotate in (90, 270) else (48, 64, 3))
    assert shot.image.flags.c_contiguous
    assert shot.time == 7.0


def test_a_device_that_is_not_turned_is_left_as_it_is() -> None:
    def lens(_: Pause) -> Generator[Shot, None, None]:
        yield Shot(np.zeros((4, 4, 3), np.uint8), 0.0)

    assert turn_device(lens, SourceOptions()) is lens


def test_a_device_is_freed_where_only_a_part_of_it_was_wanted() -> None:
    freed = []

    def lens(_: Pause) -> Generator[Shot, None, None]:
        try:
            while True:
                yield Shot(quarters(), 0.0)
        finally:
            freed.append(True)

    shots = turn_device(lens, SourceOptions(rotate=90))(lambda _: False)
    next(shots)
    shots.close()

    assert freed == [True]


def test_files_are_turned_as_well(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", steady(3))

    info, frames = read(path, SourceOptions(rotate=90))

    assert info.size == (48, 64)
    assert corner_colours(frames[0].image) == ["blue", "red", "white", "green"]
