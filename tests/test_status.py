"""The line on the terminal: a bar where the end is known, silence where nobody looks."""

from __future__ import annotations

import io
import logging
import re
import sys
import time

import pytest

from edge.core import Frame, Health, Scene
from edge.status import ERASE, Rate, StatusLine, Watch, clock_text
from tests.scenes import grey


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """Time that only moves when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_written_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    line = StatusLine(10, stream)

    line.update(5, "facts")
    line.clear()
    line.close()

    assert stream.getvalue() == ""


def test_a_file_gets_a_bar_with_the_time_left() -> None:
    stream, clock = Terminal(), Clock()
    line = StatusLine(100, stream, clock)
    clock.now += 10

    line.update(25, "30 fps")

    assert stream.getvalue() == f"{ERASE}██████░░░░░░░░░░░░░░░░░░  25%  25/100  0:30 left  30 fps"


def test_a_camera_gets_the_time_it_has_been_running() -> None:
    stream, clock = Terminal(), Clock()
    line = StatusLine(None, stream, clock)
    clock.now += 61

    line.update(1830, "30 fps")

    assert stream.getvalue() == f"{ERASE}1:01  1830 frames  30 fps"


def test_it_is_not_redrawn_for_every_frame() -> None:
    stream, clock = Terminal(), Clock()
    line = StatusLine(None, stream, clock)

    for number in range(10):
        line.update(number, "")
        clock.now += 0.0625

    assert stream.getvalue().count(ERASE) == 3  # at 0, 0.25 and 0.5 s


def test_a_log_record_finds_the_line_cleared(caplog: pytest.LogCaptureFixture) -> None:
    stream = Terminal()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    try:
        line = StatusLine(10, stream)
        line.update(1, "")
        logging.getLogger("edge.test").warning("the end is near")
        line.close()
    finally:
        logging.getLogger().removeHandler(handler)

    assert stream.getvalue().endswith(f"{ERASE}the end is near\n")
    assert handler.filters == []
    assert "the end is near" in caplog.text


def test_closing_takes_the_line_away() -> None:
    stream = Terminal()
    line = StatusLine(10, stream)
    line.update(1, "")

    line.close()

    assert stream.getvalue().endswith(ERASE)


def test_a_source_that_gives_nothing_is_told_with_its_reason() -> None:
    stream, clock = Terminal(), Clock()
    health = Health("reconnecting", time.monotonic() - 65, detail="Connection refused")
    watch = Watch(StatusLine(None, stream, clock), lambda: "models", True, lambda: health)

    watch.idle()

    told = re.fullmatch(r"reconnecting for (\d+):(\d\d): Connection refused", watch.status)
    assert told is not None
    assert 60 * int(told[1]) + int(told[2]) >= 65
    assert stream.getvalue().endswith(watch.status)


def test_what_stands_on_the_picture_does_not_change_from_frame_to_frame() -> None:
    watch = Watch(StatusLine(9, io.StringIO()), lambda: "models", False)
    shown = []
    for index in range(5):
        watch.write(Scene(Frame(grey(4, 4), index, index / 30), timings={"total": index / 100}))
        shown.append(watch.status)

    assert re.fullmatch(r"\d+ fps · 0 ms · models", shown[0])
    assert len(set(shown)) < len(shown)


def test_it_is_drawn_on_the_stderr_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    line = StatusLine(9)
    line.update(1, "facts")
    line.close()

    assert "facts" in stream.getvalue()


def test_a_file_that_is_slow_is_no_news() -> None:
    stream = Terminal()
    watch = Watch(StatusLine(9, stream), lambda: "models", False)

    watch.idle()

    assert (watch.status, stream.getvalue()) == ("models", "")


def test_the_rate_is_that_of_the_last_two_seconds() -> None:
    rate = Rate()
    slow = [rate.tick(number / 10) for number in range(50)]
    fast = [rate.tick(5 + number / 30) for number in range(90)]

    assert slow[0] == 0.0
    assert slow[-1] == pytest.approx(10.0)
    assert fast[-1] == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (754, "12:34"), (3723, "1:02:03")]
)
def test_time_is_written_as_on_a_clock(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text
