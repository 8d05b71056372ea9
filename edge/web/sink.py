"""What the page knows of the line: the newest scene, how fast it goes, how its source is."""

from __future__ import annotations

import math
import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any, NamedTuple

from edge.core import Event, Health, Scene, Track
from edge.status import Rate
from edge.web.picture import LivePicture
from models.signs import sign_class

LATENCIES = 60  # frames over which the latency is taken
SILENT_S = 5.0  # without a frame: then the rate and the signs of before are no longer shown


class About(NamedTuple):
    """The source's name, whether it is live, and what says which models are at work now."""

    source: str
    live: bool
    models: Callable[[], str]


class PageSink:
    """Keeps the newest scene for the page; the line never waits for it.

    `health` says how the source is; `closing` is for what ends with the page.
    """

    lossless = False

    def __init__(
        self,
        about: About,
        health: Callable[[], Health],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.picture = LivePicture()
        self.closing = ExitStack()
        self._about = about
        self._health = health
        self._clock = clock
        self._started = clock()
        self._rate = Rate()
        self._latencies: deque[float] = deque(maxlen=LATENCIES)
        self._latest: _Latest | None = None

    def write(self, scene: Scene) -> None:
        now = self._clock()
        frames = 1 if self._latest is None else self._latest.frames + 1
        self._latencies.append(scene.timings.get("total", 0.0))
        self._latest = _Latest(scene, frames, self._rate.tick(now), now)
        self.picture.offer(frames, scene)

    def finish(self, events: Sequence[Event]) -> None:
        """The store shows the last events; the page shows what was there at the end."""

    def close(self) -> None:
        self.picture.close()
        self.closing.close()

    def state(self) -> dict[str, Any]:
        """All that the page shows but the picture and the history, as JSON can hold it.

        `age_ms` is how old the newest frame of a live source is, None for others.
        """
        now, latest = self._clock(), self._latest
        health = self._health()
        source = {
            "name": self._about.source,
            "live": self._about.live,
            "state": health.state,
            "for_s": round(max(0.0, now - max(health.since, self._started)), 1),
            "detail": health.detail,
            "dropped": health.dropped,
            "reconnects": health.reconnects,
        }
        line: dict[str, Any] = {"models": self._about.models(), "up_s": round(now - self._started)}
        if latest is None:
            line |= {"fps": 0.0, "latency_ms": None, "age_ms": None, "frames": 0}
            return {"source": source, "line": line, "signs": [], "road": None}
        scene = latest.scene
        silent = now - latest.at > SILENT_S
        line |= {
            "fps": 0.0 if silent else round(latest.fps, 1),
            "latency_ms": round(1000 * statistics.median(tuple(self._latencies)), 1),
            "age_ms": round(1000 * (now - scene.frame.time)) if self._about.live else None,
            "frames": latest.frames,
        }
        tracks = () if silent else scene.tracks  # they may have gone by long ago
        signs = [sign_now(track) for track in tracks if track.state == "confirmed"]
        return {"source": source, "line": line, "signs": signs, "road": asdict(scene.road)}


class _Latest(NamedTuple):
    scene: Scene
    frames: int
    fps: float
    at: float


def sign_now(track: Track) -> dict[str, Any]:
    """One sign that is in the picture now."""
    label, probability = (track.sign.label, track.sign.probability) if track.sign else (-1, 0.0)
    return {"track": track.id, **class_facts(label), "probability": rounded(probability)}


def rounded(probability: float) -> float:
    """Four places, downwards: only what is certain says 1."""
    return math.floor(float(probability) * 10_000) / 10_000


def class_facts(label: int) -> dict[str, Any]:
    """A class by the names that the page uses."""
    sign = sign_class(label)
    return {"class_id": sign.id, "name": sign.name, "category": sign.category}
