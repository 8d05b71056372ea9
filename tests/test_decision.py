"""From readings to events: tracks, readings and times are given."""

from __future__ import annotations

import gc
from collections.abc import Sequence

import pytest
from fakes import make_reading, numbered_image
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.case import Case, DecisionSettings
from edge.core import UNKNOWN, Box, Detection, Event, Frame, Reading, Track
from edge.decision import Decision, new_run
from models.signs import BACKGROUND, FOREIGN

NEAR = Box(600, 300, 640, 340)
FAR = Box(600, 300, 612, 312)
AT_THE_EDGE = Box(1240, 300, 1280, 340)
SURE = make_reading(7, 0.97)
NOTHING = make_reading(BACKGROUND, 0.97, other=FOREIGN)


class Road:
    """Feeds a decision frame by frame, at so many frames a second."""

    def __init__(self, settings: DecisionSettings | None = None, fps: float = 10) -> None:
        self.decision = Decision(settings, run="run")
        self.events: list[Event] = []
        self.tracks: tuple[Track, ...] = ()
        self.index = 0
        self.segment = 0
        self.fps = fps

    def frame(self) -> Frame:
        time = self.index / self.fps
        wall = 1000 + time
        return Frame(numbered_image(self.index), self.index, time, self.segment, wall)

    def step(self, *looks: tuple[int, Box, Reading | None]) -> list[Event]:
        """One frame; each look is track, box and reading. None: detected but not read."""
        tracks = [Track(number, box, Detection(box, 0.9)) for number, box, _ in looks]
        readings = {number: reading for number, _, reading in looks if reading is not None}
        return self._update(tracks, readings)

    def coast(self, number: int, box: Box) -> list[Event]:
        """One frame in which a track is only predicted."""
        return self._update([Track(number, box)], {})

    def _update(self, tracks: Sequence[Track], readings: dict[int, Reading]) -> list[Event]:
        self.tracks, events = self.decision.update(self.frame(), tracks, readings)
        self.events += events
        self.index += 1
        return list(events)

    def look(self, count: int, reading: Reading | None, box: Box = NEAR, track: int = 1) -> None:
        for _ in range(count):
            self.step((track, box, reading))

    def leave(self, seconds: float = 3.0) -> None:
        for _ in range(round(seconds * 10)):
            self.step()

    def finish(self) -> None:
        self.events += self.decision.finish()

    @property
    def told(self) -> list[tuple[str, int]]:
        return [(event.kind, event.sign.label) for event in self.events]


def test_no_tracks_no_events() -> None:
    road = Road()
    road.leave()
    assert road.tracks == ()
    assert road.told == []
    assert road.decision.finish() == ()


def test_one_sign_is_told_once_and_ends_once() -> None:
    road = Road()
    road.look(20, SURE)
    road.leave()
    road.finish()
    assert road.told == [("new", 7), ("end", 7)]
    new, end = road.events
    assert new.sign_id == end.sign_id
    assert new.track == end.track == 1
    assert new.id != end.id


@pytest.mark.parametrize("fps", [2.5, 2, 1, 0.5])
def test_a_camera_that_looks_seldom_tells_a_sign_all_the_same(fps: float) -> None:
    road = Road(fps=fps)
    road.look(5, SURE)
    road.finish()
    assert road.told == [("new", 7), ("end", 7)]


def test_a_track_that_was_away_for_longer_than_usual_is_another_sign_until_read() -> None:
    road = Road(fps=2)
    road.look(4, SURE)
    road.coast(1, NEAR)
    road.look(4, make_reading(20, 0.97))
    road.finish()
    assert road.told == [("new", 7), ("new", 20), ("end", 7), ("end", 20)]


@pytest.mark.parametrize("lower", [make_reading(20, 0.97), NOTHING])
def test_a_sign_that_leaves_is_told_whatever_comes_up_below_it(lower: Reading) -> None:
    road = Road()
    for reading in (make_reading(7, 0.999), None, make_reading(7, 0.999)):
        road.step((1, NEAR, reading))
    below = Detection(Box(600, 345, 640, 385), 0.9)
    for n in range(40):
        lost = [Track(1, NEAR)] if n < 6 else []
        found = [Track(2, below.box, below)] if 3 <= n < 18 else []
        road._update([*lost, *found], {2: lower} if found else {})
    road.finish()
    assert ("new", 7) in road.told


