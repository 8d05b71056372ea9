"""Identities over time: boxes and times are given, nothing is slept or drawn."""

from __future__ import annotations

import pytest
from fakes import ScriptedDrive, twelve_posts

from edge.core import Box, Detection, Track
from edge.course import TrackerSettings
from edge.tracker import SignTracker
from models.signs import BACKGROUND

SIZE = (1280, 720)


def square(x: float, y: float, size: float, score: float = 0.9) -> Detection:
    """A detection by its centre."""
    return Detection(Box(x - size / 2, y - size / 2, x + size / 2, y + size / 2), score)


def approaching(time: float, across: float = 3.0) -> Detection:
    """A 0.7 m sign, 60 m away at time 0, approached at 15 m/s with a focal length of 1000 px."""
    ahead = 60 - 15 * time
    return square(640 + 1000 * across / ahead, 360 - 1000 / ahead, 700 / ahead)


def ids(tracks: list[Track]) -> list[int]:
    return [track.id for track in tracks]


def test_nothing_in_gives_nothing_out() -> None:
    assert SignTracker().update([], 0.0) == []


@pytest.mark.parametrize("fps", [1.25, 2, 5, 10, 25, 30, 60])
def test_an_approaching_sign_keeps_its_id_at_any_frame_rate(fps: float) -> None:
    tracker = SignTracker()
    seen = {
        track.id
        for n in range(int(3.2 * fps))
        for track in tracker.update([approaching(n / fps)], n / fps, size=SIZE)
    }
    assert seen == {1}


@pytest.mark.parametrize("fps", [10, 30, 60])
def test_an_approaching_sign_is_predicted_through_a_gap(fps: int) -> None:
    tracker = SignTracker()
    for n in range(int(1.5 * fps) + 1):
        tracker.update([approaching(n / fps)], n / fps, size=SIZE)
    for n in range(int(1.5 * fps) + 1, int(2.2 * fps)):
        (track,) = tracker.update([], n / fps, size=SIZE)
        assert track.detection is None
        assert track.box.iou(approaching(n / fps).box) > 0.4
        assert track.box.centre == pytest.approx(approaching(n / fps).box.centre, abs=0.5)
    assert ids(tracker.update([approaching(2.2)], 2.2, size=SIZE)) == [1]


def test_a_seen_track_has_the_box_that_was_detected() -> None:
    tracker = SignTracker()
    tracker.update([square(100, 100, 20)], 0.0)
    detection = square(103, 101, 22)
    assert tracker.update([detection], 0.1) == [Track(1, detection.box, detection)]


def test_a_track_ends_after_its_time_and_its_id_is_not_used_again() -> None:
    tracker = SignTracker(TrackerSettings(max_coast_s=1.0, first_coast_s=0.5))
    for n in range(11):
        tracker.update([square(100, 100, 30)], n / 10)
    assert ids(tracker.update([], 1.99)) == [1]
    assert tracker.update([], 2.01) == []
    assert ids(tracker.update([square(100, 100, 30)], 2.1)) == [2]


def test_a_track_seen_once_is_given_up_sooner() -> None:
    tracker = SignTracker(TrackerSettings(max_coast_s=1.0, first_coast_s=0.5))
    tracker.update([square(100, 100, 30)], 0.0)
    assert ids(tracker.update([], 0.45)) == [1]
    assert tracker.update([], 0.55) == []


@pytest.mark.parametrize(("fps", "every"), [(30, 16), (30, 30), (15, 8), (5, 3), (1.5, 1)])
def test_a_sign_is_one_track_however_seldom_is_looked(fps: float, every: int) -> None:
    tracker = SignTracker()
    for n in range(int(4 * fps)):
        found = None if n % every else [square(600, 300, 30 + n / fps)]
        assert ids(tracker.update(found, n / fps)) == [1]


