"""Detecting in every n-th frame, and what the line makes of it."""

from __future__ import annotations

import pytest
from fakes import FakeClassifier, FakeDetector, ScriptedDrive, numbered_image, twelve_posts

from edge.core import UNKNOWN, Box, Detection
from edge.decision import Decision
from edge.pipeline import Pipeline
from edge.sparse import SparseDetector
from edge.tracker import SignTracker
from models.signs import BACKGROUND, FOREIGN

SIGN = Detection(Box(100, 100, 140, 140), 0.9)


@pytest.mark.parametrize(
    ("every", "turns"), [(1, [1, 1, 1, 1, 1, 1]), (2, [1, 0, 1, 0, 1, 0]), (3, [1, 0, 0, 1, 0, 0])]
)
def test_the_first_frame_and_every_nth_after_it_are_looked_at(every: int, turns: list[int]) -> None:
    detector = SparseDetector(FakeDetector({n: [SIGN] for n in range(6)}), every)

    answers = [detector.detect(numbered_image(n)) for n in range(6)]
    assert answers == [[SIGN] if turn else None for turn in turns]


@pytest.mark.parametrize("every", [2, 3])
def test_signs_are_followed_between_and_told_once(every: int) -> None:
    drive = ScriptedDrive(twelve_posts(), fps=30, seed=1, missed=0.1)
    classifier = FakeClassifier(drive.read)
    detector = SparseDetector(FakeDetector(drive.script), every)
    line = Pipeline(detector, SignTracker(), classifier, Decision(run="run"), max_reads=4)

    scenes = [line(frame) for frame in drive.frames()]

    events = [event for scene in scenes for event in scene.events] + list(line.finish())
    told = sorted(event.sign.label for event in events if event.kind == "new")
    signs = [thing.label for thing in drive.things if thing.label != BACKGROUND]
    assert told == sorted(UNKNOWN if label == FOREIGN else label for label in signs)
    assert all(number % every == 0 for number, _ in classifier.looks)
    between = [scene for scene in scenes if scene.frame.index % every and scene.tracks]
    assert len(between) > len(scenes) / 4
    assert all(track.detection is None for scene in between for track in scene.tracks)