def test_what_flickers_for_days_is_not_kept() -> None:
    road = Road(fps=2)
    for n in range(200):
        road.step((n, NEAR, NOTHING))
        road.step()
    gc.collect()
    assert sum(isinstance(each, Case) for each in gc.get_objects()) < 20


def test_a_sign_is_tentative_until_it_has_been_seen_often_and_long_enough() -> None:
    road = Road(DecisionSettings(min_votes=4, min_age_s=0.5))
    states = []
    for _ in range(7):
        road.step((1, NEAR, SURE))
        states.append(road.tracks[0].state)
    assert states == ["tentative"] * 5 + ["confirmed"] * 2
    sign = road.tracks[0].sign
    assert sign is not None
    assert (sign.label, sign.votes) == (7, 7)


def test_the_events_carry_times_walls_frames_and_the_best_crop() -> None:
    road = Road()
    large = Box(600, 300, 660, 360)
    road.look(5, SURE)
    road.step((1, large, SURE))
    road.look(3, SURE, AT_THE_EDGE)  # not whole
    road.leave()
    new, end = road.events
    assert (new.time, new.wall, new.frame, new.first_seen) == (0.3, 1000.3, 3, 0.0)
    assert (new.box, new.box_frame) == (NEAR, 0)
    assert (end.box, end.box_frame) == (large, 5)
    assert end.last_seen == pytest.approx(0.8)
    assert end.time == pytest.approx(0.8 + DecisionSettings().gone_s, abs=0.11)  # a frame
    assert end.wall == pytest.approx(1000 + end.time)


def test_a_crop_of_the_wrong_sign_is_never_the_best() -> None:
    road = Road()
    road.look(8, SURE)
    road.step((1, Box(500, 200, 620, 320), make_reading(9, 0.99)))
    road.finish()
    assert road.events[-1].box == NEAR


def test_a_source_without_wall_time_gives_events_without() -> None:
    decision = Decision(run="run")
    track = Track(1, NEAR, Detection(NEAR, 0.9))
    for n in range(10):
        decision.update(Frame(numbered_image(n), n, n / 10), [track], {1: SURE})
    assert [event.wall for event in decision.finish()] == [None]


def test_a_sign_outside_the_43_is_told_as_unknown_but_later() -> None:
    road = Road()
    foreign = make_reading(FOREIGN, 0.97)
    road.look(6, foreign)
    assert road.told == []
    road.look(6, foreign)
    assert road.told == [("new", UNKNOWN)]


def test_what_is_read_as_nothing_is_dropped_and_never_told() -> None:
    road = Road()
    road.look(10, NOTHING)
    assert road.tracks[0].state == "dropped"
    road.leave()
    road.finish()
    assert road.told == []


def test_a_dropped_track_that_turns_out_to_be_a_sign_is_told() -> None:
    road = Road()
    road.look(15, NOTHING, FAR)
    assert road.tracks[0].state == "dropped"
    road.look(20, SURE)
    assert road.told == [("new", 7)]


def test_far_misreadings_do_not_decide_against_near_readings() -> None:
    road = Road()
    road.look(6, make_reading(3, 0.8, other=7), FAR)
    road.look(10, SURE)
    assert road.told == [("new", 7)]


def test_a_sign_every_look_half_believes_in_is_never_forced_into_a_class() -> None:
    road = Road()
    for n in range(40):
        road.step((1, NEAR, make_reading(3 + n % 2, 0.52, other=4 - n % 2)))
    assert road.told == []


def test_a_leaving_sign_that_has_no_class_is_unknown() -> None:
    road = Road()
    for n in range(40):
        road.step((1, NEAR, make_reading(3 + n % 2, 0.52, other=4 - n % 2)))
    road.leave()
    assert road.told == [("new", UNKNOWN), ("end", UNKNOWN)]


@pytest.mark.parametrize(("fused", "told"), [(0.9, [("new", 7)]), (0.98, [])])
def test_a_sign_is_not_told_below_the_threshold_of_still_pictures(
    fused: float, told: list[tuple[str, int]]
) -> None:
    road = Road(DecisionSettings(fused=fused))
    # A score of 0.9 and a background of 0.03: half of 2.2 + 3.5 as log-odds is 0.945.
    road.look(20, SURE)
    road.leave()
    road.finish()
    assert [event for event in road.told if event[0] == "new"] == told


