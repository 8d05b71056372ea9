"""Live sources hand over the newest frame, come back by themselves, and say how they are."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import closing

import numpy as np
import pytest
from fakes import Clock, FakeCapture, Plugged

from edge import handover
from edge.core import Image
from edge.handover import Closed
from edge.sources import SourceOptions, arrivals, live, open_source
from edge.sources.device import Lost, Pause, Shot
from edge.sources.live import LiveSource, open_live
from edge.sources.usb import UsbCamera
from models.errors import SourceError
from tests.waiting import PATIENCE_S, eventually

QUICK = SourceOptions(timeout_s=0.2)


def grey(value: int, width: int = 64, height: int = 48) -> Image:
    return np.full((height, width, 3), value, np.uint8)


def never() -> None:
    threading.Event().wait()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next try comes at once; nothing is taken to hang because the machine is busy."""
    monkeypatch.setattr("edge.sources.backoff.FIRST_S", 0.001)
    monkeypatch.setattr("edge.sources.backoff.LONGEST_S", 0.001)
    monkeypatch.setattr(live, "HANGS", 3 * PATIENCE_S)


class Scripted:
    """A device whose openings follow a script, one entry each.

    An entry is a picture, after which it is lost when told to go on, or an error. The last entry
    stays.
    """

    def __init__(self, *script: Image | Exception) -> None:
        self._script = list(script)
        self.go_on = threading.Event()

    def __call__(self, pause: Pause) -> Generator[Shot, None, None]:
        last = len(self._script) == 1
        entry = self._script[0] if last else self._script.pop(0)
        if isinstance(entry, Exception):
            raise entry
        yield Shot(entry, time.monotonic())
        if last:
            pause(PATIENCE_S)
        self.go_on.wait(PATIENCE_S)
        raise Lost("lens: gone")


def test_a_camera_gives_frames_with_the_time_they_came() -> None:
    gate = threading.Event()
    camera = FakeCapture([grey(1), gate.wait, grey(2), never])

    info, source = open_source("0", QUICK, camera)
    first = next(source)
    gate.set()
    second = next(source)

    assert (info.name, info.live, info.stills, info.frames) == ("camera 0", True, False, None)
    assert info.size == (64, 48)
    assert [first.image[0, 0, 0], second.image[0, 0, 0]] == [1, 2]
    assert [first.index, second.index] == [0, 1]
    assert first.time < second.time
    assert first.wall is not None
    assert first.segment == second.segment


def test_what_nobody_took_is_replaced_counted_and_leaves_a_gap_in_the_index() -> None:
    all_read = threading.Event()
    camera = FakeCapture([grey(1), grey(2), grey(3), all_read.set, never])

    info, source = open_source("/dev/video3", QUICK, camera)
    assert all_read.wait(PATIENCE_S)
    frame = next(source)

    assert (camera.index, frame.index, frame.image[0, 0, 0]) == (3, 2, 3)
    assert (info.health().frames, info.health().dropped) == (3, 2)


def test_a_camera_that_is_pulled_and_plugged_in_again_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge.sources.vitals.STALL_S", PATIENCE_S)
    pull = threading.Event()
    cameras = Plugged(
        FakeCapture([grey(1), pull.wait]), FakeCapture(opened=False), FakeCapture([grey(2), never])
    )
    info, source = open_source("0", QUICK, cameras)
    first = next(source)
    pull.set()
    second = next(source)

    assert [first.image[0, 0, 0], second.image[0, 0, 0]] == [1, 2]
    assert second.segment == first.segment + 1
    assert second.index == 1
    assert cameras.opened == 3
    assert (info.health().state, info.health().reconnects) == ("online", 1)
    source.close()


def test_a_camera_that_is_gone_says_so_until_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    info, source = open_source("0", QUICK, Plugged(FakeCapture([grey(1)])))
    next(source)

    assert eventually(lambda: "cannot be opened" in info.health().detail)
    assert eventually(lambda: "cannot be opened" in caplog.text)

    assert info.health().state == "reconnecting"
    with pytest.raises(TimeoutError):
        source.take(0.05)
    source.close()
    assert caplog.text.count("cannot be opened") == 1  # not at every try


