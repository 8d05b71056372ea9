"""Detect in the next frames while this one is tracked and read: for files, where all can wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

from edge.core import Detection, Detector, Frame, Image
from edge.handover import HELD_BYTES


class AheadDetector:
    """Detectors that take turns, each at one frame on a thread of its own; answers stay in order.

    `feed` a source through it, and `detect` gives for each of its pictures what has been found in
    the meantime. One-thread interpreters side by side do more frames a second than one
    interpreter with as many threads, because none waits for another between two layers; but each
    frame takes longer, so this is nothing for cameras. Only every `every`-th frame is looked at,
    as by `SparseDetector`. Close it when done.
    """

    def __init__(self, detectors: Sequence[Detector], every: int = 1) -> None:
        self._idle: SimpleQueue[Detector] = SimpleQueue()
        for detector in detectors:
            self._idle.put(detector)
        self._depth = len(detectors)
        self._every = every
        self._pool = ThreadPoolExecutor(len(detectors), thread_name_prefix="detect")
        self._found: dict[int, Future[list[Detection]]] = {}  # by the picture's identity

    def feed(self, frames: Iterable[Frame | None]) -> Iterator[Frame | None]:
        """The same frames in the same order; the next ones are being looked at already.

        An error of the source comes after the frames that it gave before. Where it gives None,
        because no frame came for a while, one that waits takes its place, if there is one.
        """
        waiting: deque[Frame] = deque()
        source = iter(frames)
        number = 0
        failed: Exception | None = None
        while True:
            try:
                frame = next(source)
            except StopIteration:
                break
            except Exception as error:  # its turn comes after the frames before it
                failed = error
                break
            if frame is None:
                yield waiting.popleft() if waiting else None
                continue
            if number % self._every == 0:
                self._found[id(frame.image)] = self._pool.submit(self._look, frame.image)
            number += 1
            waiting.append(frame)
            while len(waiting) > (1 if _bytes(waiting) > HELD_BYTES else self._depth):
                yield waiting.popleft()
        yield from waiting
        if failed:
            raise failed

    def detect(self, image: Image) -> list[Detection] | None:
        """What was found in a picture that came through `feed`; None if it was not looked at."""
        found = self._found.pop(id(image), None)
        return found.result() if found else None

    def close(self) -> None:
        """End the threads; a picture in work is finished first."""
        self._pool.shutdown(cancel_futures=True)

    def _look(self, image: Image) -> list[Detection]:
        detector = self._idle.get()
        try:
            return detector.detect(image)
        finally:
            self._idle.put(detector)


def _bytes(frames: Iterable[Frame]) -> int:
    return sum(frame.image.nbytes for frame in frames)
