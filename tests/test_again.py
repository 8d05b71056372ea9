"""A file that starts again: numbers and time go on, and every pass is a segment of its own."""

from __future__ import annotations

from collections.abc import Generator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from media import quarters, steady, write_video

from edge.core import Frame
from edge.sources import SourceOptions, open_source
from edge.sources.again import again
from models.errors import UsageError

LOOP = SourceOptions(loop=True)


def test_a_video_goes_on_for_ever(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", steady(3))

    info, source = open_source(str(path), LOOP)
    frames = list(islice(source, 8))
    source.close()

    assert info.frames is None
    assert [frame.index for frame in frames] == list(range(8))
    assert [frame.time for frame in frames] == pytest.approx([n / 25 for n in range(8)])
    assert [frame.segment for frame in frames] == [0, 0, 0, 1, 1, 1, 2, 2]


def test_pictures_go_on_for_ever(tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        cv2.imwrite(str(tmp_path / name), quarters())

    info, source = open_source(str(tmp_path), LOOP)
    frames = list(islice(source, 5))
    source.close()

    assert info.frames is None
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.segment for frame in frames] == [0, 1, 2, 3, 4]
    assert [Path(frame.name).name for frame in frames] == ["1.png", "2.png"] * 2 + ["1.png"]


def test_what_has_become_empty_ends() -> None:
    def one() -> Generator[Frame, None, None]:
        yield Frame(np.zeros((1, 1, 3), np.uint8), 0, 0.0)

    def none() -> Generator[Frame, None, None]:
        yield from ()

    assert len(list(again(one(), none, 1.0))) == 1


def test_what_is_live_cannot_start_again() -> None:
    with pytest.raises(UsageError, match="expected a file or pictures"):
        open_source("test:", LOOP)
