"""Pictures that are sent to the page: checked, decoded and read, one at a time."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import perf_counter
from typing import Any, NamedTuple

from edge.classifier import SignClassifier
from edge.config import Config
from edge.core import Image
from edge.reader import Reader
from edge.sources.info import SourceOptions
from edge.sources.pictures import decode_picture
from edge.web.sink import class_facts, rounded

FORMATS = ("JPEG", "PNG", "WEBP", "BMP")  # Pillow's names
MAX_BYTES = 24_000_000
MAX_PICTURES = 4  # on their way or being read; whoever comes then is asked to come again
NICENESS = 10  # the line goes first

Model = Callable[[], tuple[Reader, SignClassifier]]


class Busy(Exception):  # noqa: N818 - a state, not an error
    """Too many pictures are on their way already."""


class PictureReader:
    """Reads pictures on nets of its own and a patient thread, so that the line is not disturbed.

    `load` makes them at the first picture, and again at the next after the `settings` have changed.
    """

    def __init__(self, load: Model, settings: Callable[[], Config] = Config) -> None:
        self._load = load
        self._settings = settings
        self._loaded_by: Config | None = None
        self._nets: tuple[Reader, SignClassifier] | None = None
        self._turn = asyncio.Lock()
        self._pictures = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Room for one picture, from its first byte to its answer; Busy where there is none.

        So all pictures that are held at once are bounded, whoever sends them.
        """
        if self._pictures >= MAX_PICTURES:
            raise Busy
        self._pictures += 1
        try:
            yield
        finally:
            self._pictures -= 1

    async def read(self, data: bytes) -> dict[str, Any]:
        """What stands in an encoded picture: see `answer`.

        SourceError for what is no picture of an allowed kind and size.
        """
        async with self._turn:
            return await _on_a_thread(lambda: self._read(data))

    def _read(self, data: bytes) -> dict[str, Any]:
        image = decode_picture(data, "this file", SourceOptions().max_pixels, FORMATS)
        settings = self._settings()
        if self._nets is None or settings != self._loaded_by:
            self._nets, self._loaded_by = self._load(), settings
        return answer(image, *self._nets)


class Found(NamedTuple):
    """A sign of the answer; `box` in pixels of the upright picture."""

    label: int
    probability: float
    box: tuple[float, float, float, float]


def answer(image: Image, reader: Reader, classifier: SignClassifier) -> dict[str, Any]:
    """The picture's size and its signs, best first, as JSON can hold them; none is an empty list.

    Where the detector finds nothing, the picture itself is taken for a cropped sign (`whole`).
    """
    start = perf_counter()
    height, width = image.shape[:2]
    found = [
        Found(read.reading.label, read.reading.score, read.detection.box)
        for read in reader.read(image)
    ]
    whole = not found
    if whole:
        reading = classifier.classify_crop(image)
        if reading.kind != "background":
            found = [Found(reading.label, reading.score, (0, 0, width, height))]
    signs = [
        {
            **class_facts(sign.label),
            "probability": rounded(sign.probability),
            "box": [round(float(edge), 1) for edge in sign.box],
        }
        for sign in found
    ]
    took_ms = round(1000 * (perf_counter() - start), 1)
    return {"width": width, "height": height, "whole": whole, "signs": signs, "took_ms": took_ms}


async def _on_a_thread(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run it where it takes nobody's time; a thread that the end of the program need not await."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[dict[str, Any]] = loop.create_future()

    def settle(result: dict[str, Any] | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        elif result is not None:
            done.set_result(result)

    def run() -> None:
        if sys.platform == "linux":  # there, a thread has a niceness of its own
            with suppress(OSError):  # a program that is nicer already may not go back
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        result: dict[str, Any] | None = None
        error: BaseException | None = None
        try:
            result = work()
        except BaseException as caught:
            error = caught
        with suppress(RuntimeError):  # the server has gone meanwhile
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="page reading", daemon=True).start()
    return await done