def test_a_track_that_a_look_missed_is_given_up_between_looks() -> None:
    tracker = SignTracker()
    tracker.update([square(100, 100, 30)], 0.0)
    assert ids(tracker.update(None, 0.6)) == [1]
    tracker.update([], 0.61)
    assert tracker.update(None, 0.62) == []


def test_a_frozen_source_ends_its_tracks() -> None:
    tracker = SignTracker()
    tracker.update([square(100, 100, 30)], 0.0)
    assert ids(tracker.update([square(100, 100, 30)], 5.0)) == [2]


def test_a_new_segment_forgets_every_track() -> None:
    tracker = SignTracker()
    tracker.update([square(100, 100, 30)], 10.0, segment=0)
    assert ids(tracker.update([square(100, 100, 30)], 0.0, segment=1)) == [2]


def test_time_that_runs_backwards_stands_still() -> None:
    tracker = SignTracker()
    tracker.update([square(100, 100, 30)], 1.0)
    assert ids(tracker.update([square(101, 100, 30)], 0.9)) == [1]


def test_a_track_that_drifts_out_of_the_picture_ends_at_once() -> None:
    tracker = SignTracker()
    for n in range(10):
        tracker.update([square(1100 + 20 * n, 200, 60)], n / 20, size=SIZE)
    assert tracker.update([], 0.6, size=SIZE) == []


def test_a_sign_that_the_edge_cuts_off_keeps_its_size_and_its_motion() -> None:
    """It leaves to the right at 400 px/s; the last detection lacks a sixth of it."""
    tracker = SignTracker()
    signs = [square(900 + 400 * n / 30, 300, 60).box for n in range(29)]
    for n, (x1, y1, x2, y2) in enumerate(signs[:-1]):
        tracker.update([Detection(Box(x1, y1, min(x2, 1280), y2), 0.9)], n / 30, size=SIZE)
    (track,) = tracker.update([], 28 / 30, size=SIZE)
    assert track.box.iou(signs[-1]) > 0.92


@pytest.mark.parametrize(("before", "after"), [(40, 70), (70, 40)])
def test_no_sign_is_expected_to_grow_or_shrink_faster_than_allowed(
    before: float, after: float
) -> None:
    tracker = SignTracker(TrackerSettings(max_closing=0.2))
    tracker.update([square(600, 300, before)], 0.0)
    tracker.update([square(600, 300, after)], 0.25)
    (track,) = tracker.update([], 0.75)
    assert track.box.width == pytest.approx(after, rel=0.15)


def test_a_weak_detection_extends_a_track_but_starts_none() -> None:
    tracker = SignTracker(TrackerSettings(high_score=0.5, low_score=0.2))
    assert tracker.update([square(500, 300, 30, 0.3)], 0.0) == []
    tracker.update([square(100, 100, 30, 0.8)], 0.1)
    (track,) = tracker.update([square(101, 100, 30, 0.3), square(500, 300, 30, 0.3)], 0.2)
    assert track.id == 1
    assert track.detection is not None


def test_a_detection_below_both_thresholds_is_not_there() -> None:
    tracker = SignTracker(TrackerSettings(high_score=0.5, low_score=0.2))
    tracker.update([square(100, 100, 30)], 0.0)
    (track,) = tracker.update([square(100, 100, 30, 0.1)], 0.1)
    assert track.detection is None


def test_a_strong_detection_is_matched_before_a_weak_one_that_fits_better() -> None:
    tracker = SignTracker()
    tracker.update([square(100, 100, 30)], 0.0)
    strong = square(104, 100, 30, 0.9)
    (track,) = tracker.update([square(100, 100, 30, 0.2), strong], 0.1)
    assert track.detection == strong


def test_a_pair_on_one_post_keeps_its_order_when_one_is_missed() -> None:
    tracker = SignTracker()
    upper, lower = square(600, 300, 30), square(600, 331, 30)
    for n in range(10):
        tracker.update([upper, lower], n / 30)
    one, two = tracker.update([lower], 10 / 30)
    assert (one.detection, two.detection) == (None, lower)
    one, two = tracker.update([lower, upper], 11 / 30)
    assert (one.detection, two.detection) == (upper, lower)


