"""What the page knows of the line."""

from __future__ import annotations

from edge.core import Health
from edge.web.sink import About, PageSink
from tests.pages import make_road_scene


class FakeClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def make_sink(clock: FakeClock, live: bool = True) -> PageSink:
    return PageSink(About("camera 0", live, lambda: "models"), lambda: Health("online", 0.0), clock)


def test_rate_latency_and_age_are_those_of_the_newest_frames() -> None:
    clock = FakeClock()
    sink = make_sink(clock)
    for index in range(21):
        sink.write(make_road_scene(index, time=clock.now - 0.04))
        clock.now += 0.05

    line = sink.state()["line"]

    assert (line["fps"], line["latency_ms"], line["age_ms"]) == (20.0, 20.0, 90)
    assert (line["frames"], line["models"], line["up_s"]) == (21, "models", 1)


def test_the_frames_of_a_file_have_no_age() -> None:
    clock = FakeClock()
    sink = make_sink(clock, live=False)
    sink.write(make_road_scene())

    assert sink.state()["line"]["age_ms"] is None


def test_signs_of_a_picture_that_has_stopped_are_not_in_view() -> None:
    clock = FakeClock()
    sink = make_sink(clock)
    sink.write(make_road_scene(0, clock.now))
    assert len(sink.state()["signs"]) == 1

    clock.now += 6.0

    state = sink.state()
    assert (state["signs"], state["line"]["fps"]) == ([], 0.0)
    assert state["line"]["age_ms"] == 6000
    assert state["road"]["limit"] == 50


def test_the_page_counts_the_time_of_a_state_from_its_own_start() -> None:
    clock = FakeClock()
    sink = make_sink(clock)
    clock.now += 7.0

    assert sink.state()["source"]["for_s"] == 7.0


def test_what_belongs_to_the_page_ends_with_it() -> None:
    ended = []
    sink = make_sink(FakeClock())
    sink.closing.callback(ended.append, "history")
    sink.closing.callback(ended.append, "server")

    sink.close()

    assert ended == ["server", "history"]
    assert sink.picture.closed
