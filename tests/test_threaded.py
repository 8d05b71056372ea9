"""A sink on its own thread: order, waiting, skipping, errors, and never a deadlock."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from edge.core import Event, Image, Scene
from edge.sinks import threaded
from edge.sinks.render import KEPT, RenderOnce
from edge.sinks.threaded import Threaded
from models.errors import OutputError, UsageError
from tests.scenes import grey, make_event, make_scene
from tests.waiting import PATIENCE_S


class Recorder:
    """A sink that notes what it is told; `gate` holds it up, `fails` makes a call raise."""

    def __init__(self, lossless: bool = True, gate: threading.Event | None = None) -> None:
        self.lossless = lossless
        self.calls: list[str] = []
        self.threads: set[int] = set()
        self.fails: dict[str, BaseException] = {}
        self.busy = threading.Event()
        self.closed = threading.Event()
        self._gate = gate

    def write(self, scene: Scene) -> None:
        self.busy.set()
        if self._gate is not None:
            assert self._gate.wait(PATIENCE_S)
        self._note(f"write {scene.frame.index}")

    def finish(self, events: Sequence[Event]) -> None:
        self._note(f"finish {len(events)}")

    def close(self) -> None:
        self.closed.set()
        self._note("close")

    def _note(self, call: str) -> None:
        self.calls.append(call)
        self.threads.add(threading.get_ident())
        for start, error in self.fails.items():
            if call.startswith(start):
                raise error


def test_it_ends_beside_the_others_before_it_is_waited_for() -> None:
    sink = Recorder()
    threaded = Threaded(sink, depth=2)
    threaded.write(scene(0))

    threaded.finish(())

    assert sink.closed.wait(PATIENCE_S)  # without `close`
    threaded.close()
    assert sink.calls == ["write 0", "finish 0", "close"]


def scene(index: int) -> Scene:
    return make_scene(grey(4, 4), index=index)


def started(function: object, *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=function, args=arguments, daemon=True)  # type: ignore[arg-type]
    thread.start()
    return thread


def ended(thread: threading.Thread) -> bool:
    thread.join(PATIENCE_S)
    return not thread.is_alive()


def test_everything_arrives_in_order_on_another_thread() -> None:
    sink = Recorder()
    runner = Threaded(sink, depth=2)
    for index in range(5):
        runner.write(scene(index))
    runner.finish([make_event("end")])
    runner.close()

    assert sink.calls == [*(f"write {index}" for index in range(5)), "finish 1", "close"]
    assert sink.threads.isdisjoint({threading.get_ident()})
    assert runner.lossless


def test_without_finish_it_is_only_closed() -> None:
    sink = Recorder()
    Threaded(sink, depth=2).close()

    assert sink.calls == ["close"]


def test_a_lossless_sink_makes_the_line_wait() -> None:
    gate = threading.Event()
    sink = Recorder(gate=gate)
    runner = Threaded(sink, depth=2)
    for index in range(3):  # one in the sink's hands, two queued
        runner.write(scene(index))
        assert sink.busy.wait(PATIENCE_S)
    fourth = started(runner.write, scene(3))

    fourth.join(0.05)  # ends early only if the line does not wait, which is the failure
    assert fourth.is_alive()
    gate.set()
    assert ended(fourth)
    runner.close()
    assert sink.calls == [*(f"write {index}" for index in range(4)), "close"]


def test_any_other_sink_gets_the_latest_and_nobody_waits() -> None:
    gate = threading.Event()
    sink = Recorder(lossless=False, gate=gate)
    runner = Threaded(sink, depth=2)
    runner.write(scene(0))
    assert sink.busy.wait(PATIENCE_S)
    for index in range(1, 100):
        runner.write(scene(index))
    gate.set()
    runner.finish([])
    runner.close()

    assert sink.calls == ["write 0", "write 99", "finish 0", "close"]
    assert not runner.lossless


def test_a_live_line_never_waits_for_a_lossless_sink(caplog: pytest.LogCaptureFixture) -> None:
    gate = threading.Event()
    sink = Recorder(gate=gate)
    runner = Threaded(sink, depth=2, live=True, name="seen.mp4")
    runner.write(scene(0))
    assert sink.busy.wait(PATIENCE_S)
    for index in range(1, 10):  # two of them find room
        runner.write(scene(index))
    assert (runner.dropped, runner.failed) == (7, False)
    gate.set()
    runner.finish([])
    runner.close()

    assert sink.calls == ["write 0", "write 1", "write 2", "finish 0", "close"]
    assert caplog.messages == [
        "seen.mp4 cannot keep up with the source: scenes are dropped",
        "seen.mp4: 7 scenes were dropped in all",
    ]


def test_a_sink_that_has_failed_says_so() -> None:
    sink = Recorder()
    sink.fails["write"] = OutputError("gone")
    runner = Threaded(sink, depth=1, live=True)
    runner.write(scene(0))
    assert sink.closed.wait(PATIENCE_S)

    assert runner.failed
    with pytest.raises(OutputError, match="gone"):
        runner.write(scene(1))
    runner.close()


def test_a_live_line_waits_only_briefly_for_a_sink_that_hangs_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threaded, "LIVE_PATIENCE_S", 0.01)
    gate = threading.Event()
    runner = Threaded(Recorder(gate=gate), depth=1, live=True, name="seen.mp4")
    runner.write(scene(0))

    with pytest.raises(OutputError, match=r"seen\.mp4: the output still was not written"):
        runner.close()
    gate.set()


def test_an_error_surfaces_at_the_next_write_as_output_error() -> None:
    sink = Recorder()
    sink.fails["write"] = OSError(28, "No space left on device")
    runner = Threaded(sink, depth=1)
    runner.write(scene(0))
    assert sink.closed.wait(PATIENCE_S)

    with pytest.raises(OutputError, match="No space left on device"):
        runner.write(scene(1))
    runner.finish([])
    runner.close()
    assert sink.calls == ["write 0", "close"]


@pytest.mark.parametrize("call", ["write", "finish", "close"])
def test_an_error_surfaces_at_close_at_the_latest_and_only_once(call: str) -> None:
    sink = Recorder()
    sink.fails[call] = OutputError("the disk is full")
    runner = Threaded(sink, depth=4)
    runner.write(scene(0))

    with pytest.raises(OutputError, match="the disk is full"):
        runner.finish([])
        runner.close()
    runner.close()


@pytest.mark.parametrize("error", [UsageError("no"), BrokenPipeError(), ZeroDivisionError("bug")])
def test_errors_of_ours_a_closed_pipe_and_bugs_come_through_as_they_are(
    error: BaseException,
) -> None:
    sink = Recorder()
    sink.fails["write"] = error
    runner = Threaded(sink, depth=1)
    runner.write(scene(0))

    with pytest.raises(type(error)) as caught:
        runner.close()
    assert caught.value is error


def test_the_first_of_two_errors_is_told() -> None:
    sink = Recorder()
    sink.fails = {"write": OutputError("first"), "close": OutputError("second")}
    runner = Threaded(sink, depth=1)
    runner.write(scene(0))

    with pytest.raises(OutputError, match="first"):
        runner.close()


def test_a_writer_that_waits_for_room_is_woken_when_the_sink_dies() -> None:
    gate = threading.Event()
    sink = Recorder(gate=gate)
    sink.fails["write 0"] = OutputError("gone")
    runner = Threaded(sink, depth=1)
    runner.write(scene(0))
    assert sink.busy.wait(PATIENCE_S)
    runner.write(scene(1))
    errors: list[BaseException] = []

    def wait_for_room() -> None:
        try:
            runner.write(scene(2))
        except OutputError as error:
            errors.append(error)

    waiting = started(wait_for_room)
    gate.set()

    assert ended(waiting)
    assert [str(error) for error in errors] == ["gone"]
    runner.close()


def test_a_sink_that_hangs_is_given_up_at_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threaded, "PATIENCE_S", 0.01)
    gate = threading.Event()
    sink = Recorder(gate=gate)
    runner = Threaded(sink, depth=1)
    runner.write(scene(0))

    with pytest.raises(OutputError, match="Recorder"):
        runner.close()
    gate.set()


# --- one drawing for all ---


class Pen:
    """Draws a new picture for every call, and counts."""

    def __init__(self) -> None:
        self.drawn: list[int] = []

    def __call__(self, scene: Scene) -> Image:
        self.drawn.append(scene.frame.index)
        return scene.frame.image.copy()


def test_a_scene_is_drawn_once_for_all_who_ask() -> None:
    pen = Pen()
    render = RenderOnce(pen, askers=3)
    scenes = [scene(0), scene(1)]
    pictures = [[render(each) for each in scenes] for _ in range(3)]

    assert pen.drawn == [0, 1]
    assert all(one is two for one, two in zip(pictures[0], pictures[2], strict=True))


def test_a_picture_that_others_see_too_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        RenderOnce(Pen(), askers=2)(scene(0))[:] = 0


def test_threads_that_ask_at_the_same_time_share_one_picture() -> None:
    barrier = threading.Barrier(4)
    pen = Pen()
    render = RenderOnce(pen, askers=4)
    shown = scene(0)
    pictures: list[Image] = []

    def ask() -> None:
        barrier.wait(PATIENCE_S)
        pictures.append(render(shown))

    threads = [started(ask) for _ in range(4)]

    assert all(ended(thread) for thread in threads)
    assert pen.drawn == [0]
    assert len({id(picture) for picture in pictures}) == 1


def test_only_a_few_pictures_are_kept_for_those_that_lag_behind() -> None:
    pen = Pen()
    render = RenderOnce(pen, askers=2)
    scenes = [scene(index) for index in range(KEPT + 1)]
    for each in scenes:
        render(each)
    render(scenes[1])
    assert pen.drawn == list(range(KEPT + 1))

    assert np.array_equal(render(scenes[0]), scenes[0].frame.image)
    assert pen.drawn == [*range(KEPT + 1), 0]
