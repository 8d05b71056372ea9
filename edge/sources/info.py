"""What a source is told when it is opened, and what it tells about itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from edge.core import Frame, Health
from edge.handover import Closed, Queue

TICK_S = 1.0  # the main thread waits no longer than this for anything

Flip = Literal["none", "horizontal", "vertical", "both"]


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How to open a source.

    `max_pixels`: width × height above which a picture or a video is refused, before it is decoded.
    `read_ahead`: frames decoded ahead of the one in work, fewer where they are huge. `size`, `fps`:
    what a camera is asked for (it may give something else); None leaves it to the camera.
    `timeout_s`: how long a live source may stay silent before it is opened again. `rotate`:
    degrees clockwise, a quarter turn each; `flip` comes after it. `loop`: a file starts again at
    its end.
    """

    max_pixels: int = 50_000_000  # a 48-megapixel phone picture passes
    read_ahead: int = 4
    size: tuple[int, int] | None = None
    fps: float | None = None
    timeout_s: float = 5.0
    rotate: int = 0
    flip: Flip = "none"
    loop: bool = False


def always_online() -> Health:
    """The health of what cannot drop out, and has been there for ever."""
    return Health("online", 0.0)


def as_text(name: str) -> str:
    """A file's name with "?" for each byte of it that is no UTF-8, which no output takes."""
    return name.encode("utf-8", "replace").decode()


class SourceInfo(NamedTuple):
    """What is known about an open source.

    `name`: fit for a log, UTF-8. `live`: frames come by themselves and are dropped when not taken.
    `stills`: unrelated pictures, each a segment of its own. `frames`: how many to expect.
    `size`: (width, height) of the first frame, upright; None where a stream has not come yet.
    `fps`: the nominal or average rate. `health`: how it is when asked, from any thread.
    """

    name: str
    live: bool
    stills: bool
    frames: int | None = None
    size: tuple[int, int] | None = None
    fps: float | None = None
    health: Callable[[], Health] = always_online


class OpenSource(Iterator[Frame], Protocol):
    """An iterator of frames; closing it ends its thread and frees the device or file."""

    def take(self, timeout_s: float | None = None) -> Frame:
        """The next frame; Closed at the end, TimeoutError if none came in time."""
        ...

    def close(self) -> None: ...


def arrivals(source: OpenSource) -> Iterator[Frame | None]:
    """Its frames, and None for every second in which none came."""
    while True:
        try:
            yield source.take(TICK_S)
        except TimeoutError:  # noqa: PERF203 - it waits a second each time
            yield None
        except Closed:
            return


def waiting_room(options: SourceOptions) -> Queue[Frame]:
    """Where a file's frames wait that are read ahead."""
    return Queue(options.read_ahead, lambda frame: frame.image.nbytes)


def info_of_file(
    name: str, stills: bool, frames: int | None, first: Frame, fps: float
) -> SourceInfo:
    """What is known about a video or pictures, which cannot drop out once they are open."""
    health = Health("online", time.monotonic())
    return SourceInfo(as_text(name), False, stills, frames, size_of(first), fps, lambda: health)


def size_of(frame: Frame) -> tuple[int, int]:
    """(width, height) in pixels."""
    return frame.image.shape[1], frame.image.shape[0]