def test_one_wild_look_changes_nothing() -> None:
    road = Road()
    road.look(10, SURE)
    road.look(1, make_reading(20, 0.99))
    road.look(10, SURE)
    assert road.told == [("new", 7)]
    assert road.tracks[0].sign is not None
    assert road.tracks[0].sign.label == 7


def test_much_stronger_evidence_for_another_class_is_an_update() -> None:
    road = Road()
    road.look(15, make_reading(3, 0.85), Box(600, 300, 622, 322))
    road.look(60, SURE)
    road.leave()
    assert road.told == [("new", 3), ("update", 7), ("end", 7)]
    assert len({event.sign_id for event in road.events}) == 1
    assert len({event.id for event in road.events}) == 3


def test_a_sign_read_as_two_classes_in_turn_stays_what_it_was_told_as() -> None:
    road = Road()
    road.look(10, SURE)
    for _ in range(20):
        road.look(1, make_reading(7, 0.7, other=20))
        road.look(1, make_reading(20, 0.97))
    assert road.told == [("new", 7)]


def test_a_decided_sign_that_looks_like_nothing_for_a_while_stays() -> None:
    road = Road()
    road.look(10, SURE)
    road.look(30, NOTHING)
    assert road.tracks[0].state == "confirmed"
    assert road.told == [("new", 7)]


def test_two_looks_are_enough_for_a_sign_that_leaves() -> None:
    road = Road(DecisionSettings(overwhelming=1.0))
    road.look(1, make_reading(7, 0.999))
    road.look(2, None)
    road.look(1, make_reading(7, 0.999))
    assert road.told == []
    road.leave(0.1)
    assert road.told == [("new", 7)]


def test_a_single_overwhelming_look_at_the_edge_is_enough() -> None:
    road = Road(DecisionSettings(clipped_quality=1.0))
    decision = road.decision
    track = Track(1, AT_THE_EDGE, Detection(AT_THE_EDGE, 0.97))
    _, events = decision.update(road.frame(), [track], {1: make_reading(7, 0.999)})
    assert [event.kind for event in events] == ["new"]


def test_a_single_fair_look_is_not() -> None:
    road = Road()
    road.step((1, NEAR, make_reading(7, 0.9)))
    road.leave()
    assert road.told == []


@pytest.mark.parametrize(
    ("box", "told"), [(NEAR, [("new", 7), ("end", 7)]), (AT_THE_EDGE, [])], ids=["whole", "cut off"]
)
def test_a_single_look_at_a_sign_that_the_edge_cuts_off_is_not_enough(
    box: Box, told: list[tuple[str, int]]
) -> None:
    road = Road()
    road._update([Track(1, box, Detection(box, 0.97))], {1: make_reading(7, 0.999)})
    road.leave()
    assert road.told == told


@pytest.mark.parametrize(("looks", "told"), [(7, []), (14, [("new", 7)])])
def test_a_sign_that_the_detector_half_doubts_takes_more_looks(
    looks: int, told: list[tuple[str, int]]
) -> None:
    road = Road()
    for _ in range(looks):
        road._update([Track(1, NEAR, Detection(NEAR, 0.5))], {1: make_reading(7, 0.999)})
    assert road.told == told


def test_a_single_look_at_a_tiny_sign_is_not() -> None:
    road = Road()
    road.step((1, FAR, make_reading(7, 0.999)))
    road.leave()
    assert road.told == []


def test_a_track_that_is_never_read_is_never_told() -> None:
    road = Road()
    road.look(20, None)
    road.leave()
    road.finish()
    assert road.told == []


def test_finishing_decides_and_ends_at_the_last_frame_and_only_once() -> None:
    road = Road()
    road.look(2, make_reading(7, 0.999))
    road.finish()
    assert road.told == [("new", 7), ("end", 7)]
    assert {(event.time, event.frame) for event in road.events} == {(0.1, 1)}
    assert road.decision.finish() == ()


def test_signs_still_open_at_the_end_are_ended_in_the_order_they_were_seen() -> None:
    road = Road()
    for _ in range(10):
        road.step((1, NEAR, SURE), (2, Box(100, 300, 140, 340), make_reading(20, 0.97)))
    road.finish()
    assert road.told == [("new", 7), ("new", 20), ("end", 7), ("end", 20)]