@pytest.mark.parametrize(
    ("camera", "hangs", "message"),
    [
        (FakeCapture(), PATIENCE_S, r"camera 0 gave no frame for 0\.2 s"),
        (FakeCapture([never]), 3, r"camera 0 gave no frame for 0\.6 s"),
        (FakeCapture(opened=False), PATIENCE_S, "camera 0 cannot be opened"),
    ],
    ids=["no picture", "a read that hangs", "not there"],
)
def test_a_camera_that_was_never_there_is_an_error_at_once(
    camera: FakeCapture, hangs: float, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "ABANDON_S", 0.01)
    monkeypatch.setattr(live, "HANGS", hangs)
    with pytest.raises(SourceError, match=message):
        open_source("0", QUICK, camera)


def test_closing_releases_the_camera() -> None:
    camera = FakeCapture([grey(value) for value in range(200)])
    _, source = open_source("0", QUICK, camera)

    source.close()

    assert camera.released.wait(PATIENCE_S)
    assert list(source) == []


def test_closing_does_not_wait_for_the_next_try() -> None:
    device = Scripted(Lost("lens: gone"))
    _, source = open_live("lens", device, 1.0, patient=True)

    source.close()

    assert eventually(lambda: not hung())


def test_closing_leaves_a_read_that_hangs_to_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(handover, "ABANDON_S", 0.01)
    _, source = open_source("0", QUICK, FakeCapture([grey(1), never]))

    source.close()

    assert "camera 0 hangs and was abandoned" in caplog.text


# --- a read that hangs ---


def test_a_fresh_read_takes_over_from_one_that_hangs_and_the_old_one_is_not_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wake = threading.Event()
    stuck = FakeCapture([grey(1), wake.wait, grey(9), grey(9)])
    cameras = Plugged(stuck, FakeCapture([grey(2), never]))
    clock = Clock()
    monkeypatch.setattr(live, "HANGS", 3)
    monkeypatch.setattr(handover, "ABANDON_S", 0.01)
    source = LiveSource("camera 0", UsbCamera("0", QUICK, cameras), 1.0, clock)
    first = next(source)
    clock.now += 3

    second = next(source)

    assert second.image[0, 0, 0] == 2
    assert second.segment == first.segment + 1
    wake.set()  # too late
    assert stuck.released.wait(PATIENCE_S)
    with pytest.raises(TimeoutError):
        source.take(0.05)
    assert source.health().reconnects == 1
    source.close()


def test_reads_that_hang_one_after_the_other_do_not_pile_up(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "ABANDON_S", 0.01)
    monkeypatch.setattr(live, "HANGS", 3)
    clock = Clock()
    wake = threading.Event()
    opened = []

    def swallow(pause: Pause) -> Generator[Shot, None, None]:
        opened.append(1)
        if len(opened) == 1:
            yield Shot(grey(1), clock())
        wake.wait()
        if len(opened) > live.MOST_HUNG:
            yield Shot(grey(2), clock())
            pause(PATIENCE_S)

    source = LiveSource("lens", swallow, 1.0, clock)
    next(source)
    for _ in range(live.MOST_HUNG + 3):
        assert eventually(lambda: len(opened) == len(hung()))
        clock.now += 10
        with pytest.raises(TimeoutError):
            source.take(0.01)

    assert len(hung()) == live.MOST_HUNG + 1
    assert source.health().state == "failed"
    assert caplog.text.count("hangs in its driver") == 1
    wake.set()
    assert source.take(PATIENCE_S).image[0, 0, 0] == 2
    assert source.health().state == "online"
    source.close()


def hung() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "read lens"]


def test_a_read_that_was_slow_but_came_is_not_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HANGS", 3)
    clock = Clock()
    gate = threading.Event()

    def slow(pause: Pause) -> Generator[Shot, None, None]:
        yield Shot(grey(1), clock())
        gate.wait()
        yield Shot(grey(2), clock())
        pause(PATIENCE_S)

    with closing(LiveSource("lens", slow, 1.0, clock)) as source:
        next(source)
        clock.now += 2.9
        with pytest.raises(TimeoutError):
            source.take(0.01)
        gate.set()

        assert source.take(PATIENCE_S).segment == 0


# --- how it is ---


