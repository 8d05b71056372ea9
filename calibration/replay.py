"""Look at a clip once, then follow its signs as often as needed: at another pace, say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple, cast

import numpy as np

from edge.core import Box, Classifier, Detection, Detector, Event, Frame, Image, Reading, Scene
from edge.pipeline import Pipeline

MakeLine = Callable[[Detector, Classifier], Pipeline]


class Glance(NamedTuple):
    """What both models say of one frame; `frame` keeps its size and times, but no pixels."""

    frame: Frame
    detections: tuple[Detection, ...]
    readings: tuple[Reading, ...]


def watch(frames: Iterable[Frame], detector: Detector, classifier: Classifier) -> list[Glance]:
    """Look at every frame, and read everything that is found in it."""
    glances = []
    for frame in frames:
        detections = detector.detect(frame.image)
        readings = classifier.classify(frame.image, [d.box for d in detections])
        # Zeros that take no memory: the line asks for the picture's shape only.
        empty = cast(Image, np.broadcast_to(np.uint8(0), frame.image.shape))
        glances.append(Glance(replace(frame, image=empty), tuple(detections), tuple(readings)))
    return glances


def replay(glances: Sequence[Glance], make: MakeLine) -> tuple[list[Scene], list[Event]]:
    """The scenes, and all events with those of the end, of the line that `make` builds.

    It is what that line would have made of the frames themselves: a line reads no box but those
    that the detector found in the same frame, and all of those have been read.
    """
    memory = _Memory()
    line = make(memory, memory)
    scenes = []
    for glance in glances:
        memory.now = glance
        scenes.append(line(glance.frame))
    events = [event for scene in scenes for event in scene.events]
    return scenes, [*events, *line.finish()]


class _Memory:
    """A detector and a classifier that repeat what was said of the frame `now`."""

    def __init__(self) -> None:
        self.now: Glance | None = None

    def detect(self, image: Image) -> list[Detection]:  # noqa: ARG002 – Detector's signature
        assert self.now
        return list(self.now.detections)

    def classify(self, image: Image, boxes: Sequence[Box]) -> list[Reading]:  # noqa: ARG002
        assert self.now
        said = dict(zip((d.box for d in self.now.detections), self.now.readings, strict=True))
        return [said[box] for box in boxes]
