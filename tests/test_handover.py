"""Items cross threads in order or fresh, and either side wakes the other when it goes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator

import pytest

from edge import handover
from edge.handover import Closed, Feed, Queue, Slot
from tests.waiting import PATIENCE_S


def test_a_queue_keeps_the_order() -> None:
    queue: Queue[int] = Queue(3)
    for number in (1, 2, 3):
        queue.put(number)

    assert [queue.take() for _ in range(3)] == [1, 2, 3]


def test_a_slot_gives_the_newest_and_nothing_twice() -> None:
    slot: Slot[int] = Slot()
    for number in (1, 2, 3):
        slot.put(number)

    assert slot.take() == 3
    with pytest.raises(TimeoutError):
        slot.take(timeout_s=0)


def test_a_look_does_not_take() -> None:
    queue: Queue[int] = Queue(1)
    queue.put(1)

    assert (queue.peek(), queue.take()) == (1, 1)


def test_what_weighs_too_much_leaves_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.handover.HELD_BYTES", 10)
    queue: Queue[int] = Queue(4, weigh=lambda item: item)

    assert [queue.offer(weight) for weight in (4, 5, 100, 1)] == [True, True, True, False]
    assert [queue.take(), queue.take(), queue.take()] == [4, 5, 100]
    assert queue.offer(1000)
    assert not queue.offer(1)


def test_put_waits_for_room_and_no_item_is_lost() -> None:
    queue: Queue[int] = Queue(2)

    def produce() -> None:
        for number in range(100):
            queue.put(number)
        queue.end()

    producer = threading.Thread(target=produce, daemon=True)
    producer.start()
    taken = []
    with pytest.raises(Closed):
        while True:
            taken.append(queue.take(timeout_s=PATIENCE_S))
    producer.join(PATIENCE_S)

    assert taken == list(range(100))


@pytest.mark.parametrize("handover_type", [lambda: Queue(1), Slot])
def test_what_was_put_before_the_end_can_still_be_taken(handover_type: type[Slot[int]]) -> None:
    line = handover_type()
    line.put(1)
    line.end()

    assert line.take() == 1
    with pytest.raises(Closed):
        line.take()
    with pytest.raises(Closed):
        line.put(2)


def test_the_error_of_the_producer_comes_after_its_items() -> None:
    queue: Queue[int] = Queue(2)
    queue.put(1)
    queue.end(OSError("the disk is gone"))
    queue.end()  # the first word counts

    assert queue.take() == 1
    with pytest.raises(OSError, match="the disk is gone"):
        queue.take()


def test_close_wakes_a_producer_that_waits_for_room() -> None:
    queue: Queue[int] = Queue(1)
    queue.put(1)
    woken = threading.Event()

    def produce() -> None:
        with pytest.raises(Closed):
            queue.put(2)
        woken.set()

    threading.Thread(target=produce, daemon=True).start()
    queue.close()

    assert woken.wait(PATIENCE_S)


def test_end_wakes_a_consumer_that_waits_for_an_item() -> None:
    slot: Slot[int] = Slot()
    woken = threading.Event()

    def consume() -> None:
        with pytest.raises(Closed):
            slot.take()
        woken.set()

    threading.Thread(target=consume, daemon=True).start()
    slot.end()

    assert woken.wait(PATIENCE_S)


def test_a_queue_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Queue(0)


def count(limit: int, ended: threading.Event) -> Generator[int, None, None]:
    try:
        yield from range(limit)
    finally:
        ended.set()


def test_a_feed_gives_what_its_generator_gives() -> None:
    ended = threading.Event()
    feed = Feed(count(5, ended), Queue(2), "count")

    assert feed.peek() == 0
    assert list(feed) == [0, 1, 2, 3, 4]
    assert ended.is_set()
    feed.close()


def test_a_feed_raises_what_its_generator_raises() -> None:
    def broken() -> Generator[int, None, None]:
        yield 1
        raise OSError("the disk is gone")

    feed = Feed(broken(), Queue(2), "broken")

    assert next(feed) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(feed)


def test_closing_a_feed_ends_its_generator() -> None:
    ended = threading.Event()
    feed = Feed(count(10**9, ended), Queue(2), "count")
    next(feed)

    feed.close()

    assert ended.wait(PATIENCE_S)
    assert list(feed) == []


def test_a_feed_that_hangs_is_abandoned_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(handover, "ABANDON_S", 0.01)
    forever = threading.Event()

    def hang() -> Generator[int, None, None]:
        forever.wait()
        yield 1

    feed = Feed(hang(), Slot(), "the driver")
    with caplog.at_level(logging.WARNING):
        feed.close()
    forever.set()

    assert "the driver hangs and was abandoned" in caplog.text


def test_an_offer_is_taken_only_where_there_is_room() -> None:
    queue: Queue[int] = Queue(2)

    assert [queue.offer(number) for number in (1, 2, 3)] == [True, True, False]
    assert (queue.take(), queue.offer(4)) == (1, True)
    queue.close()
    with pytest.raises(Closed):
        queue.offer(5)
