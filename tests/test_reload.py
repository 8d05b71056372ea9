"""Settings read again while the app runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from edge.config import Config
from edge.core import Event, Frame, Line, Scene
from edge.reload import ReloadingLine, changed
from edge.road import RoadLine, RoadSettings
from models.errors import ModelError, UsageError
from tests.scenes import grey, make_event

OLD = Config(source="0", conf=0.3)


class FakeLine:
    """Knows with which settings it was made."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.finished = False

    def __call__(self, frame: Frame) -> Scene:
        return Scene(frame, (), (make_event("new"),))

    def finish(self) -> tuple[Event, ...]:
        self.finished = True
        return (make_event("end"),)


class Drive:
    """A line that reloads when it is told to, and what it was rebuilt with."""

    def __init__(
        self,
        reread: Callable[[], Config],
        rebuild: Callable[[Config], Line] = FakeLine,
    ) -> None:
        self.asked = False
        self.built: list[Config] = []
        self.first = FakeLine(OLD)
        self._rebuild = rebuild
        self.line = ReloadingLine(self.first, OLD, self._take, reread, self._build)

    def _take(self) -> bool:
        asked, self.asked = self.asked, False
        return asked

    def _build(self, config: Config) -> Line:
        self.built.append(config)
        return self._rebuild(config)

    def kinds(self, asked: bool) -> list[str]:
        """The kinds of the events of one frame."""
        self.asked = asked
        scene = self.line(Frame(grey(8, 8), 0, 0.0))
        return [event.kind for event in scene.events]


@pytest.fixture(autouse=True)
def loud(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")


def test_what_can_change_changes_between_two_frames(caplog: pytest.LogCaptureFixture) -> None:
    drive = Drive(lambda: replace(OLD, conf=0.5, max_reads=2))

    assert drive.kinds(asked=False) == ["new"]
    assert drive.kinds(asked=True) == ["end", "new"]  # what was in sight is ended first
    assert drive.kinds(asked=False) == ["new"]
    assert drive.first.finished
    assert drive.built == [replace(OLD, conf=0.5, max_reads=2)]
    assert caplog.messages == ["settings read again: changed conf, max_reads"]


def test_settings_are_read_again_while_no_frame_comes(caplog: pytest.LogCaptureFixture) -> None:
    """What was in sight is ended then, and told with the next frame, or at the end."""
    settings = iter([replace(OLD, conf=0.5), replace(OLD, conf=0.6)])
    drive = Drive(lambda: next(settings))
    drive.asked = True
    drive.line.idle()
    drive.line.idle()

    assert drive.first.finished
    assert caplog.messages == ["settings read again: changed conf"]
    assert drive.kinds(asked=False) == ["end", "new"]
    assert drive.kinds(asked=False) == ["new"]
    drive.asked = True
    drive.line.idle()
    assert [event.kind for event in drive.line.finish()] == ["end", "end"]


def test_what_cannot_change_is_told_and_left(caplog: pytest.LogCaptureFixture) -> None:
    drive = Drive(lambda: replace(OLD, source="1", output="x.mp4", max_reads=2))
    drive.kinds(asked=True)

    assert drive.built == [replace(OLD, max_reads=2)]
    assert caplog.messages[0] == "only a restart changes output, source"


def test_settings_that_are_the_same_change_nothing(caplog: pytest.LogCaptureFixture) -> None:
    drive = Drive(lambda: OLD)

    assert drive.kinds(asked=True) == ["new"]
    assert not drive.first.finished
    assert caplog.messages == ["settings read again: nothing to change"]


def test_settings_taken_once_are_not_taken_again() -> None:
    drive = Drive(lambda: replace(OLD, max_reads=2))

    assert drive.kinds(asked=True) == ["end", "new"]
    assert drive.kinds(asked=True) == ["new"]
    assert len(drive.built) == 1


def broken() -> Config:
    raise UsageError('edge.toml: unknown key "cnof"')


def test_broken_settings_are_told_and_the_old_ones_kept(caplog: pytest.LogCaptureFixture) -> None:
    drive = Drive(broken)

    assert drive.kinds(asked=True) == ["new"]
    assert drive.built == []
    assert caplog.messages == ['the settings stay as they were: edge.toml: unknown key "cnof"']


def no_model(config: Config) -> Line:
    raise ModelError(f"no model {config.detector}")


def test_a_model_that_is_not_there_leaves_the_old_one(caplog: pytest.LogCaptureFixture) -> None:
    drive = Drive(lambda: replace(OLD, detector="gone"), no_model)

    assert drive.kinds(asked=True) == ["new"]
    assert drive.kinds(asked=True) == ["new"]
    assert not drive.first.finished
    assert caplog.messages == ["the settings stay as they were: no model gone"] * 2


def test_the_line_in_use_is_the_one_that_is_finished() -> None:
    drive = Drive(lambda: replace(OLD, max_reads=2))
    drive.kinds(asked=True)
    drive.first.finished = False

    assert [event.kind for event in drive.line.finish()] == ["end"]
    assert not drive.first.finished


def test_the_road_outlives_a_reload() -> None:
    """A line of before that read a 50, and a new one that has read nothing yet."""
    limit = make_event("new")
    asked = iter([False, True, False])
    line = ReloadingLine(
        RoadLine(Says((limit,), (make_event("end"),)), RoadSettings(300.0)),
        OLD,
        lambda: next(asked),
        lambda: replace(OLD, max_reads=2),
        lambda _: RoadLine(Says(), RoadSettings(300.0)),
    )

    scenes = [line(Frame(grey(8, 8), number, limit.time + number)) for number in range(3)]
    assert [scene.road.limit for scene in scenes] == [50, 50, 50]


class Says:
    """A line that reads these events in every frame, and ends with those."""

    def __init__(self, events: tuple[Event, ...] = (), last: tuple[Event, ...] = ()) -> None:
        self.events, self.last = events, last

    def __call__(self, frame: Frame) -> Scene:
        return Scene(frame, (), self.events)

    def finish(self) -> tuple[Event, ...]:
        return self.last


def test_which_settings_differ() -> None:
    assert changed(OLD, OLD) == frozenset()
    assert changed(OLD, replace(OLD, conf=None, show=True)) == {"conf", "show"}
