"""One sign's course through the picture: where it should be, and what a detection corrects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edge.core import Box, Detection

FORBIDDEN = 1e6  # cost of a pair that must not be made


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """How far and how long a sign may be guessed at.

    A "size" is the square root of a box's area. Times are seconds, speeds per second, so that the
    same settings hold at every frame rate.
    """

    high_score: float = 0.35  # detections from here on start tracks and are matched first
    low_score: float = 0.1  # detections from here on may still extend a track
    max_coast_s: float = 1.0  # a track unseen for longer ends …
    first_coast_s: float = 0.5  # … sooner where it was seen only briefly (this + its age)
    max_pause_s: float = 2.5  # … but not before there was a look once more, however seldom
    min_iou: float = 0.15  # overlap with the predicted box that makes a pair
    max_jump: float = 1.5  # sizes a sign may lie off its predicted place where nothing overlaps …
    jump_px: float = 8.0  # … and pixels on top, for the smallest
    max_ratio: float = 2.0  # larger to smaller size, predicted to detected
    min_visible: float = 0.5  # share of a predicted box inside the picture, below which it has left
    max_overlap: float = 0.6  # of the smaller box: a second box on a tracked sign starts no track
    max_tracks: int = 32
    noise: float = 0.08  # standard deviation of a detected edge, in sizes (at least one pixel)
    speed: float = 3.0  # how unknown a new track's motion is: sizes/s …
    speed_px: float = 40.0  # … plus px/s
    jolt: float = 3.0  # unmodelled change of motion (steering, pitching): sizes/s² …
    jolt_px: float = 120.0  # … plus px/s²
    steady_s: float = 0.5  # tracks seen over this long tell how the camera turned
    closing: float = 0.3  # 1/s, growth expected of a new track: 1 / seconds until it is passed
    closing_spread: float = 0.5  # how unknown that is …
    closing_jolt: float = 0.2  # … and how fast it changes beyond what the model says, 1/s²
    max_closing: float = 3.0


class Course:
    """One sign's place, size and motion: a small Kalman filter.

    A still object at the distance Z, approached at a constant speed v, appears at c = f·X/Z with
    the size f·S/Z. With the closing rate r = v/Z, its size and r itself grow by 1 / (1 − r·dt), its
    speed by the square of that: exact for a straight road, and composable frame by frame. Both
    axes share one covariance (px²), as do the two log sizes.
    """

    __slots__ = (
        "_cx",
        "_cy",
        "_first",
        "_growth",
        "_height",
        "_place",
        "_rate",
        "_seen",
        "_settings",
        "_time",
        "_vx",
        "_vy",
        "_width",
        "detection",
        "id",
        "surprise",
    )

    def __init__(
        self,
        number: int,
        detection: Detection,
        time: float,
        size: tuple[int, int] | None,
        settings: TrackerSettings,
    ) -> None:
        self.id = number
        self.surprise = (0.0, 0.0, 0.0, 0.0)  # what the last detection corrected: px, px/s
        self.detection: Detection | None = detection
        self._settings = settings
        self._first = self._seen = self._time = time
        box = detection.box
        self._cx, self._cy = box.centre
        self._width, self._height = box.width, box.height
        self._rate = settings.closing
        # signs drift away from the middle of the picture as they come closer
        self._vx = (self._cx - size[0] / 2) * settings.closing if size else 0.0
        self._vy = (self._cy - size[1] / 2) * settings.closing if size else 0.0
        spread = settings.speed * self._size + settings.speed_px
        self._place = (self._blur**2, 0.0, spread**2)
        self._growth = ((self._blur / self._size) ** 2, 0.0, settings.closing_spread**2)

    @property
    def _size(self) -> float:
        return math.sqrt(self._width * self._height)

    @property
    def _blur(self) -> float:
        """Standard deviation of a detected centre, px."""
        return max(1.0, self._settings.noise * self._size)

    @property
    def box(self) -> Box:
        """The detected box where there is one in this frame, else the predicted one."""
        if self.detection:
            return self.detection.box
        width, height = self._width / 2, self._height / 2
        return Box(self._cx - width, self._cy - height, self._cx + width, self._cy + height)

    @property
    def steady(self) -> bool:
        """Seen in this frame about where it was expected, after a while: it tells of the camera."""
        if not self.detection or self._seen - self._first < self._settings.steady_s:
            return False
        return math.hypot(*self.surprise[:2]) < 3 * self._blur  # three sigma

    def coasts(self, time: float, looked: float) -> bool:
        """Whether it may still be alive at this time; `looked` is when there was a look last."""
        settings = self._settings
        known = self._seen - self._first
        most = min(settings.max_coast_s, settings.first_coast_s + known)
        if self._seen >= looked:
            most = max(most, settings.max_pause_s)
        return time - self._seen <= most

    def inside(self, size: tuple[int, int] | None) -> bool:
        """Whether enough of it is in the picture; True where the picture's size is not known."""
        if size is None:
            return True
        x1, y1, x2, y2 = self.box
        width = min(x2, size[0]) - max(x1, 0.0)
        height = min(y2, size[1]) - max(y1, 0.0)
        visible = max(0.0, width) * max(0.0, height)
        return visible >= self._settings.min_visible * self.box.area

    def advance(self, time: float) -> None:
        """Move to where it should be by now."""
        settings = self._settings
        dt = max(0.0, time - self._time)
        self._time = max(self._time, time)
        self.detection = None
        zoom = 1 / (1 - min(max(self._rate * dt, -0.5), 0.5))
        self._cx += self._vx * dt * zoom
        self._cy += self._vy * dt * zoom
        self._vx *= zoom * zoom
        self._vy *= zoom * zoom
        self._width *= zoom
        self._height *= zoom
        self._rate = min(self._rate * zoom, settings.max_closing)
        jolt = settings.jolt * self._size + settings.jolt_px
        self._place = _spread(self._place, dt, jolt**2)
        self._growth = _spread(self._growth, dt, settings.closing_jolt**2)

    def costs(self, boxes: Sequence[Box]) -> list[float]:
        """How badly each detection fits the prediction: below 1 by overlap, below 2 by distance."""
        size = self._size
        limit = self._settings.max_jump * size + self._settings.jump_px
        return [self._cost(box, size, limit) for box in boxes]

    def _cost(self, box: Box, size: float, limit: float) -> float:
        settings, (cx, cy) = self._settings, box.centre
        dx, dy = cx - self._cx, cy - self._cy
        if abs(dx) > limit or abs(dy) > limit or (area := box.area) <= 0:
            return FORBIDDEN
        if not 1 / settings.max_ratio <= math.sqrt(area) / size <= settings.max_ratio:
            return FORBIDDEN
        width, height = self._width / 2, self._height / 2
        predicted = Box(self._cx - width, self._cy - height, self._cx + width, self._cy + height)
        iou = predicted.iou(box)
        if iou >= settings.min_iou:
            return 1 - iou
        reach = min(limit, 3 * math.sqrt(self._place[0] + self._blur**2))  # three sigma
        distance = math.hypot(dx, dy) / reach
        return 1 + distance if distance < 1 else FORBIDDEN

    def nudge(self, dx: float, dy: float, vx: float, vy: float) -> None:
        """Move by pixels and change speed by px/s."""
        self._cx += dx
        self._cy += dy
        self._vx += vx
        self._vy += vy

    def see(self, detection: Detection, time: float, size: tuple[int, int] | None) -> None:
        """Correct place, size and motion by a detection."""
        self.detection = detection
        self._seen = time
        box = detection.box
        blur = self._blur
        if size and (min(box.x1, box.y1) <= 1 or box.x2 >= size[0] - 1 or box.y2 >= size[1] - 1):
            blur *= 3  # cut off by the edge: its middle and size are not the sign's
        gain, turn, self._place = _correct(self._place, blur**2)
        cx, cy = box.centre
        dx, dy = cx - self._cx, cy - self._cy
        self.surprise = (gain * dx, gain * dy, turn * dx, turn * dy)
        self.nudge(*self.surprise)
        gain, turn, self._growth = _correct(self._growth, (blur / self._size) ** 2)
        wider = math.log(box.width / self._width)
        taller = math.log(box.height / self._height)
        self._width *= math.exp(gain * wider)
        self._height *= math.exp(gain * taller)
        limit = self._settings.max_closing
        self._rate = min(max(self._rate + turn * (wider + taller) / 2, -limit), limit)


_Covariance = tuple[float, float, float]  # of (value, speed): value², value·speed, speed²


def _spread(covariance: _Covariance, dt: float, jolt: float) -> _Covariance:
    """The covariance after `dt` seconds at constant speed with white acceleration noise."""
    value, mixed, speed = covariance
    return (
        value + dt * (2 * mixed + dt * speed) + jolt * dt**3 / 3,
        mixed + dt * speed + jolt * dt**2 / 2,
        speed + jolt * dt,
    )


def _correct(covariance: _Covariance, noise: float) -> tuple[float, float, _Covariance]:
    """The Kalman gains of value and speed, and the covariance after a measurement of the value."""
    value, mixed, speed = covariance
    gain, turn = value / (value + noise), mixed / (value + noise)
    return gain, turn, ((1 - gain) * value, (1 - gain) * mixed, speed - turn * mixed)
