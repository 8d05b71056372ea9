"""A recording that starts again at its end, for ever."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace

from edge.core import Frame

Frames = Generator[Frame, None, None]


def again(first: Frames, reopen: Callable[[], Frames], step_s: float) -> Frames:
    """The frames of `first`, then those of `reopen` again and again, each time a new segment.

    `index` and `time` go on rising; `step_s` lies between the last frame and the next first one.
    It ends if there is nothing to repeat.
    """
    index, segment, seconds = 0, 0, 0.0
    frames = first
    while True:
        last = None
        with closing(frames):
            for frame in frames:
                last = replace(
                    frame,
                    index=frame.index + index,
                    time=frame.time + seconds,
                    segment=frame.segment + segment,
                )
                yield last
        if last is None:
            return
        index, segment, seconds = last.index + 1, last.segment + 1, last.time + step_s
        frames = reopen()
