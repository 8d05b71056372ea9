"""What a source is told when it is opened, and what it tells about itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from edge.core import Frame, Health


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How to open a source.

    `max_pixels`: width × height above which a picture or a video is refused, before it is decoded.
    `read_ahead`: frames decoded ahead of the one in work. `width`, `height`, `fps`: what a camera
    is asked for (it may give something else). `timeout_s`: how long a camera may stay silent.
    """

    max_pixels: int = 50_000_000  # a 48-megapixel phone picture passes
    read_ahead: int = 4
    width: int = 1280
    height: int = 720
    fps: float = 30.0
    timeout_s: float = 5.0


def always_online() -> Health:
    """The health of what cannot drop out: files and pictures."""
    return Health("online", 0.0)


class SourceInfo(NamedTuple):
    """What is known about an open source.

    `name`: fit for a log. `live`: frames come by themselves and are dropped when not taken.
    `stills`: unrelated pictures, each a segment of its own. `frames`: how many to expect.
    `size`: (width, height) of the first frame, upright. `fps`: the nominal or average rate.
    `health`: how it is when asked, from any thread.
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

    def close(self) -> None: ...


def size_of(frame: Frame) -> tuple[int, int]:
    """(width, height) in pixels."""
    return frame.image.shape[1], frame.image.shape[0]
