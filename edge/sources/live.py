"""Live sources: one thread reads as fast as pictures come, the newest is handed over.

The thread opens the device, and opens it again for ever when it is lost. Whoever takes the frames
also watches the thread: one that hangs in a driver is left to itself, and a fresh one takes over.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing

from edge import handover
from edge.core import Frame, Health
from edge.handover import Closed, Slot
from edge.sources.backoff import Backoff
from edge.sources.device import Device, Lost, Shot
from edge.sources.info import OpenSource, SourceInfo, arrivals, size_of
from edge.sources.vitals import Vitals
from models.errors import SourceError

log = logging.getLogger(__name__)

HANGS = 3  # timeouts without a sign of life: opening may take one for each of its steps
MOST_HUNG = 4  # threads left to themselves; a driver that swallows more is not fed further
LOOK_S = 0.05  # between two looks whether the first picture, or the first refusal, is there

Clock = Callable[[], float]


def open_live(
    name: str, device: Device, timeout_s: float, patient: bool, clock: Clock = time.monotonic
) -> tuple[SourceInfo, OpenSource]:
    """A live source, once its first frame is there; SourceError if it cannot be opened.

    A `patient` one is also given back while it is not there yet, if that may still come: its
    `health` says why, and the frames come when they come.

    Frame.time is the monotonic second at which a picture came, Frame.wall the UTC second. A gap in
    Frame.index is a frame that nobody took in time. A picture of another size begins a segment.
    """
    source = LiveSource(name, device, timeout_s, clock)
    try:
        first = source.first(patient)
    except Closed:
        source.close()
        raise SourceError(f"{name} holds no picture that can be decoded") from None
    except BaseException:
        source.close()
        raise
    size = size_of(first) if first else None
    return SourceInfo(name, True, False, size=size, health=source.health), source


class LiveSource:
    """An iterator over the newest frame of a device that may drop out at any time."""

    def __init__(self, name: str, device: Device, timeout_s: float, clock: Clock) -> None:
        self._name = name
        self._device = device
        self._hangs_after_s = HANGS * timeout_s
        self._clock = clock
        self._vitals = Vitals(clock)
        self._slot: Slot[Frame] = Slot()
        self._lock = threading.Lock()  # of what follows; held for moments only
        self._index = 0
        self._segment = 0
        self._shape: tuple[int, ...] | None = None
        self._hung: list[_Reader] = []
        self._reader = _Reader(self._read, name, clock)

    def __iter__(self) -> LiveSource:
        return self

    def __next__(self) -> Frame:
        return next(frame for frame in arrivals(self) if frame is not None)

    def take(self, timeout_s: float | None = None) -> Frame:
        """The newest frame that was not taken yet.

        Closed at the end, the device's error if it never could be opened, TimeoutError if nothing
        came in time. Call it again and again: it is also what finds a reader that hangs.
        """
        try:
            return self._slot.take(timeout_s)
        except TimeoutError:
            self._watch()
            raise

    def first(self, patient: bool) -> Frame | None:
        """The first frame, left for `take`; None if it is not there yet but may still come."""
        deadline = self._clock() + self._hangs_after_s
        while True:
            try:
                return self._slot.peek(LOOK_S)
            except TimeoutError:  # noqa: PERF203 - it waits each time
                if patient and self._vitals.health().detail:
                    return None
                if self._clock() >= deadline:
                    self._give_up_waiting(patient)
                    return None

    def health(self) -> Health:
        return self._vitals.health(self._slot.replaced)

    def close(self) -> None:
        """End the thread and free the device; a thread that hangs is left after a second."""
        self._slot.close()
        self._reader.stop.set()
        self._reader.thread.join(handover.ABANDON_S)
        if self._reader.thread.is_alive():
            log.warning("%s hangs and was abandoned after %g s", self._name, handover.ABANDON_S)

    def _give_up_waiting(self, patient: bool) -> None:
        why = f"gave no frame for {self._hangs_after_s:g} s"
        if not patient:
            raise SourceError(f"{self._name} {why}")
        self._vitals.lost(why)
        log.warning("%s %s; still trying", self._name, why)

    def _watch(self) -> None:
        """Put a fresh reader in the place of one that has shown no sign of life for too long."""
        if self._clock() - self._reader.heard < self._hangs_after_s:
            return
        self._hung = [reader for reader in self._hung if reader.thread.is_alive()]
        if len(self._hung) >= MOST_HUNG:
            before = self._vitals.failed(f"hangs; {MOST_HUNG} reads never came back")
            if before.state != "failed":
                log.error("%s hangs in its driver; waiting for that to end", self._name)
            return
        log.warning("%s hangs; that read is abandoned, a fresh one takes over", self._name)
        with self._lock:
            self._reader.stop.set()
            self._hung.append(self._reader)
            self._vitals.lost("hangs")
            self._reader = _Reader(self._read, self._name, self._clock)

    def _read(self, reader: _Reader) -> None:
        """The thread: every picture of the device into the slot, for ever or to its end."""
        error: BaseException | None = None
        try:
            self._read_for_ever(reader)
        except Closed:
            pass
        except BaseException as caught:  # carried over: it surfaces where frames are taken
            error = caught
        if not reader.stop.is_set():
            self._slot.end(error)

    def _read_for_ever(self, reader: _Reader) -> None:
        backoff = Backoff()
        while not reader.stop.is_set():
            before = self._index
            try:
                with closing(self._device(reader.pause)) as shots:
                    for shot in shots:
                        self._hand_over(shot, reader)
                if not reader.stop.is_set():
                    self._vitals.ended()
                return
            except SourceError as problem:
                if reader.stop.is_set():  # whoever is closed cannot read
                    return
                if not (self._vitals.was_online or isinstance(problem, Lost)):
                    raise
                self._report_loss(problem, reader)
                if self._index > before:  # it was there: a new loss, not the same one
                    backoff.reset()
            if reader.pause(backoff()):
                return

    def _hand_over(self, shot: Shot, reader: _Reader) -> None:
        with self._lock:
            if reader.stop.is_set():
                raise Closed
            reader.heard = self._clock()
            before = self._vitals.picture(shot.time)
            again = before.state != "online" and before.last_frame is not None
            other = self._shape not in (None, shot.image.shape)
            self._segment += again or other
            self._shape = shot.image.shape
            wall = time.time() - (self._clock() - shot.time)
            frame = Frame(shot.image, self._index, shot.time, self._segment, wall)
            self._index += 1
            self._slot.put(frame)
        if before.detail:
            log.info("%s is online after %.0f s", self._name, self._clock() - before.since)
        if other:
            log.warning("%s now gives pictures of %dx%d", self._name, *size_of(frame))

    def _report_loss(self, problem: SourceError, reader: _Reader) -> None:
        """Say so once, not at every try."""
        why = str(problem).removeprefix(self._name).lstrip(": ")
        with self._lock:
            if reader.stop.is_set():
                return
            before = self._vitals.lost(why)
        level = logging.DEBUG if before.detail == why else logging.WARNING
        log.log(level, "%s: %s; trying again until it comes", self._name, why)


class _Reader:
    """A daemon thread that reads. `heard`: the monotonic second of its last sign of life."""

    def __init__(self, work: Callable[[_Reader], None], name: str, clock: Clock) -> None:
        self.stop = threading.Event()
        self._clock = clock
        self.heard = clock()
        self.thread = threading.Thread(target=work, args=(self,), name=f"read {name}", daemon=True)
        self.thread.start()

    def pause(self, seconds: float) -> bool:
        """Wait so long, or until it is to stop; True if so."""
        self.heard = self._clock() + seconds  # who rests on purpose does not hang
        stopped = self.stop.wait(seconds)
        self.heard = self._clock()
        return stopped
