"""The road: what each sign sets and ends, in which order, for how long, and what is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from edge.core import Box, Event, EventKind, Frame, Road, Scene, Sign
from edge.road import RoadLine, RoadSettings, RoadState, road_words
from models.signs import sign_table
from tests.scenes import UNKNOWN, grey

SETTINGS = RoadSettings(expiry_s=100.0, junction_s=15.0, trust=0.8, doubt=0.5)
IDS = {"foreign": UNKNOWN, **{sign.stvo: sign.id for sign in sign_table()}}


def frame(time: float, segment: int = 0) -> Frame:
    return Frame(grey(32, 32), int(time * 30), time, segment)


def event(
    kind: EventKind, stvo: str, time: float, sign_id: str = "", probability: float = 0.95
) -> Event:
    """An event of a sign by its StVO number, last seen at that time."""
    sign = Sign(IDS[stvo], probability, 5)
    box = Box(0, 0, 9, 9)
    name = sign_id or stvo
    return Event(f"{name}-{kind}", name, kind, time, None, 0, 0, 1, sign, box, 0, time, time)


def passing(*signs: str) -> RoadState:
    """A drive past these signs, ten seconds from one to the next, each in sight for a second."""
    state = RoadState(SETTINGS)
    for number, stvo in enumerate(signs):
        time = 10.0 * (number + 1)
        state.update(frame(time), [event("new", stvo, time, f"s{number}")])
        state.update(frame(time + 1), [event("end", stvo, time + 1, f"s{number}")])
    return state


def after(*signs: str) -> Road:
    """What is in force when the last of these signs was passed; without the second of the limit."""
    road = passing(*signs).update(frame(10.0 * len(signs) + 2), [])
    return replace(road, limit_since=None)


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        # a limit: set, replaced, ended
        ("274-50", Road(limit=50)),
        ("274-120", Road(limit=120)),
        ("274-80 274-60", Road(limit=60)),
        ("274-60 274-80", Road(limit=80)),
        ("274-80 278-80", Road()),
        ("274-60 278-80", Road()),  # an 80 was missed; now it has ended
        ("278-80", Road()),
        ("274-80 282", Road(free=True)),
        ("274-80 278-80 274-100", Road(limit=100)),
        # overtaking: each ban has its own end and leaves the limit alone
        ("276", Road(no_overtaking=True)),
        ("277", Road(no_overtaking_trucks=True)),
        ("276 277", Road(no_overtaking=True, no_overtaking_trucks=True)),
        ("276 280", Road()),
        ("276 281", Road(no_overtaking=True)),
        ("277 281", Road()),
        ("277 280", Road(no_overtaking_trucks=True)),
        ("276 277 281", Road(no_overtaking=True)),
        ("274-80 276 280", Road(limit=80)),
        ("274-80 276 278-80", Road(no_overtaking=True)),
        ("274-80 276 274-60", Road(limit=60, no_overtaking=True)),
        # the end of all restrictions
        ("274-80 276 277 282", Road(free=True)),
        ("282", Road(free=True)),
        ("282 274-100", Road(limit=100)),
        ("282 276", Road(no_overtaking=True)),
        ("282 277", Road(no_overtaking_trucks=True)),
        ("282 280", Road(free=True)),
        ("306 274-80 282", Road(priority=True, free=True)),
        # priority
        ("306", Road(priority=True)),
        ("301", Road(priority=True)),
        ("205", Road(priority=False)),
        ("206", Road(priority=False)),
        ("306 205", Road(priority=False)),
        ("306 206", Road(priority=False)),
        ("205 306", Road(priority=True)),
        ("205 301", Road(priority=True)),
        ("301 205", Road(priority=False)),
        ("274-50 306 205", Road(limit=50, priority=False)),
        # what says nothing about any of this
        ("101", Road()),
        ("267", Road()),
        ("274-50 123 222-20 foreign", Road(limit=50)),
        ("282 136-10", Road(free=True)),
    ],
)
def test_what_is_in_force_after_these_signs(signs: str, expected: Road) -> None:
    assert after(*signs.split()) == expected


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        ("301", None),
        ("205", None),
        ("206", None),
        ("306 301", True),  # a priority road still is one after the junction
        ("306 205", None),  # the road that was joined is another one
        ("306", True),
    ],
)
def test_what_rules_one_junction_is_forgotten_after_it(signs: str, expected: bool | None) -> None:
    state = passing(*signs.split())
    passed = 10.0 * len(signs.split()) + 1

    assert state.update(frame(passed + 14.9), []).priority is not None
    assert state.update(frame(passed + 15.0), []).priority is expected


def test_a_stop_sign_holds_as_long_as_it_is_in_sight() -> None:
    state = RoadState(SETTINGS)
    state.update(frame(10), [event("new", "206", 10)])

    assert state.update(frame(70), []).priority is False
    assert state.update(frame(71), [event("end", "206", 71)]).priority is False
    assert state.update(frame(86), []).priority is None


def test_a_sign_counts_from_the_moment_it_is_read() -> None:
    state = RoadState(SETTINGS)

    assert state.update(frame(9), []) == Road()
    assert state.update(frame(10), [event("new", "274-50", 10)]) == Road(limit=50, limit_since=10)


def test_what_was_read_long_ago_is_stale_or_forgotten() -> None:
    state = passing("274-80", "276", "277", "306")
    fresh = Road(80, 10.0, False, True, True, True)

    assert state.update(frame(110.9), []) == fresh
    assert state.update(frame(111), []) == replace(fresh, stale=True)
    assert state.update(frame(121), []).no_overtaking is False
    assert state.update(frame(131), []).no_overtaking_trucks is False
    assert state.update(frame(141), []) == Road(limit=80, limit_since=10.0, stale=True)


def test_freedom_is_forgotten_as_well() -> None:
    state = passing("282")

    assert state.update(frame(110.9), []) == Road(free=True)
    assert state.update(frame(111), []) == Road()


def test_a_sign_read_again_is_fresh_again() -> None:
    state = passing("274-80")
    assert state.update(frame(150), []).stale

    road = state.update(frame(151), [event("new", "274-80", 151, "again")])

    assert (road.limit, road.limit_since, road.stale) == (80, 151, False)


def test_a_limit_in_sight_is_never_stale() -> None:
    state = RoadState(SETTINGS)
    state.update(frame(10), [event("new", "274-30", 10)])

    assert not state.update(frame(500), []).stale


def test_an_expiry_of_zero_is_for_ever() -> None:
    state = RoadState(replace(SETTINGS, expiry_s=0.0))
    state.update(frame(10), [event("new", "274-80", 10), event("new", "276", 10)])
    state.update(frame(11), [event("end", "274-80", 11), event("end", "276", 11)])

    road = state.update(frame(1e6), [])

    assert (road.limit, road.stale, road.no_overtaking) == (80, False, True)


def test_the_sign_passed_last_counts_whichever_was_read_first() -> None:
    state = RoadState(SETTINGS)
    state.update(frame(10), [event("new", "274-80", 10)])  # the far one, read early
    assert state.update(frame(11), [event("new", "274-100", 11)]).limit == 100
    assert state.update(frame(13), [event("end", "274-100", 13)]).limit == 80
    assert state.update(frame(15), [event("end", "274-80", 15)]).limit == 80


def test_a_corrected_reading_corrects_the_road() -> None:
    state = passing("274-80", "276")
    state.update(frame(30), [event("new", "282", 30, "far")])

    road = state.update(frame(31), [event("update", "281", 31, "far")])

    assert replace(road, limit_since=None) == Road(limit=80, no_overtaking=True)


def test_a_reading_corrected_to_no_known_sign_is_taken_back() -> None:
    state = passing("274-80")
    state.update(frame(30), [event("new", "274-30", 30, "far")])

    assert state.update(frame(31), [event("update", "foreign", 31, "far")]).limit == 80


def test_a_sign_that_is_hardly_believed_changes_nothing() -> None:
    state = passing("274-80")
    doubtful = event("new", "274-30", 30, "far", probability=0.79)

    assert state.update(frame(30), [doubtful]).limit == 80
    certain = event("update", "274-30", 31, "far", probability=0.8)
    assert state.update(frame(31), [certain]) == Road(limit=30, limit_since=31)


@pytest.mark.parametrize(("probability", "limit"), [(0.5, 30), (0.77, 30), (0.49, 80)])
def test_only_a_sign_that_is_unlikely_in_the_end_is_taken_back(
    probability: float, limit: int
) -> None:
    state = passing("274-80")
    state.update(frame(30), [event("new", "274-30", 30, "far")])

    last = event("end", "274-30", 33, "far", probability)
    assert state.update(frame(33), [last]).limit == limit


def test_a_new_segment_starts_with_nothing() -> None:
    state = passing("274-80", "306")
    old = [event("new", "276", 30), event("end", "276", 30)]  # settled as the segment ended

    assert state.update(frame(40, segment=1), old) == Road()
    assert state.update(frame(41, segment=1), []) == Road()


def test_new_and_end_at_once_are_enough() -> None:
    state = RoadState(SETTINGS)

    road = state.update(frame(5), [event("new", "274-50", 5), event("end", "274-50", 5)])

    assert road.limit == 50


class OneSign:
    """A line that reads a 50 in its first frame."""

    def __init__(self) -> None:
        self.last = (event("end", "274-50", 3),)

    def __call__(self, frame: Frame) -> Scene:
        events: Sequence[Event] = [event("new", "274-50", 0)] if frame.index == 0 else []
        return Scene(frame, (), tuple(events), {"total": 0.01})

    def finish(self) -> tuple[Event, ...]:
        return self.last


def test_a_line_s_scenes_say_what_is_in_force() -> None:
    inner = OneSign()
    line = RoadLine(inner, SETTINGS)

    scenes = [line(frame(time)) for time in (0.0, 1.0)]

    assert [scene.road.limit for scene in scenes] == [50, 50]
    assert [len(scene.events) for scene in scenes] == [1, 0]
    assert scenes[0].timings == {"total": 0.01}
    assert line.finish() == inner.last


def test_another_line_can_go_on_on_the_same_road() -> None:
    """What was passed stays in force, and so does what the first line had in sight at its end."""
    first = RoadState(SETTINGS)
    first.update(frame(0), [event("new", "306", 0)])
    first.update(frame(1), [event("end", "306", 1), event("new", "274-50", 1)])
    second = RoadState(RoadSettings(expiry_s=10.0))
    second.take_over(first, [event("end", "274-50", 2)])

    assert second.update(frame(3), []) == Road(50, limit_since=1, priority=True)
    assert second.update(frame(11.5), []).priority is None  # its own expiry counts, from t = 1 …
    assert not second.update(frame(11.5), []).stale  # … and from t = 2
    assert second.update(frame(12.5), []).stale
    assert second.update(frame(13, segment=1), []) == Road()


@pytest.mark.parametrize(
    ("road", "words"),
    [
        (Road(), ""),
        (Road(50), "limit 50 km/h"),
        (Road(50, stale=True), "limit 50 km/h (read long ago)"),
        (Road(free=True, priority=True), "no restrictions, priority"),
        (Road(80, no_overtaking=True, priority=False), "limit 80 km/h, no overtaking, give way"),
        (Road(no_overtaking_trucks=True), "no overtaking by trucks"),
    ],
)
def test_the_road_in_words(road: Road, words: str) -> None:
    assert road_words(road) == words
