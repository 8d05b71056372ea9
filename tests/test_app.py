"""The loop: every way in which it ends leaves what was read before in good order."""

from __future__ import annotations

import dataclasses
import io
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from edge.app import check_outputs, loop, open_sinks
from edge.config import Config
from edge.core import Box, Event, Frame, Scene, Sign
from edge.interrupt import Interrupted, Interrupts
from edge.line import build, load_models
from edge.patience import Ending
from edge.sinks.changes import Changes
from edge.sources import SourceInfo
from edge.status import StatusLine, Watch
from models.errors import ModelError, OutputError, SourceError, UsageError
from models.spec import find_model, load_spec, model_bytes

LAST = Event("e", "s", "end", 1.0, None, 3, 0, 1, Sign(14, 0.9, 3), Box(0, 0, 9, 9), 2, 0.0, 1.0)


def frames(count: int, error: Exception | None = None) -> Iterator[Frame]:
    """So many frames, then the end or an error."""
    for index in range(count):
        yield Frame(np.zeros((8, 8, 3), np.uint8), index, index / 30)
    if error:
        raise error


class FakeLine:
    """Sends itself a signal while it works on the frame of that index, where it is told to."""

    def __init__(self, signal_at: int | None = None) -> None:
        self._signal_at = signal_at
        self.finished = False

    def __call__(self, frame: Frame) -> Scene:
        if frame.index == self._signal_at:
            signal.raise_signal(signal.SIGTERM)
        return Scene(frame, timings={"total": 0.01})

    def finish(self) -> tuple[Event, ...]:
        self.finished = True
        return (LAST,)


class FakeSink:
    """Remembers the frames and the last events; fails at one frame or at the end if told to."""

    lossless = True

    def __init__(self, fail_at: int | None = None, fail_finish: str = "") -> None:
        self._fail_at = fail_at
        self._fail_finish = fail_finish
        self.seen: list[int] = []
        self.last: Sequence[Event] | None = None

    def write(self, scene: Scene) -> None:
        if scene.frame.index == self._fail_at:
            raise OutputError("the disk is full")
        self.seen.append(scene.frame.index)

    def finish(self, events: Sequence[Event]) -> None:
        if self._fail_finish:
            raise OutputError(self._fail_finish)
        self.last = events

    def close(self) -> None:
        pass


def test_every_frame_reaches_every_sink_and_then_the_last_events() -> None:
    first, second = FakeSink(), FakeSink()

    loop(frames(4), FakeLine(), [first, second], Interrupts())

    assert (first.seen, second.seen) == ([0, 1, 2, 3], [0, 1, 2, 3])
    assert first.last == second.last == (LAST,)


def test_it_stops_after_so_many_frames_without_asking_for_another() -> None:
    source, sink = frames(9), FakeSink()

    loop(source, FakeLine(), [sink], Interrupts(), max_frames=3)

    assert (sink.seen, sink.last) == ([0, 1, 2], (LAST,))
    assert next(source).index == 3


def test_pauses_reach_the_sinks_that_want_to_know_and_count_for_nothing() -> None:
    class IdlingSink(FakeSink):
        idled = 0

        def idle(self) -> None:
            self.idled += 1

    def with_pauses() -> Iterator[Frame | None]:
        for frame in frames(3):
            yield None
            yield frame

    plain, idling = FakeSink(), IdlingSink()

    loop(with_pauses(), FakeLine(), [plain, idling], Interrupts(), max_frames=2)

    assert (plain.seen, idling.seen, idling.idled) == ([0, 1], [0, 1], 2)


def test_a_pause_reaches_the_line_that_wants_to_know() -> None:
    class IdlingLine(FakeLine):
        idled = 0

        def idle(self) -> None:
            self.idled += 1

    line = IdlingLine()
    loop(iter([None, *frames(1), None]), line, [FakeSink()], Interrupts())

    assert line.idled == 2


def test_pauses_alone_do_not_end_it() -> None:
    sink = FakeSink()

    loop(iter([None, None, *frames(1)]), FakeLine(), [sink], Interrupts())

    assert sink.seen == [0]


