"""A clip looked at once and followed from memory is the clip followed directly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import FakeClassifier, FakeDetector, ScriptedDrive, make_reading, twelve_posts

from calibration.replay import replay, watch
from edge.core import Classifier, Detector
from edge.decision import Decision
from edge.pipeline import Pipeline
from edge.sparse import SparseDetector
from edge.tracker import SignTracker

YIELD, STOP = 13, 14


def line(detector: Detector, classifier: Classifier, every: int) -> Pipeline:
    paced = SparseDetector(detector, every)
    return Pipeline(paced, SignTracker(), classifier, Decision(run="run"), max_reads=2)


@pytest.mark.parametrize("every", [1, 3])
def test_memory_gives_the_events_of_the_frames_themselves(every: int) -> None:
    drive = ScriptedDrive(twelve_posts(), fps=15, seed=4)
    detector = FakeDetector(drive.script)
    # A look depends on the box alone: reading more boxes must not change what the others say.
    classifier = FakeClassifier(
        lambda _, box: make_reading(STOP if box.x1 > 640 else YIELD, min(0.95, box.height / 20))
    )
    direct = line(detector, classifier, every)
    scenes = [direct(frame) for frame in drive.frames()]
    expected = [event for scene in scenes for event in scene.events] + list(direct.finish())

    glances = watch(drive.frames(), detector, classifier)
    again, events = replay(glances, lambda d, c: line(d, c, every))

    assert events == expected
    assert len(events) > 8
    assert [scene.tracks for scene in again] == [scene.tracks for scene in scenes]


def test_what_is_kept_of_a_frame_holds_no_pixels() -> None:
    drive = ScriptedDrive(twelve_posts()[:1], fps=2, seed=4)
    frame = replace(next(drive.frames()), image=np.full((720, 1280, 3), 7, np.uint8))

    (glance,) = watch([frame], FakeDetector({}), FakeClassifier(drive.read))

    assert glance.frame.image.shape == (720, 1280, 3)
    assert glance.frame.image.strides == (0, 0, 0)
    assert (glance.frame.index, glance.frame.time) == (frame.index, frame.time)
