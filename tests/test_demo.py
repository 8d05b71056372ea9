"""Scoring a run against the drive's truth, on truths and events worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.core import UNKNOWN, Box, Event, EventKind, Sign
from edge.demo import Score, TrueSign, load_truth, report, score
from models.errors import SourceError

HERE = Box(100, 100, 140, 140)
ELSEWHERE = Box(600, 100, 640, 140)
STOP, GIVE_WAY = 14, 13


def true_sign(
    label: int, box: Box = HERE, number: int = 1, frames: range = range(50, 60)
) -> TrueSign:
    name = {STOP: "Stop", GIVE_WAY: "Give way", UNKNOWN: "Bus stop"}[label]
    return TrueSign(number, label, name, 1.5, 2.0, dict.fromkeys(frames, box))


def event(
    label: int, sign: str = "a", kind: EventKind = "new", box: Box = HERE, frame: int = 55
) -> Event:
    return Event(
        id=f"{sign}-{kind}",
        sign_id=sign,
        kind=kind,
        time=1.9,
        wall=None,
        frame=frame + 1,
        segment=0,
        track=1,
        sign=Sign(label, 0.9, 5),
        box=box,
        box_frame=frame,
        first_seen=1.6,
        last_seen=1.9,
    )


def counts(result: Score) -> tuple[int, int, int, int, int, int]:
    return (
        len(result.right),
        len(result.wrong),
        len(result.missed),
        len(result.unknown),
        len(result.unseen),
        len(result.false_events),
    )


@pytest.mark.parametrize(
    ("events", "truth", "expected"),
    [
        pytest.param([event(STOP)], [true_sign(STOP)], (1, 0, 0, 0, 0, 0), id="right"),
        pytest.param([], [true_sign(STOP)], (0, 0, 1, 0, 0, 0), id="nothing said"),
        pytest.param([event(STOP)], [], (0, 0, 0, 0, 0, 1), id="nothing there"),
        pytest.param([event(GIVE_WAY)], [true_sign(STOP)], (0, 1, 0, 0, 0, 1), id="wrong label"),
        pytest.param(
            [event(STOP, box=ELSEWHERE)], [true_sign(STOP)], (0, 0, 1, 0, 0, 1), id="wrong place"
        ),
        pytest.param(
            [event(STOP), event(STOP, "b")], [true_sign(STOP)], (1, 0, 0, 0, 0, 1), id="twice"
        ),
        pytest.param([event(UNKNOWN)], [true_sign(STOP)], (0, 0, 1, 0, 0, 0), id="refused"),
        pytest.param([event(UNKNOWN)], [true_sign(UNKNOWN)], (0, 0, 0, 1, 0, 0), id="unknown"),
        pytest.param([event(STOP)], [true_sign(UNKNOWN)], (0, 0, 0, 0, 1, 1), id="forced"),
        pytest.param([event(UNKNOWN)], [], (0, 0, 0, 0, 0, 1), id="unknown where nothing is"),
        pytest.param(
            [event(STOP, kind="end")], [true_sign(STOP)], (0, 0, 1, 0, 0, 0), id="only an end"
        ),
        pytest.param(
            [event(GIVE_WAY), event(STOP, kind="update"), event(GIVE_WAY, kind="end")],
            [true_sign(STOP)],
            (1, 0, 0, 0, 0, 0),
            id="the latest update counts",
        ),
        pytest.param(
            [event(GIVE_WAY), event(STOP, "b")],
            [true_sign(STOP)],
            (1, 0, 0, 0, 0, 1),
            id="read right and wrong",
        ),
        pytest.param([event(STOP, frame=63)], [true_sign(STOP)], (1, 0, 0, 0, 0, 0), id="4 late"),
        pytest.param([event(STOP, frame=65)], [true_sign(STOP)], (0, 0, 1, 0, 0, 1), id="6 late"),
        pytest.param(
            # Shifted by half its width: IoU 20/60 = 1/3.
            [event(STOP, box=Box(120, 100, 160, 140))],
            [true_sign(STOP)],
            (1, 0, 0, 0, 0, 0),
            id="a third of overlap",
        ),
        pytest.param(
            # Shifted by 24 of 40: IoU 16/64 = 1/4.
            [event(STOP, box=Box(124, 100, 164, 140))],
            [true_sign(STOP)],
            (0, 0, 1, 0, 0, 1),
            id="a quarter of overlap",
        ),
        pytest.param(
            [event(STOP), event(STOP, "b", box=Box(110, 100, 150, 140))],
            [true_sign(STOP, Box(110, 100, 150, 140), 1), true_sign(STOP, HERE, 2)],
            (2, 0, 0, 0, 0, 0),
            id="two equal ones side by side",
        ),
        pytest.param(
            [event(STOP)],
            [true_sign(STOP), true_sign(GIVE_WAY, Box(100, 110, 140, 150), 2)],
            (1, 0, 1, 0, 0, 0),
            id="the neighbour is missed, not misread",
        ),
    ],
)
def test_every_outcome_is_counted_once(
    events: list[Event], truth: list[TrueSign], expected: tuple[int, ...]
) -> None:
    assert counts(score(events, truth)) == expected


def test_the_recall_is_that_of_the_known_classes() -> None:
    truth = [true_sign(STOP), true_sign(GIVE_WAY, ELSEWHERE), true_sign(UNKNOWN, ELSEWHERE)]

    assert score([event(STOP)], truth).recall == pytest.approx(1 / 2)


def test_the_recall_of_an_empty_road_is_one() -> None:
    assert score([], []).recall == 1.0


def test_the_report_names_what_went_wrong() -> None:
    result = score([event(GIVE_WAY)], [true_sign(STOP), true_sign(GIVE_WAY, ELSEWHERE, 2)])

    text = report(result)

    assert "0 of 2 (0%)" in text
    assert "wrong   Stop, 1.5 to 2.0 s" in text
    assert "missed  Give way, 1.5 to 2.0 s" in text
    assert "false   Give way at 1.9 s, frame 55" in text


def test_the_truth_is_read_as_the_drive_writes_it(tmp_path: Path) -> None:
    file = tmp_path / "drive.json"
    sign = {
        "id": 3,
        "label": 14,
        "name": "Stop",
        "kind": "sign",
        "from": 0.5,
        "to": 1.0,
        "boxes": [[15, 1, 2, 11, 12], [16, 1, 2, 13, 14]],
    }
    file.write_text(json.dumps({"video": "drive.mp4", "signs": [sign]}))

    (true,) = load_truth(file)

    assert true == TrueSign(3, 14, "Stop", 0.5, 1.0, {15: Box(1, 2, 11, 12), 16: Box(1, 2, 13, 14)})


@pytest.mark.parametrize("text", ["", "[]", '{"signs": [{}]}', '{"signs": [{"boxes": [1]}]}'])
def test_a_broken_truth_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "drive.json"
    file.write_text(text)

    with pytest.raises(SourceError, match=r"drive\.json: expected the truth of a drive"):
        load_truth(file)


def test_a_truth_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"drive\.json: cannot read"):
        load_truth(tmp_path / "drive.json")