def test_a_tiny_far_sign_may_jump_by_more_than_its_overlap() -> None:
    tracker = SignTracker()
    tracker.update([square(600, 300, 10)], 0.0)
    assert ids(tracker.update([square(609, 303, 11)], 0.1)) == [1]


def test_a_sign_far_from_every_track_is_a_new_one() -> None:
    tracker = SignTracker()
    tracker.update([square(600, 300, 20)], 0.0)
    assert ids(tracker.update([square(600, 300, 20), square(760, 300, 20)], 0.1)) == [1, 2]


def test_a_sign_beside_the_place_of_a_well_known_one_is_a_new_one() -> None:
    tracker = SignTracker()
    for n in range(30):
        tracker.update([square(600, 300, 30)], n / 30)
    assert ids(tracker.update([square(645, 300, 30)], 1.0)) == [1, 2]


def test_a_much_larger_box_at_the_same_place_is_another_sign() -> None:
    tracker = SignTracker()
    tracker.update([square(600, 300, 15)], 0.0)
    tracks = tracker.update([square(600, 300, 60)], 0.1)
    assert [(track.id, track.detection is None) for track in tracks] == [(1, True), (2, False)]


def test_a_second_box_on_one_sign_starts_no_track() -> None:
    tracks = SignTracker().update([square(100, 100, 40), square(102, 104, 26, 0.5)], 0.0)
    assert ids(tracks) == [1]


def test_an_empty_box_starts_no_track() -> None:
    assert SignTracker().update([Detection(Box(5, 5, 5, 9), 0.9)], 0.0) == []


def test_an_empty_box_on_a_track_is_ignored() -> None:
    tracker = SignTracker()
    tracker.update([square(100, 100, 30)], 0.0)
    (track,) = tracker.update([Detection(Box(100, 90, 100, 110), 0.9)], 0.1)
    assert track.detection is None


def test_there_are_never_more_tracks_than_allowed_and_the_best_come_first() -> None:
    tracker = SignTracker(TrackerSettings(max_tracks=3))
    crowd = [square(100 * n + 50, 100, 30, 0.5 + n / 100) for n in range(10)]
    tracks = tracker.update(crowd, 0.0)
    assert [track.detection for track in tracks] == [crowd[9], crowd[8], crowd[7]]


def test_a_turning_camera_takes_unseen_signs_along() -> None:
    tracker = SignTracker()
    for n in range(30):
        tracker.update([square(500, 300, 40), square(800, 300, 40)], n / 30)
    for n in range(30, 45):
        shift = 150 * ((n - 29) / 30) ** 2  # the camera begins to turn
        tracks = tracker.update([square(500 + shift, 300, 40)], n / 30)
    (unseen,) = [track for track in tracks if track.detection is None]
    assert unseen.box.centre[0] - 800 == pytest.approx(shift, abs=15)


@pytest.mark.parametrize("fps", [25, 60])
def test_on_a_drive_with_missed_detections_a_near_sign_hardly_ever_changes_its_id(fps: int) -> None:
    drive = ScriptedDrive(twelve_posts(), fps=fps, seed=4, missed=0.3)
    tracker = SignTracker()
    owners: dict[int, list[int]] = {}
    for number in range(drive.count):
        found = drive.script.get(number, [])
        for track in tracker.update(found, number / fps, size=SIZE):
            thing = drive.thing_at(number, track.box) if track.detection else None
            if thing is not None and track.box.height >= 20:
                owner = owners.setdefault(thing, [])
                if track.id not in owner:
                    owner.append(track.id)
    signs = [n for n, thing in enumerate(drive.things) if thing.label != BACKGROUND]
    assert set(signs) <= owners.keys()
    assert sum(len(owner) - 1 for owner in owners.values()) <= 2
