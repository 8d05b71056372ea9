"""What a live source reads from: a camera, a stream or the test picture, opened anew each time."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import NamedTuple, Protocol

from edge.core import Image
from models.errors import SourceError

Pause = Callable[[float], bool]  # waits so many seconds; True, and early, when nobody wants more


class Shot(NamedTuple):
    """One picture, BGR, and the monotonic second at which it came."""

    image: Image
    time: float


class Device(Protocol):
    """Opens the device, gives its pictures as they come and frees it at the end or when closed.

    It ends by itself only where there is nothing more to come. SourceError where it cannot be
    opened or has gone; `Lost` where that may well mend itself.
    """

    def __call__(self, pause: Pause) -> Generator[Shot, None, None]: ...


class Lost(SourceError):  # noqa: N818 - a state of the device, not the end of it
    """Not there, but it may come: also worth another try where it was never there before."""
