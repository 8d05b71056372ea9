"""The line that a configuration asks for, with the published models on the bundled drive."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from itertools import islice

import pytest

from edge.app import DEMO
from edge.config import Config
from edge.core import Scene
from edge.line import Rebuilder, build, load_models, look_ahead
from edge.sources import open_source
from models.errors import ModelError

FRAMES = 10


def read(config: Config, patient: bool) -> list[Scene]:
    """The first scenes of the drive."""
    models = load_models(config, patient)
    ahead = look_ahead(models, config, stills=False)
    line = build(models, config, stills=False, ahead=ahead)
    _, source = open_source(DEMO)
    with closing(source):
        frames = islice(source, FRAMES)
        scenes = [line(frame) for frame in (ahead.feed(frames) if ahead else frames)]
    if ahead:
        ahead.close()
    return scenes


def test_given_threads_take_turns_for_a_source_that_waits_and_serve_one_frame_else() -> None:
    config = Config(threads=3)

    live, patient = load_models(config), load_models(config, patient=True)

    assert (live.threads, len(live.others)) == (3, 0)
    assert (patient.threads, len(patient.others)) == (1, 2)
    assert live.words() == patient.words() == "detector + classifier · 3 threads"
    assert look_ahead(live, config, stills=False) is None


@pytest.mark.parametrize("every", [1, 2])
def test_detecting_ahead_changes_nothing_but_the_speed(every: int) -> None:
    config = Config(threads=2, detect_every=every)

    one, several = read(config, patient=False), read(config, patient=True)

    assert [scene.frame.index for scene in several] == list(range(FRAMES))
    assert [scene.tracks for scene in several] == [scene.tracks for scene in one]
    seen = [scene.frame.index for scene in one if any(t.detection for t in scene.tracks)]
    assert seen
    assert all(index % every == 0 for index in seen)


def test_a_part_of_the_frame_holds_every_detection() -> None:
    config = Config(threads=2, roi="0,0.2,0.5,0.8")

    for patient in (False, True):
        boxes = [t.detection.box for s in read(config, patient) for t in s.tracks if t.detection]
        assert boxes  # there is a sign on the left from the first frame on
        assert all(box.x2 <= 640 and 144 <= box.y1 < box.y2 <= 576 for box in boxes)


def test_a_line_made_anew_gives_no_number_of_a_track_again() -> None:
    config = Config(threads=1)
    rebuild = Rebuilder(load_models(config), config, stills=False)
    first, second = rebuild(config), rebuild(replace(config, max_reads=1))
    _, source = open_source(DEMO)
    with closing(source):
        before = {t.id for frame in islice(source, FRAMES) for t in first(frame).tracks}
        after = {t.id for frame in islice(source, FRAMES) for t in second(frame).tracks}

    assert before and after
    assert not before & after


def test_the_models_of_the_newest_line_are_known() -> None:
    config = Config(threads=1)
    rebuild = Rebuilder(load_models(config), config, stills=False)
    rebuild(config)
    assert rebuild.words() == "detector + classifier · 1 thread"
    with pytest.raises(ModelError):
        rebuild(replace(config, detector="nothing"))
    assert rebuild.words() == "detector + classifier · 1 thread"
    rebuild(replace(config, detector="detector-fast"))

    assert rebuild.words() == "detector-fast + classifier · 1 thread"
    assert rebuild.config.detector == "detector-fast"