def test_a_signal_while_nothing_comes_ends_it() -> None:
    class Stop(FakeSink):
        def idle(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    def silent() -> Iterator[Frame | None]:
        yield from frames(1)
        while True:
            yield None

    sink = Stop()
    with pytest.raises(Interrupted), Interrupts() as interrupts:
        loop(silent(), FakeLine(), [sink], interrupts)

    assert (sink.seen, sink.last) == ([0], (LAST,))


def test_a_source_without_frames_is_finished_as_well() -> None:
    sink = FakeSink()

    loop(frames(0), FakeLine(), [sink], Interrupts())

    assert (sink.seen, sink.last) == ([], (LAST,))


def test_a_source_that_fails_ends_it_and_what_was_read_is_kept() -> None:
    sink = FakeSink()

    with pytest.raises(SourceError, match="unplugged"):
        loop(frames(2, SourceError("unplugged")), FakeLine(), [sink], Interrupts())

    assert (sink.seen, sink.last) == ([0, 1], (LAST,))


def test_a_sink_that_fails_ends_it_and_the_others_are_finished() -> None:
    broken, whole = FakeSink(fail_at=1, fail_finish="already broken"), FakeSink()
    source = frames(9)

    with pytest.raises(OutputError, match="the disk is full"):
        loop(source, FakeLine(), [broken, whole], Interrupts())

    assert whole.last == (LAST,)
    assert next(source).index == 2  # nobody read on


def test_of_several_errors_the_first_is_told() -> None:
    sinks = [FakeSink(fail_finish="one"), FakeSink(fail_finish="two"), FakeSink()]

    with pytest.raises(OutputError, match="one"):
        loop(frames(1), FakeLine(), sinks, Interrupts())

    assert sinks[2].last == (LAST,)


def test_a_signal_lets_the_frame_in_work_through_and_finishes() -> None:
    sink, line = FakeSink(), FakeLine(signal_at=2)

    with pytest.raises(Interrupted) as stop, Interrupts() as interrupts:
        loop(frames(9), line, [sink], interrupts)

    assert stop.value.number == signal.SIGTERM
    assert (sink.seen, sink.last, line.finished) == ([0, 1, 2], (LAST,), True)


def test_a_signal_while_waiting_for_a_frame_ends_the_wait() -> None:
    sink = FakeSink()

    def stalled() -> Iterator[Frame]:
        yield from frames(1)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the wait was not ended")

    with pytest.raises(Interrupted), Interrupts() as interrupts:
        loop(stalled(), FakeLine(), [sink], interrupts)

    assert (sink.seen, sink.last) == ([0], (LAST,))


def test_a_bug_is_not_taken_for_an_end() -> None:
    sink = FakeSink()

    with pytest.raises(ZeroDivisionError):
        loop(frames(2, ZeroDivisionError()), FakeLine(), [sink], Interrupts())

    assert sink.last is None


@pytest.fixture
def watch() -> Watch:
    return Watch(StatusLine(None, io.StringIO()), lambda: "models", live=True)


CAMERA = SourceInfo("camera 0", live=True, stills=False, size=(8, 8), fps=30.0)


def test_a_camera_without_a_screen_prints_its_events_and_says_so(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("edge.app.window_problem", lambda: "there is no screen")
    caplog.set_level("INFO")

    with ExitStack() as stack:
        (sink,) = open_sinks(Config(source="0"), CAMERA, watch, Ending(stack))

    assert isinstance(sink, Changes)  # on a thread of its own: a reader may stop reading
    assert caplog.messages == ["there is no screen; events are printed here"]


def test_a_window_that_cannot_be_is_refused_where_it_was_asked_for(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.app.window_problem", lambda: "there is no screen")

    with ExitStack() as stack, pytest.raises(UsageError, match="there is no screen"):
        open_sinks(Config(source="0", show=True), CAMERA, watch, Ending(stack))


def test_a_bad_output_leaves_nothing_of_a_good_one(
    watch: Watch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "seen.jsonl").mkdir()
    config = Config(output=str(tmp_path / "seen.mp4"), events=str(tmp_path / "seen.jsonl"))

    with pytest.raises(OutputError, match="found a folder"), ExitStack() as stack:
        open_sinks(config, CAMERA, watch, Ending(stack))

    assert [path.name for path in tmp_path.iterdir()] == ["seen.jsonl"]
    assert caplog.messages == []


def test_a_video_of_unrelated_pictures_is_refused(watch: Watch) -> None:
    pictures = SourceInfo("shots", live=False, stills=True, frames=2)

    with ExitStack() as stack, pytest.raises(UsageError, match="expected a folder for pictures"):
        open_sinks(Config(output="seen.mp4"), pictures, watch, Ending(stack))


def test_the_overlay_is_told_rate_latency_age_and_models(watch: Watch) -> None:
    for frame in frames(1):
        watch.write(Scene(frame, timings={"total": 0.0123}))

    assert re.fullmatch(r"0 fps · 12 ms · \d+ ms old · models", watch.status)


def test_stdout_is_no_place_for_a_picture() -> None:
    with pytest.raises(UsageError, match="only --events"):
        check_outputs(Config(source="demo:", output="-"))


@pytest.mark.parametrize("stills", [False, True])
def test_models_that_were_not_published_together_are_refused(stills: bool, tmp_path: Path) -> None:
    path = find_model("detector")
    spec = load_spec(path)
    assert spec.pair is not None
    stranger = dataclasses.replace(spec.pair, sha256="0" * 64)
    (tmp_path / spec.file).write_bytes(model_bytes(spec, path))
    other = tmp_path / "detector.json"
    other.write_text(dataclasses.replace(spec, pair=stranger).to_json(), encoding="utf-8")
    config = Config(source="demo:", detector=str(other))
    with pytest.raises(ModelError, match="a pair published together"):
        build(load_models(config), config, stills)
