"""How items travel from one thread to the next: a one-item slot, a bounded queue, and a feed."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Generic, TypeVar

from edge.memory import MIB

T = TypeVar("T")

log = logging.getLogger(__name__)

HELD_BYTES = 128 * MIB  # of pictures that wait in one place: a telephone's take 144 MB each
ABANDON_S = 1.0  # a read that hangs in a driver cannot be joined; nobody waits longer than this


class Closed(Exception):  # noqa: N818 - a state of the line, not an error
    """Nothing more can be put, or nothing more will come."""


class Queue(Generic[T]):
    """At most `depth` items in order: put waits for room, take waits for an item, none is lost.

    Where `weigh` tells the bytes of an item, there is no room either beside `HELD_BYTES` of them.
    The producer says its last word with `end`, the consumer with `close`; each wakes the other.
    """

    def __init__(self, depth: int, weigh: Callable[[T], int] | None = None) -> None:
        if depth < 1:
            raise ValueError(f"a queue holds at least one item, not {depth}")
        self._depth = depth
        self._weigh = weigh
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._closed = False
        self._error: BaseException | None = None

    def put(self, item: T) -> None:
        """Hand one item over. Closed if the consumer has gone, also while waiting for room."""
        with self._changed:
            self._make_room()
            if self._closed or self._ended:
                raise Closed
            self._items.append(item)
            self._changed.notify_all()

    def offer(self, item: T, timeout_s: float = 0.0) -> bool:
        """Hand one item over if there is room for it in time. Closed if the consumer has gone."""
        with self._changed:
            if not self._changed.wait_for(self._has_room, timeout_s):
                return False
            self.put(item)
            return True

    def take(self, timeout_s: float | None = None) -> T:
        """The oldest item, waited for.

        Closed when all are taken and no more will come; the producer's error in its place if it
        ended with one; TimeoutError if nothing came in time.
        """
        with self._changed:
            self._wait_for_item(timeout_s)
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def peek(self, timeout_s: float | None = None) -> T:
        """What `take` would give now, left where it is; same errors."""
        with self._changed:
            self._wait_for_item(timeout_s)
            return self._items[0]

    def end(self, error: BaseException | None = None) -> None:
        """The producer's last word: what was put can still be taken, then Closed or the error."""
        with self._changed:
            if not self._ended:
                self._ended, self._error = True, error
            self._changed.notify_all()

    def close(self) -> None:
        """The consumer's last word: items are dropped, and whoever waits is woken."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()

    def _make_room(self) -> None:
        self._changed.wait_for(self._has_room)

    def _has_room(self) -> bool:
        if self._closed or self._ended:
            return True
        heavy = self._weigh is not None and sum(map(self._weigh, self._items)) >= HELD_BYTES
        return len(self._items) < self._depth and not heavy

    def _wait_for_item(self, timeout_s: float | None) -> None:
        self._changed.wait_for(lambda: self._items or self._closed or self._ended, timeout_s)
        if self._items:
            return
        if self._closed or (self._ended and self._error is None):
            raise Closed
        if self._error is not None:
            raise self._error
        raise TimeoutError(f"nothing came for {timeout_s} s")


class Slot(Queue[T]):
    """One item: put never waits and replaces what nobody took, so what is taken is fresh.

    `replaced` counts those that nobody took.
    """

    def __init__(self) -> None:
        super().__init__(depth=1)
        self.replaced = 0

    def _make_room(self) -> None:
        if not self._ended:
            self.replaced += len(self._items)
            self._items.clear()


class Feed(Generic[T]):
    """A generator run on a daemon thread of its own, its items handed over in order.

    An iterator that ends when the generator ends and raises what the generator raised. It starts
    at once, so that the first items are made while the consumer still gets ready.
    """

    def __init__(self, items: Generator[T, None, None], handover: Queue[T], name: str) -> None:
        self._items = items
        self._handover = handover
        self._name = name
        self._thread = threading.Thread(target=self._run, name=f"feed {name}", daemon=True)
        self._thread.start()

    def __iter__(self) -> Feed[T]:
        return self

    def __next__(self) -> T:
        try:
            return self.take()
        except Closed:
            raise StopIteration from None

    def take(self, timeout_s: float | None = None) -> T:
        """The next item; Closed at the end, TimeoutError if nothing came in time."""
        return self._handover.take(timeout_s)

    def peek(self, timeout_s: float | None = None) -> T:
        """The next item, left where it is; same errors as `take`."""
        return self._handover.peek(timeout_s)

    def close(self) -> None:
        """End the thread, and with it the generator.

        A thread that hangs is given a second, then left to itself and logged.
        """
        self._handover.close()
        self._thread.join(ABANDON_S)
        if self._thread.is_alive():
            log.warning("%s hangs and was abandoned after %g s", self._name, ABANDON_S)

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            with closing(self._items):
                for item in self._items:
                    self._handover.put(item)
        except Closed:
            pass
        except BaseException as caught:  # carried over: it surfaces on the consumer's thread
            error = caught
        finally:
            self._handover.end(error)
