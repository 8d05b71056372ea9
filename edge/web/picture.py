"""The live picture as JPEG: drawn small, and only while somebody looks."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import cv2
from anyio import to_thread

from edge.core import Box, Image, Road, Scene
from edge.handover import Closed
from edge.overlay import Overlay

LARGEST_WIDTH = 960  # pixels: sharp on a phone, and half the work of 1280
HIGHEST_RATE = 15.0  # pictures a second, however fast the line is
QUALITY = 78


class Picture(NamedTuple):
    """One encoded picture and the number of its scene."""

    number: int
    jpeg: bytes


class LivePicture:
    """The newest scene, encoded once for all who look, at most so often a second.

    `offer` may be called from any thread and never waits; nothing is drawn there. The others
    belong to the server's loop.
    """

    def __init__(self) -> None:
        self._newest: tuple[int, Scene] | None = None
        self._made = Picture(0, b"")
        self._due = 0.0
        self._overlay = Overlay()
        self._making = asyncio.Lock()
        self._arrived = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting = 0
        self.closed = False

    def offer(self, number: int, scene: Scene) -> None:
        """The line has a new scene; `number` rises by one with each."""
        self._newest = (number, scene)
        self._wake()

    def close(self) -> None:
        """Whoever waits for a picture is told that none comes."""
        self.closed = True
        self._wake()

    async def after(self, number: int, patience_s: float) -> Picture | None:
        """The newest picture with another number than this; None if none comes in time."""
        try:
            return await asyncio.wait_for(self._after(number), patience_s)
        except (asyncio.TimeoutError, Closed):
            return None

    async def _after(self, number: int) -> Picture:
        await self._newer_than(number)  # outside the lock: who has none yet need not wait with us
        async with self._making:
            pause = self._due - time.monotonic()
            if pause > 0:
                if self._made.number != number:  # made just now for somebody else
                    return self._made
                await asyncio.sleep(pause)
            newest = self._newest
            if newest is not None and newest[0] != self._made.number:
                self._due = time.monotonic() + 1 / HIGHEST_RATE
                jpeg = await to_thread.run_sync(self._encode, newest[1])
                self._made = Picture(newest[0], jpeg)
            return self._made

    async def _newer_than(self, number: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting += 1
        try:
            while True:
                self._arrived.clear()  # before the look, so that nothing slips in between
                if self.closed:
                    raise Closed
                if self._newest is not None and self._newest[0] != number:
                    return
                await self._arrived.wait()
        finally:
            self._waiting -= 1

    def _wake(self) -> None:
        loop = self._loop
        with suppress(RuntimeError):  # the server has gone meanwhile
            if loop is not None and self._waiting:
                loop.call_soon_threadsafe(self._arrived.set)

    def _encode(self, scene: Scene) -> bytes:
        bare = replace(scene, road=Road())  # the page shows it beside the picture
        return jpeg_of(self._overlay.draw(shrunk(bare, LARGEST_WIDTH)))


def shrunk(scene: Scene, width: int) -> Scene:
    """The same scene at most so wide; drawing on it later keeps labels readable."""
    rows, columns = scene.frame.image.shape[:2]
    if columns <= width:
        return scene
    scale = width / columns
    size = (width, max(1, round(rows * scale)))
    # Averaging costs six times as much, and only below half the size pixels would be skipped.
    way = cv2.INTER_LINEAR if scale >= 0.5 else cv2.INTER_AREA
    image: Image = cv2.resize(scene.frame.image, size, interpolation=way)  # type: ignore[assignment]
    tracks = tuple(
        replace(track, box=Box(*(edge * scale for edge in track.box))) for track in scene.tracks
    )
    return replace(scene, frame=replace(scene.frame, image=image), tracks=tracks)


def jpeg_of(picture: Image) -> bytes:
    """A BGR picture as JPEG."""
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