def test_a_new_segment_ends_every_sign_in_the_old_one() -> None:
    road = Road()
    road.look(10, SURE)
    road.segment = 1
    events = road.step((2, NEAR, SURE))
    assert [(e.kind, e.segment, e.frame) for e in events] == [("end", 0, 9)]
    road.look(10, SURE, track=2)
    assert road.told == [("new", 7), ("end", 7), ("new", 7)]
    assert len({event.sign_id for event in road.events}) == 2


def test_a_sign_found_again_near_by_is_not_told_again() -> None:
    road = Road()
    road.look(10, SURE)
    road.leave(1.2)
    moved = Box(630, 310, 680, 360)
    road.look(10, SURE, moved, track=2)
    assert road.tracks[0].state == "confirmed"
    road.leave()
    assert road.told == [("new", 7), ("end", 7)]
    end = road.events[-1]
    assert end.track == 1
    assert end.last_seen == pytest.approx(3.1)
    assert end.box == moved


def test_of_two_equal_signs_the_nearer_one_is_found_again() -> None:
    road = Road()
    beside = Box(650, 300, 690, 340)
    for _ in range(10):
        road.step((1, NEAR, SURE), (2, beside, SURE))
    road.leave(0.5)
    road.look(10, SURE, beside, track=3)
    road.leave()
    ends = {event.track: event.last_seen for event in road.events if event.kind == "end"}
    assert ends == pytest.approx({1: 0.9, 2: 2.4})


def test_a_sign_found_again_is_not_due_at_once() -> None:
    road = Road()
    road.look(10, SURE)
    road.leave(0.5)
    road.look(4, SURE, track=2)
    (track,) = road.tracks
    assert track.state == "confirmed"
    assert road.decision.due([track], road.frame().time) == []


def test_a_sign_found_again_is_doubted_like_one_that_was_never_lost() -> None:
    road = Road()
    once = Track(1, NEAR, Detection(NEAR, 0.97))
    road._update([once], {1: make_reading(7, 0.999)})  # tells nothing of how often is looked
    road.leave(0.1)
    assert road.told == [("new", 7)]
    road.look(4, SURE, track=2)
    for _ in range(6):
        road.coast(2, NEAR)
    road.look(10, make_reading(20, 0.97), track=2)
    road.leave()
    assert road.told == [("new", 7), ("new", 20), ("end", 7), ("end", 20)]


def test_a_sign_lost_while_undecided_keeps_what_was_seen_of_it() -> None:
    road = Road(DecisionSettings(min_votes=5, leaving_votes=5, overwhelming=1.0))
    road.look(3, SURE)
    road.leave(0.8)
    road.look(3, SURE, track=2)
    road.finish()
    assert road.told == [("new", 7), ("end", 7)]
    assert road.events[0].first_seen == 0
    assert road.events[0].sign.votes >= 5


def test_the_end_waits_for_a_sign_that_may_be_the_same() -> None:
    road = Road()
    road.look(10, SURE)
    road.leave(1.2)
    road.look(10, None, track=2)  # near by, not read yet: gone_s passes meanwhile
    assert road.told == [("new", 7)]
    road.look(6, SURE, track=2)
    road.leave()
    assert road.told == [("new", 7), ("end", 7)]


def test_the_end_does_not_wait_for_ever() -> None:
    road = Road()
    road.look(10, SURE)
    road.leave(1.2)
    road.look(60, None, track=2)
    assert road.told == [("new", 7), ("end", 7)]


def test_another_sign_at_the_same_place_is_told() -> None:
    road = Road()
    road.look(10, SURE)
    road.leave(0.5)
    road.look(10, make_reading(20, 0.97), track=2)
    road.leave()
    assert road.told == [("new", 7), ("new", 20), ("end", 7), ("end", 20)]


@pytest.mark.parametrize(
    "place", [Box(100, 300, 140, 340), Box(615, 315, 627, 327)], ids=["far off", "much smaller"]
)
def test_the_same_class_elsewhere_is_another_sign(place: Box) -> None:
    road = Road()
    road.look(10, SURE)
    road.leave(0.5)
    road.look(40, SURE, place, track=2)
    road.leave(4)
    assert sorted(road.told) == [("end", 7), ("end", 7), ("new", 7), ("new", 7)]


def test_two_equal_signs_seen_at_once_are_two() -> None:
    road = Road()
    for _ in range(10):
        road.step((1, NEAR, SURE), (2, Box(650, 300, 690, 340), SURE))
    assert road.told == [("new", 7), ("new", 7)]