def test_a_picture_that_is_old_is_stalled_and_a_new_one_online_again() -> None:
    clock = Clock()
    gate = threading.Event()

    def slow(pause: Pause) -> Generator[Shot, None, None]:
        yield Shot(grey(1), clock())
        gate.wait()
        yield Shot(grey(2), clock())
        pause(PATIENCE_S)

    with closing(LiveSource("lens", slow, 10.0, clock)) as source:
        next(source)
        healthy = source.health()
        clock.now += 5
        stalled = source.health()
        gate.set()
        next(source)
        again = source.health()

    assert (healthy.state, healthy.since, healthy.last_frame) == ("online", 100.0, 100.0)
    assert (stalled.state, stalled.since, stalled.detail) == (
        "stalled",
        102.0,
        "no picture for 5 s",
    )
    assert (again.state, again.last_frame, again.detail) == ("online", 105.0, "")
    assert (again.frames, again.reconnects) == (2, 0)


def test_a_stream_that_is_not_there_yet_is_waited_for_in_sight(
    caplog: pytest.LogCaptureFixture,
) -> None:
    device = Scripted(Lost("lens: refused"), Lost("lens: refused"), grey(1))

    info, source = open_live("lens", device, 1.0, patient=True)
    frame = next(source)

    assert frame.segment == 0
    assert info.health().reconnects == 0
    assert caplog.text.count("lens: refused; trying again until it comes") == 1
    source.close()


def test_a_stream_that_never_comes_is_connecting_and_says_why() -> None:
    info, source = open_live("lens", Scripted(Lost("lens: refused")), 1.0, patient=True)

    found = [next(arrivals(source))]

    assert (info.size, found) == (None, [None])
    assert (info.health().state, info.health().detail) == ("connecting", "refused")
    source.close()


def test_a_stream_that_refuses_for_good_is_an_error_at_first_and_only_at_first() -> None:
    refused = SourceError("lens: 404")
    with pytest.raises(SourceError, match="404"):
        open_live("lens", Scripted(refused), 1.0, patient=True)

    device = Scripted(grey(1), refused, grey(2))
    _, source = open_live("lens", device, 1.0, patient=True)
    first = next(source)
    device.go_on.set()

    assert (first.segment, next(source).segment) == (0, 1)
    source.close()


def test_a_stream_that_ends_by_itself_ends_the_frames() -> None:
    def short(_: Pause) -> Generator[Shot, None, None]:
        yield Shot(grey(1), 1.0)

    info, source = open_live("lens", short, 1.0, patient=True)

    assert [frame and frame.index for frame in arrivals(source)] == [0]
    assert info.health().state == "ended"


def test_a_stream_without_a_picture_is_an_error() -> None:
    def empty(_: Pause) -> Generator[Shot, None, None]:
        yield from ()

    with pytest.raises(SourceError, match="lens holds no picture"):
        open_live("lens", empty, 1.0, patient=True)


def test_a_bug_in_a_device_surfaces_where_frames_are_taken() -> None:
    def broken(_: Pause) -> Generator[Shot, None, None]:
        yield Shot(grey(1), 1.0)
        raise ZeroDivisionError

    _, source = open_live("lens", broken, 1.0, patient=True)

    with pytest.raises(ZeroDivisionError):
        list(source)


def test_after_the_close_nothing_comes() -> None:
    _, source = open_live("lens", Scripted(grey(1)), 1.0, patient=True)

    source.close()

    with pytest.raises(Closed):
        source.take()


# --- pictures of another size ---


def test_pictures_of_another_size_begin_a_segment() -> None:
    taken = threading.Semaphore(0)

    def change(pause: Pause) -> Generator[Shot, None, None]:
        for image in (grey(1), grey(2, 32, 48), grey(3, 32, 48)):
            yield Shot(image, time.monotonic())
            assert taken.acquire(timeout=PATIENCE_S)
        pause(PATIENCE_S)

    _, source = open_live("lens", change, 1.0, patient=True)
    frames = []
    for _ in range(3):
        frames.append(next(source))
        taken.release()

    assert [frame.image.shape[:2] for frame in frames] == [(48, 64), (48, 32), (48, 32)]
    assert [frame.segment for frame in frames] == [0, 1, 1]
    source.close()
