"""Outputs side by side: one that fails is told of once, and harms no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from edge.core import Event, Road, Scene
from edge.sinks.changes import SILENT, Changes
from edge.sinks.together import Together
from models.errors import OutputError
from tests.scenes import KEEP_RIGHT, SPEED_50, grey, make_event, make_scene, make_track


class Output:
    """Keeps what it gets; raises this error at that frame, or at the end."""

    lossless = True

    def __init__(
        self, error: Exception | None = None, at: int = 0, at_the_end: Exception | None = None
    ) -> None:
        self._error = error
        self._at = at
        self._at_the_end = at_the_end
        self.scenes: list[Scene] = []
        self.idles = 0
        self.last: Sequence[Event] | None = None

    def write(self, scene: Scene) -> None:
        if self._error and scene.frame.index >= self._at:
            raise self._error
        self.scenes.append(scene)

    def idle(self) -> None:
        self.idles += 1

    def finish(self, events: Sequence[Event]) -> None:
        if self._at_the_end:
            raise self._at_the_end
        self.last = events

    def close(self) -> None:
        pass


def write(together: Together, count: int) -> None:
    for index in range(count):
        together.write(make_scene(grey(4, 4), index=index))


def test_one_that_fails_is_told_of_once_and_the_others_get_everything(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken, whole = Output(OutputError("the disk is full"), at=2), Output()
    together = Together([broken, whole])
    write(together, 5)
    with pytest.raises(OutputError, match="the disk is full"):  # for the exit code
        together.finish([make_event("end")])

    assert (len(broken.scenes), broken.last) == (2, None)
    assert (len(whole.scenes), whole.last) == (5, [make_event("end")])
    assert caplog.messages == ["the disk is full; the other outputs go on"]


def test_when_the_last_one_has_failed_there_is_nothing_left_to_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    together = Together([Output(OutputError("one"), at=1), Output(OutputError("two"), at=3)])
    with pytest.raises(OutputError, match="one"):
        write(together, 9)

    assert caplog.messages == ["one; the other outputs go on"]


def test_a_reader_who_has_had_enough_is_no_error_while_others_listen(
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = Output()
    together = Together([Output(BrokenPipeError()), whole])
    write(together, 3)
    together.finish([])

    assert len(whole.scenes) == 3
    assert caplog.messages == []


def test_a_reader_who_was_the_only_one_ends_the_run() -> None:
    with pytest.raises(BrokenPipeError):
        write(Together([Output(BrokenPipeError())]), 1)


def test_a_failure_at_the_end_keeps_no_other_from_its_last_events() -> None:
    whole = Output()
    together = Together([Output(at_the_end=OutputError("late")), whole])
    write(together, 1)
    with pytest.raises(OutputError, match="late"):
        together.finish([make_event("end")])

    assert whole.last == [make_event("end")]


def test_a_bug_in_one_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        write(Together([Output(ZeroDivisionError()), Output()]), 1)


def test_without_any_output_frames_go_by() -> None:
    together = Together([])
    write(together, 2)
    together.finish([])


def test_those_that_want_to_know_are_told_that_nothing_comes() -> None:
    output = Output()
    Together([output]).idle()

    assert output.idles == 1


# --- only what changed, without pictures ---


def test_only_what_changed_is_passed_on_and_no_picture_is_kept() -> None:
    output = Output()
    changes = Changes(output)
    event = make_event()
    box = event.box
    image = grey(640, 480)
    scenes = [
        Scene(make_scene(image, index=0).frame),  # the first says how things are
        Scene(make_scene(image, index=1).frame),
        Scene(make_scene(image, index=2).frame, (make_track(box, SPEED_50),)),
        Scene(make_scene(image, index=3).frame, (make_track(box, SPEED_50),)),
        Scene(make_scene(image, index=4).frame, (make_track(box, KEEP_RIGHT),)),
        Scene(make_scene(image, index=5).frame, (make_track(box, KEEP_RIGHT),), (event,)),
        Scene(make_scene(image, index=6).frame, (make_track(box, KEEP_RIGHT),), road=Road(50)),
        Scene(make_scene(image, index=7).frame, (), road=Road(50)),
        Scene(make_scene(image, index=8).frame, (), road=Road(50)),
    ]
    for scene in scenes:
        changes.write(scene)
    changes.finish([event])

    assert [scene.frame.index for scene in output.scenes] == [0, 2, 4, 5, 6, 7]
    assert output.scenes[3].events == (event,)
    assert output.scenes[4].road == Road(50)
    assert all(scene.frame.image.size == 0 for scene in output.scenes)
    assert np.array_equal(scenes[0].frame.image, image)
    assert output.last == [event]


def test_where_no_frame_comes_for_long_no_sign_is_seen_any_more() -> None:
    output = Output()
    changes = Changes(output)
    sign = (make_track(make_event().box, SPEED_50),)
    seen = Scene(make_scene(grey(640, 480), index=3).frame, sign, (make_event(),), road=Road(50))
    changes.idle()
    changes.write(seen)
    for _ in range(SILENT - 1):
        changes.idle()
    assert len(output.scenes) == 1
    for _ in range(3):
        changes.idle()

    assert [(scene.tracks, scene.events) for scene in output.scenes[1:]] == [((), ())]
    assert output.scenes[1].road == Road(50)
    changes.write(replace(seen, events=()))  # it comes back with the camera
    assert output.scenes[2].tracks == sign


def test_an_output_that_fails_while_nothing_comes_keeps_no_other_from_it() -> None:
    class Broken(Output):
        def idle(self) -> None:
            raise OutputError("full")

    whole = Output()
    Together([Broken(), whole]).idle()

    assert whole.idles == 1
