"""The whole line on scripted drives, with a fake detector and a fake classifier."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from fakes import FakeClassifier, FakeDetector, ScriptedDrive, make_reading, numbered_image
from fakes import twelve_posts as posts

from edge.core import UNKNOWN, Box, Detection, Event, Frame, Scene
from edge.decision import Decision
from edge.pipeline import Pipeline, Stills
from edge.reader import Reader
from edge.tracker import SignTracker
from models.signs import BACKGROUND, FOREIGN

MAX_READS = 4
STAGES = {"detect", "track", "classify", "decide", "total"}


def line(detector: FakeDetector, classifier: FakeClassifier, max_reads: int) -> Pipeline:
    return Pipeline(detector, SignTracker(), classifier, Decision(run="run"), max_reads)


def drive_by(drive: ScriptedDrive) -> tuple[list[Scene], list[Event], FakeClassifier]:
    classifier = FakeClassifier(drive.read)
    pipeline = line(FakeDetector(drive.script), classifier, MAX_READS)
    scenes = [pipeline(frame) for frame in drive.frames()]
    events = [event for scene in scenes for event in scene.events]
    return scenes, [*events, *pipeline.finish()], classifier


def crowd(count: int) -> dict[int, list[Detection]]:
    """The same row of detections in each of 40 frames."""
    boxes = [Box(60 * n + 20, 100, 60 * n + 60, 140) for n in range(count)]
    return {frame: [Detection(box, 0.9) for box in boxes] for frame in range(40)}


def frame(number: int, fps: float = 20) -> Frame:
    return Frame(numbered_image(number), number, number / fps)


@pytest.mark.parametrize(
    ("fps", "missed", "outage_s", "seed"),
    [
        (10, 0.2, 0.0, 1),
        (10, 0.3, 0.0, 2),
        (25, 0.2, 0.0, 3),
        (25, 0.4, 0.0, 4),
        (25, 0.3, 0.5, 5),
        (30, 0.4, 0.0, 6),
        (30, 0.3, 0.5, 1),
        (60, 0.3, 0.0, 2),
        (60, 0.4, 0.0, 3),
    ],
)
def test_every_sign_of_a_drive_is_told_once_and_right(
    fps: float, missed: float, outage_s: float, seed: int
) -> None:
    drive = ScriptedDrive(posts(), fps=fps, seed=seed, missed=missed, outage_s=outage_s)
    scenes, events, _ = drive_by(drive)

    expected = {
        index: UNKNOWN if thing.label == FOREIGN else thing.label
        for index, thing in enumerate(drive.things)
        if thing.label != BACKGROUND
    }
    ends = [event for event in events if event.kind == "end"]
    told = [(drive.thing_at(event.box_frame, event.box), event.sign.label) for event in ends]
    assert sorted(told, key=str) == sorted(expected.items(), key=str)
    news = Counter(event.sign_id for event in events if event.kind == "new")
    assert news == Counter(event.sign_id for event in ends)
    assert all(count == 1 for count in news.values())
    assert len({event.id for event in events}) == len(events)
    assert all(track.state != "dropped" for scene in scenes for track in scene.tracks)


def test_a_drive_past_look_alikes_alone_tells_nothing() -> None:
    things = [thing for thing in posts() if thing.label == BACKGROUND]
    scenes, events, classifier = drive_by(ScriptedDrive(things, seed=5, false_alarms=0.3))
    assert classifier.looks
    assert events == []
    assert all(track.sign is None for scene in scenes for track in scene.tracks)


def test_no_detection_means_no_classifier_call_and_an_empty_scene() -> None:
    classifier = FakeClassifier(lambda *_: make_reading(1, 0.9))
    given_frame = frame(0)
    scene = line(FakeDetector({}), classifier, MAX_READS)(given_frame)
    assert scene.frame is given_frame
    assert (scene.tracks, scene.events, classifier.looks) == ((), (), [])
    assert set(scene.timings) == STAGES


def test_the_stages_add_up_to_the_total() -> None:
    classifier = FakeClassifier(lambda *_: make_reading(1, 0.9))
    timings = dict(line(FakeDetector(crowd(3)), classifier, MAX_READS)(frame(0)).timings)
    total = timings.pop("total")
    assert total == pytest.approx(sum(timings.values()))
    assert min(timings.values()) >= 0


def test_no_frame_reads_more_signs_than_allowed_yet_all_get_their_turn() -> None:
    classifier = FakeClassifier(lambda *_: make_reading(1, 0.97))
    pipeline = line(FakeDetector(crowd(9)), classifier, max_reads=2)
    scenes = [pipeline(frame(n)) for n in range(40)]
    assert max(Counter(number for number, _ in classifier.looks).values()) == 2
    assert len({box for _, box in classifier.looks}) == 9
    assert [track.state for track in scenes[-1].tracks] == ["confirmed"] * 9


def test_a_decided_sign_is_read_now_and_then_only() -> None:
    classifier = FakeClassifier(lambda *_: make_reading(1, 0.97))
    pipeline = line(FakeDetector(crowd(1)), classifier, MAX_READS)
    scenes = [pipeline(frame(n)) for n in range(40)]
    decided = next(n for n, scene in enumerate(scenes) if scene.tracks[0].state == "confirmed")
    numbers = [number for number, _ in classifier.looks]
    assert numbers[: decided + 1] == list(range(decided + 1))
    assert {later - earlier for earlier, later in pairwise(numbers[decided:])} <= {8, 9}  # 0.4 s
    assert len(numbers) > decided + 2


def test_what_is_no_sign_disappears_from_the_scene() -> None:
    classifier = FakeClassifier(lambda *_: make_reading(BACKGROUND, 0.97, other=FOREIGN))
    pipeline = line(FakeDetector(crowd(1)), classifier, MAX_READS)
    shown = [len(pipeline(frame(n)).tracks) for n in range(20)]
    assert shown[0] == 1
    assert shown[-1] == 0


def test_a_track_without_a_detection_is_not_read() -> None:
    script = {0: [Detection(Box(100, 100, 140, 140), 0.9)]}
    classifier = FakeClassifier(lambda *_: make_reading(1, 0.97))
    pipeline = line(FakeDetector(script), classifier, MAX_READS)
    scenes = [pipeline(frame(n)) for n in range(4)]
    assert [number for number, _ in classifier.looks] == [0]
    assert scenes[-1].tracks[0].detection is None


def test_a_track_ends_where_the_picture_ends() -> None:
    script = {n: [Detection(Box(1150 + 20 * n, 100, 1210 + 20 * n, 160), 0.9)] for n in range(4)}
    classifier = FakeClassifier(lambda *_: make_reading(1, 0.97))
    pipeline = line(FakeDetector(script), classifier, MAX_READS)
    shown = [len(pipeline(frame(n)).tracks) for n in range(8)]
    assert shown[3] == 1
    assert shown[7] == 0


def test_finishing_ends_the_signs_that_are_still_there() -> None:
    classifier = FakeClassifier(lambda *_: make_reading(1, 0.97))
    pipeline = line(FakeDetector(crowd(2)), classifier, MAX_READS)
    for n in range(20):
        pipeline(frame(n))
    assert [(event.kind, event.frame) for event in pipeline.finish()] == [("end", 19)] * 2
    assert pipeline.finish() == ()


def stills(script: dict[int, list[Detection]]) -> Stills:
    labels = {100.0: 5, 300.0: FOREIGN, 500.0: BACKGROUND}
    classifier = FakeClassifier(lambda _, box: make_reading(labels[box.x1], 0.9))
    return Stills(Reader(FakeDetector(script), classifier, threshold=0.3), run="run")


def test_a_still_picture_tells_each_sign_at_once_and_nothing_else() -> None:
    boxes = [Box(x, 100, x + 40, 140) for x in (100.0, 300.0, 500.0)]
    pictures = stills({0: [Detection(box, 0.9) for box in boxes]})
    scene = pictures(frame(0))
    assert [(event.kind, event.sign.label) for event in scene.events] == [
        ("new", 5),
        ("end", 5),
        ("new", UNKNOWN),
        ("end", UNKNOWN),
    ]
    assert [track.box for track in scene.tracks] == boxes[:2]
    assert all(track.state == "confirmed" and track.detection for track in scene.tracks)
    assert set(scene.timings) == {"total"}
    assert pictures.finish() == ()


def test_no_track_bridges_two_still_pictures() -> None:
    detections = [Detection(Box(100, 100, 140, 140), 0.9)]
    pictures = stills({0: detections, 1: detections})
    scenes = [pictures(frame(n)) for n in range(2)]
    events = [event for scene in scenes for event in scene.events]
    assert len({track.id for scene in scenes for track in scene.tracks}) == 2
    assert len({event.sign_id for event in events}) == 2
    assert len({event.id for event in events}) == 4
