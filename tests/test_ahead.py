"""Several detectors at work at once: the same answers, in the same order."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

import pytest
from fakes import numbered_image

from edge.ahead import AheadDetector
from edge.core import Box, Detection, Frame, Image
from models.errors import ModelError, SourceError
from tests.fakes import image_number
from tests.waiting import LOOK_S, PATIENCE_S


class Numbered:
    """Finds one box whose place is the picture's number."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def detect(self, image: Image) -> list[Detection]:
        number = image_number(image)
        self.seen.append(number)
        return [Detection(Box(number, 0, number + 1, 1), 0.9)]


class Meeting:
    """Answers only once as many are at work as the barrier asks for."""

    def __init__(self, barrier: threading.Barrier) -> None:
        self._barrier = barrier

    def detect(self, image: Image) -> list[Detection]:  # noqa: ARG002
        self._barrier.wait(PATIENCE_S)
        return []


class Held:
    """Works on its first picture until it is let go."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.working = threading.Event()
        self.let_go = threading.Event()

    def detect(self, image: Image) -> list[Detection]:
        self.seen.append(image_number(image))
        self.working.set()
        self.let_go.wait(PATIENCE_S)
        return []


class Broken:
    def detect(self, image: Image) -> list[Detection]:
        raise ModelError(f"picture {image_number(image)}")


def frames(count: int, error: Exception | None = None) -> Iterator[Frame]:
    for number in range(count):
        yield Frame(numbered_image(number, 8, 8), number, number / 10)
    if error:
        raise error


def endless_frames() -> Iterator[Frame]:
    for number in itertools.count():
        yield Frame(numbered_image(number % 100, 8, 8), number, number / 10)
        time.sleep(LOOK_S)


def places(ahead: AheadDetector, source: Iterator[Frame]) -> list[tuple[int, list[int] | None]]:
    """Each frame's number, and the numbers that were found in it."""
    found = [(frame.index, ahead.detect(frame.image)) for frame in ahead.feed(source) if frame]
    return [(n, None if each is None else [int(d.box.x1) for d in each]) for n, each in found]


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_every_frame_comes_in_order_with_its_own_answer(workers: int, count: int) -> None:
    ahead = AheadDetector([Numbered() for _ in range(workers)])

    assert places(ahead, frames(count)) == [(n, [n]) for n in range(count)]
    ahead.close()


def test_only_every_nth_frame_is_looked_at() -> None:
    detector = Numbered()
    ahead = AheadDetector([detector], every=3)

    found = places(ahead, frames(8))

    assert found == [(n, [n] if n % 3 == 0 else None) for n in range(8)]
    assert detector.seen == [0, 3, 6]
    ahead.close()


def test_all_detectors_work_at_once() -> None:
    barrier = threading.Barrier(3)
    ahead = AheadDetector([Meeting(barrier) for _ in range(3)])

    assert len(places(ahead, frames(9))) == 9  # none would ever answer alone
    ahead.close()


def test_a_source_that_fails_gives_what_was_before_it_first() -> None:
    ahead = AheadDetector([Numbered(), Numbered()])
    found = []

    with pytest.raises(SourceError, match="cut off"):
        for frame in ahead.feed(frames(5, SourceError("cut off"))):
            found += [int(d.box.x1) for d in ahead.detect(frame.image)]

    assert found == [0, 1, 2, 3, 4]
    ahead.close()


def test_a_detector_that_fails_fails_at_its_frame() -> None:
    ahead = AheadDetector([Broken()])
    feed = ahead.feed(frames(3))
    first = next(feed)

    with pytest.raises(ModelError, match="picture 0"):
        ahead.detect(first.image)
    ahead.close()


def test_closing_early_leaves_no_thread() -> None:
    ahead = AheadDetector([Numbered(), Numbered()])
    next(ahead.feed(frames(9)))

    ahead.close()

    assert not [t for t in threading.enumerate() if t.name.startswith("detect")]


def test_closing_waits_for_the_picture_in_work_and_for_no_other() -> None:
    held = Held()
    ahead = AheadDetector([held])
    feed = ahead.feed(endless_frames())
    next(feed)
    assert held.working.wait(PATIENCE_S)

    closing = threading.Thread(target=ahead.close)
    closing.start()
    with pytest.raises(RuntimeError, match="after shutdown"):
        list(feed)
    held.let_go.set()
    closing.join(PATIENCE_S)

    assert not closing.is_alive()
    assert held.seen == [0]


def test_where_none_comes_for_a_while_those_that_wait_come_then_pauses() -> None:
    detector = Numbered()
    ahead = AheadDetector([detector, Numbered()], every=2)
    first, second, third = frames(3)

    fed = list(ahead.feed(iter([first, second, None, None, None, third])))

    assert fed == [first, second, None, third]
    assert [bool(ahead.detect(frame.image)) for frame in (first, second, third)] == [
        *(True, False, True)
    ]
    ahead.close()


def test_of_huge_pictures_no_more_than_one_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    small, huge = 8 * 8 * 3, 10 * 8 * 8 * 3
    given: list[int] = []

    def source() -> Iterator[Frame]:
        for frame in frames(8):
            given.append(frame.index)
            yield frame

    for held, most in ((huge, 4), (small, 2)):
        monkeypatch.setattr("edge.ahead.HELD_BYTES", held)
        given.clear()
        ahead = AheadDetector([Numbered() for _ in range(3)])
        ahead_of = [len(given) - frame.index for frame in ahead.feed(source()) if frame]
        ahead.close()
        assert max(ahead_of) == most