def test_a_track_that_comes_back_as_another_sign_gives_two_signs() -> None:
    road = Road()
    road.look(10, SURE)
    for _ in range(6):
        road.coast(1, NEAR)
    road.look(10, make_reading(20, 0.97))
    road.leave()
    assert road.told == [("new", 7), ("new", 20), ("end", 7), ("end", 20)]


def test_a_track_that_comes_back_as_itself_is_one_sign() -> None:
    road = Road()
    road.look(10, SURE)
    for _ in range(6):
        road.coast(1, NEAR)
    road.look(10, SURE)
    road.leave()
    assert road.told == [("new", 7), ("end", 7)]


def test_two_tracks_of_one_sign_are_shown_once() -> None:
    road = Road()
    road.look(10, SURE)
    old, new = Track(1, NEAR), Track(2, NEAR, Detection(NEAR, 0.9))
    for _ in range(6):
        tracks, _ = road.decision.update(road.frame(), [old, new], {2: SURE})
        road.index += 1
    assert [(track.id, track.state) for track in tracks] == [(2, "confirmed")]


def test_the_same_looks_at_a_higher_frame_rate_are_worth_no_more() -> None:
    reading = make_reading(7, 0.6, other=8)
    beliefs = []
    for fps in (10, 60):
        decision = Decision(DecisionSettings(probability=0.0, accept=0.0, evidence_limit=50))
        track = Track(1, NEAR, Detection(NEAR, 0.9))
        for n in range(fps + 1):
            frame = Frame(numbered_image(n), n, n / fps)
            tracks, _ = decision.update(frame, [track], {1: reading})
        assert tracks[0].sign is not None
        beliefs.append(tracks[0].sign.probability)
    assert beliefs[0] == pytest.approx(beliefs[1], abs=1e-6)


def test_due_names_undecided_tracks_first_then_the_one_not_read_for_longest() -> None:
    road = Road()
    places = [Box(100 + 200 * n, 300, 140 + 200 * n, 340) for n in range(4)]
    tracks = [Track(n, box, Detection(box, 0.9)) for n, box in enumerate(places)]
    readings: list[dict[int, Reading]] = [{0: SURE, 1: SURE}] * 5 + [{1: SURE}, {2: SURE}]
    for number, given_readings in enumerate(readings):
        frame = Frame(numbered_image(number), number, number / 10)
        road.decision.update(frame, tracks, given_readings)
    assert [track.id for track in road.decision.due(tracks, 1.1)] == [3, 2, 0, 1]
    assert [track.id for track in road.decision.due(tracks, 0.85)] == [3, 2, 0]
    unseen = [Track(track.id, track.box) for track in tracks]
    assert road.decision.due(unseen, 1.1) == []


def test_ids_of_two_runs_differ() -> None:
    assert new_run() != new_run()
    events = []
    for _ in range(2):
        decision = Decision()
        track = Track(1, NEAR, Detection(NEAR, 0.9))
        for n in range(10):
            frame = Frame(numbered_image(n), n, n / 10)
            events += decision.update(frame, [track], {1: SURE})[1]
    assert len({event.id for event in events}) == len({event.sign_id for event in events}) == 2


LOOKS = st.lists(
    st.tuples(
        st.integers(1, 4),  # track
        st.booleans(),  # detected
        st.integers(0, 44),  # read as
        st.floats(0, 1),  # probability
        st.integers(0, 3),  # frames of nothing afterwards
    ),
    max_size=60,
)


@given(LOOKS)
@settings(max_examples=60, deadline=None)
def test_whatever_is_seen_every_sign_is_told_once_and_ends_once(
    looks: list[tuple[int, bool, int, float, int]],
) -> None:
    road = Road(DecisionSettings(probability=0.5, min_votes=1, min_age_s=0.0, unknown_age_s=0.0))
    for track, detected, label, probability, pause in looks:
        box = Box(100 + 40 * track, 300, 140 + 40 * track, 340)
        if detected:
            road.step((track, box, make_reading(label, probability)))
        else:
            road.coast(track, box)
        road.leave(pause / 10)
    road.finish()
    by_sign: dict[str, list[str]] = {}
    for event in road.events:
        by_sign.setdefault(event.sign_id, []).append(event.kind)
        assert event.first_seen <= event.last_seen <= event.time
    for kinds in by_sign.values():
        assert kinds[0] == "new"
        assert kinds[-1] == "end"
        assert set(kinds[1:-1]) <= {"update"}
    assert len({event.id for event in road.events}) == len(road.events)
