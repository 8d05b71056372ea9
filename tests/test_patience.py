"""The end of a run: as long as outputs need, or two seconds where somebody has asked for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from edge.handover import Closed, Queue
from edge.patience import HURRY_S, ROOM_S, SLICE_S, Patience
from tests.waiting import PATIENCE_S


class Clock:
    """Goes on by itself at every look, so that nothing here takes real time."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        self.now += SLICE_S / 4
        return self.now


class Stuck(threading.Thread):
    """A thread that never ends, and notes how long it is waited for."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def is_alive(self) -> bool:
        return True

    def join(self, timeout: float | None = None) -> None:
        assert timeout is not None
        assert timeout <= SLICE_S
        self._clock.now += timeout


class Full(Queue[int]):
    """A queue that never has room."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(depth=1)
        self._clock = clock

    def offer(self, item: int, timeout_s: float = 0.0) -> bool:  # noqa: ARG002
        self._clock.now += timeout_s
        return False


@pytest.fixture(name="clock")
def _clock() -> Clock:
    return Clock()


def test_a_thread_has_its_own_time_while_nobody_asks_for_the_end(clock: Clock) -> None:
    assert not Patience(clock=clock).join(Stuck(clock), 60.0)
    assert clock.now == pytest.approx(160.0, abs=2 * SLICE_S)


def test_all_threads_share_the_time_after_a_signal(clock: Clock) -> None:
    patience = Patience(lambda: 100.0, clock)
    for _ in range(5):
        assert not patience.join(Stuck(clock), 60.0)
    assert clock.now == pytest.approx(100.0 + HURRY_S, abs=4 * SLICE_S)


def test_a_signal_while_a_thread_is_waited_for_shortens_the_wait(clock: Clock) -> None:
    patience = Patience(lambda: 110.0 if clock.now > 110.0 else None, clock)
    assert not patience.join(Stuck(clock), 60.0)
    assert clock.now == pytest.approx(110.0 + HURRY_S, abs=3 * SLICE_S)


def test_a_signal_gives_no_thread_more_time_than_its_own(clock: Clock) -> None:
    assert not Patience(lambda: 100.0, clock).join(Stuck(clock), HURRY_S / 3)
    assert clock.now == pytest.approx(100.0 + HURRY_S / 3, abs=2 * SLICE_S)


def test_a_thread_that_ends_is_not_waited_for_any_longer(clock: Clock) -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    assert Patience(lambda: 0.0, clock).join(thread, PATIENCE_S)


def test_room_is_waited_for_until_the_end_is_asked_for(clock: Clock) -> None:
    patience = Patience(lambda: 130.0 if clock.now > 130.0 else None, clock)
    assert not patience.put(Full(clock), 1)
    assert clock.now == pytest.approx(130.0 + ROOM_S, abs=3 * SLICE_S)


def test_what_finds_room_is_handed_over() -> None:
    queue: Queue[int] = Queue(depth=1)
    assert Patience(lambda: 0.0).put(queue, 7)
    assert queue.take() == 7
    queue.close()
    with pytest.raises(Closed):
        Patience().put(queue, 8)


def test_who_is_asked_to_hurry_takes_less_but_never_more() -> None:
    assert Patience().at_most(20.0, 0.7) == 20.0
    assert Patience(lambda: 0.0).at_most(20.0, 0.7) == 0.7
    assert Patience(lambda: 0.0).at_most(0.2, 0.7) == 0.2


# Scenes with an event each, faster than anybody reads them, down a pipe that nobody reads.
STUCK = """
import os
import sys
from contextlib import suppress
from dataclasses import replace
from edge.app import loop
from edge.core import Frame
from edge.interrupt import Interrupted, Interrupts
from edge.outputs import Runners
from edge.patience import Patience
from edge.sinks.{module} import {name}
from edge.sinks.together import Together
from models.errors import OutputError
from tests.scenes import grey, make_event, make_scene

def line(frame):
    if frame.index == 900:
        print("running", file=sys.stderr, flush=True)
    return replace(make_scene(frame.image, index=frame.index), events=(make_event("new"),))

line.finish = lambda: ()

def frames():
    number = 0
    while True:
        yield Frame(grey(4, 4), number, number / 10)
        number += 1

interrupts = Interrupts()
sink = Runners({live}, Patience(lambda: interrupts.asked_at)).events({name}({given}), "stdout")
with suppress(Interrupted), interrupts:
    loop(frames(), line, [Together([sink])], interrupts)
try:
    sink.close()
except OutputError as error:
    print(error, file=sys.stderr, flush=True)
os._exit(7)
"""


@pytest.fixture(name="pipe")
def _pipe() -> Iterator[int]:
    """The end of a pipe that is written to; nobody reads the other."""
    reading, writing = os.pipe()
    yield writing
    os.close(reading)
    os.close(writing)


@pytest.mark.skipif(os.name == "nt", reason="a signal ends a process there at once")
@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize(
    ("module", "name", "given"), [("console", "ConsoleSink", ""), ("jsonl", "JsonlSink", "'-'")]
)
def test_a_reader_that_stops_reading_keeps_nobody_from_ending(
    pipe: int, module: str, name: str, given: str, live: bool
) -> None:
    """A camera's line goes on and a file's waits; SIGTERM ends either, though the pipe is full."""
    script = STUCK.format(module=module, name=name, given=given, live=live)
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdout=pipe, stderr=subprocess.PIPE, text=True
    )
    assert child.stderr is not None
    try:
        while "running" not in (line := child.stderr.readline()):
            assert line, "it ended before"
        child.send_signal(signal.SIGTERM)
        told = child.stderr.read()
        assert child.wait(PATIENCE_S) == 7, told
    finally:
        child.kill()
    assert "stdout: the output still was not written when the run had to end" in told
