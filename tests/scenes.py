"""Scenes, tracks and events by hand, for the tests of what is drawn and written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.core import Box, Detection, Event, EventKind, Frame, Image, Scene, Sign, Track

SPEED_50, PEDESTRIANS, KEEP_RIGHT, PRIORITY_ROAD, END_OF_ALL, UNKNOWN = 2, 27, 38, 12, 32, -1


def grey(width: int, height: int, shade: int = 96) -> Image:
    """An empty picture."""
    return np.full((height, width, 3), shade, np.uint8)


def make_track(box: Box, label: int = SPEED_50, number: int = 1) -> Track:
    """A sign that is decided and seen in this frame."""
    return Track(number, box, Detection(box, 0.9), Sign(label, 0.97, 5), "confirmed")


def make_scene(
    image: Image, tracks: Sequence[Track] = (), index: int = 0, time: float = 0.0
) -> Scene:
    return Scene(Frame(image, index, time), tuple(tracks))


def make_event(kind: EventKind = "new", label: int = SPEED_50, wall: float | None = None) -> Event:
    return Event(
        id=f"a-{kind}",
        sign_id="a",
        kind=kind,
        time=72.46,
        wall=wall,
        frame=1811,
        segment=0,
        track=7,
        sign=Sign(label, 0.968, 5),
        box=Box(100.0, 50.25, 140.0, 90.25),
        box_frame=1809,
        first_seen=70.0,
        last_seen=72.4,
    )


def with_events(*events: Event) -> Scene:
    return Scene(Frame(grey(32, 32), 0, 0.0), (), events)
