"""Figures of following, on runs worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.following import figures, summed
from edge.core import UNKNOWN, Box, Detection, Event, EventKind, Frame, Scene, Sign, Track
from edge.demo import TrueSign

STOP, YIELD = 14, 13
FPS = 10


def place(height: float, x: float = 100) -> Box:
    return Box(x, 100, x + height, 100 + height)


def scene(index: int, *tracks: Track, segment: int = 0) -> Scene:
    frame = Frame(np.zeros((1, 1, 3), np.uint8), index, index / FPS, segment)
    return Scene(frame, tracks)


def seen(number: int, box: Box) -> Track:
    return Track(number, box, Detection(box, 0.9))


def told(
    frame: int, box: Box, label: int = STOP, sign: str = "a", kind: EventKind = "new"
) -> Event:
    return Event(
        id=f"{sign}-{frame}",
        sign_id=sign,
        kind=kind,
        time=frame / FPS,
        wall=None,
        frame=frame,
        segment=0,
        track=1,
        sign=Sign(label, 0.9, 3),
        box=box,
        box_frame=frame,
        first_seen=0.0,
        last_seen=frame / FPS,
    )


def growing(number: int = 1, label: int = STOP, x: float = 100) -> TrueSign:
    """10 px high in frame 0 and 2 px more in each of 10 frames: 16 px in frame 3."""
    boxes = {index: place(10 + 2 * index, x) for index in range(10)}
    return TrueSign(number, label, "", 0.0, 0.9, boxes)


SCENES = [scene(index, seen(1, place(10 + 2 * index))) for index in range(10)]


def test_a_sign_told_once_has_its_delay_and_height() -> None:
    found = figures(SCENES, [told(8, place(26))], [growing()], signs_only=False)

    assert (found["signs"], found["right"], found["false_events"]) == (1, 1, 0)
    assert found["told"] == [1]
    assert found["delays_s"] == pytest.approx([0.5])  # frame 3 to frame 8
    assert found["heights_px"] == [26]
    assert found["switches"] == 0
    assert found["seconds"] == pytest.approx(1.0)  # ten frames of a tenth


def test_a_sign_told_twice_counts_two_events() -> None:
    events = [told(5, place(20)), told(8, place(26), sign="b")]

    found = figures(SCENES, events, [growing()], signs_only=False)

    assert found["told"] == [2]
    assert found["false_events"] == 1
    assert found["delays_s"] == pytest.approx([0.2])  # the first counts


def test_an_update_to_the_right_class_is_when_it_was_told() -> None:
    events = [told(4, place(18), label=YIELD), told(7, place(24), kind="update")]

    found = figures(SCENES, events, [growing()], signs_only=False)

    assert (found["right"], found["told"]) == (1, [1])
    assert found["delays_s"] == pytest.approx([0.4])


def test_another_track_on_a_sign_is_a_switch_and_a_gap_is_none() -> None:
    boxes = [place(10 + 2 * index) for index in range(10)]
    names = [1, 1, None, 1, 2, 2, None, 2, 1, 1]
    scenes = [
        scene(index, *([seen(name, boxes[index])] if name else []))
        for index, name in enumerate(names)
    ]

    assert figures(scenes, [], [growing()], signs_only=False)["switches"] == 2


def test_a_track_stays_with_its_sign_while_another_overlaps_better() -> None:
    boxes = [place(10 + 2 * index) for index in range(10)]
    near = [Box(b.x1 + 2, b.y1, b.x2 + 2, b.y2) for b in boxes]
    scenes = [scene(0, seen(1, boxes[0]))]
    scenes += [scene(n, seen(1, near[n]), seen(2, boxes[n])) for n in range(1, 10)]

    assert figures(scenes, [], [growing()], signs_only=False)["switches"] == 0


def test_boxes_followed_without_a_detection_are_compared_with_the_truth() -> None:
    scenes = [scene(0, seen(1, place(10))), scene(1, Track(1, place(8)))]

    found = figures(scenes, [], [growing()], signs_only=False)

    assert found["between"] == pytest.approx([64 / 144])  # 8 × 8 inside 12 × 12


def test_an_unknown_event_is_nothing_where_the_truth_knows_no_foreign_signs() -> None:
    elsewhere = told(5, place(20, x=600), label=UNKNOWN, sign="b")

    assert figures(SCENES, [elsewhere], [growing()], signs_only=True)["false_events"] == 0
    assert figures(SCENES, [elsewhere], [growing()], signs_only=False)["false_events"] == 1


def test_a_false_class_is_false_also_where_the_truth_knows_no_foreign_signs() -> None:
    elsewhere = told(5, place(20, x=600), sign="b")

    assert figures(SCENES, [elsewhere], [growing()], signs_only=True)["false_events"] == 1


def test_clips_add_up() -> None:
    one = figures(SCENES, [told(8, place(26))], [growing()], signs_only=False)
    two = figures(SCENES, [told(5, place(20), label=YIELD)], [growing()], signs_only=False)

    total = summed([one, two])

    assert (total["signs"], total["right"], total["wrong"]) == (2, 1, 1)
    assert total["events_per_sign"] == 1.0
    assert total["false_events_per_minute"] == 30.0  # one in two seconds
    assert total["delay_s"] == {"p50": 0.5, "p95": 0.5}
    assert total["iou_between"] is None


def test_segments_are_timed_one_by_one() -> None:
    scenes = [scene(index, segment=index // 10) for index in (*range(5), *range(10, 15))]

    assert figures(scenes, [], [growing()], signs_only=False)["seconds"] == pytest.approx(1.0)
