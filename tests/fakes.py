"""Small stand-ins for the outside world: one section a part of the line."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from edge.core import UNKNOWN, Box, Detection, Frame, Image, Kind, Reading
from models.signs import BACKGROUND, COUNT, FOREIGN

# --- detector, classifier and scripted drives: no pixels, only the frame's number in a picture ---


def numbered_image(number: int, width: int = 1280, height: int = 720) -> Image:
    """A black picture whose first pixel carries a frame number, for the fakes below."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[0, 0] = [number & 255, number >> 8 & 255, number >> 16]
    return image


def image_number(image: Image) -> int:
    low, middle, high = (int(value) for value in image[0, 0])
    return low | middle << 8 | high << 16


def make_reading(label: int, probability: float, other: int = BACKGROUND) -> Reading:
    """A reading that gives `label` (index 0–44) its probability and the rest mostly to `other`."""
    probabilities = np.full(COUNT + 2, 0.01 / (COUNT + 2))
    probabilities[label] += 0.99 * probability
    probabilities[other] += 0.99 * (1 - probability)
    best = int(probabilities.argmax())
    kind: Kind = "sign"
    if best >= COUNT:
        kind = "foreign" if best == FOREIGN else "background"
    score = float(probabilities[best])
    return Reading(kind, best if best < COUNT else UNKNOWN, score, probabilities)


class FakeDetector:
    """Finds what a script says, by the number in the picture."""

    def __init__(self, script: Mapping[int, Sequence[Detection]]) -> None:
        self._script = script

    def detect(self, image: Image) -> list[Detection]:
        return list(self._script.get(image_number(image), ()))


class FakeClassifier:
    """Reads what a function of frame number and box says; `looks` keeps what it was asked."""

    def __init__(self, read: Callable[[int, Box], Reading]) -> None:
        self._read = read
        self.looks: list[tuple[int, Box]] = []

    def classify(self, image: Image, boxes: Sequence[Box]) -> list[Reading]:
        number = image_number(image)
        self.looks += [(number, box) for box in boxes]
        return [self._read(number, box) for box in boxes]


@dataclass(frozen=True)
class RoadThing:
    """Something beside the road: `label` is an output index, BACKGROUND for a look-alike."""

    label: int
    distance: float  # metres from where the drive starts
    across: float  # metres to the right of the camera
    above: float  # metres above the camera
    size: float = 0.7  # metres


@dataclass
class ScriptedDrive:
    """A car passing things at a constant speed while it sways, seen by an imperfect detector.

    The camera is 1280×720 with a focal length of 1100 px. `missed` is the share of detections
    left out at random; `outage_s` hides every thing once for that long, in the middle distance.
    Everything random comes from `seed`.
    """

    things: Sequence[RoadThing]
    fps: float = 30.0
    seed: int = 1
    missed: float = 0.3
    outage_s: float = 0.0
    false_alarms: float = 0.08  # a frame
    speed: float = 14.0  # m/s
    truth: dict[int, dict[int, Box]] = field(default_factory=dict)  # frame → thing → box
    script: dict[int, list[Detection]] = field(default_factory=dict)

    WIDTH = 1280
    HEIGHT = 720
    FOCAL = 1100.0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        far = max(thing.distance for thing in self.things)
        self.count = int((far / self.speed + 1) * self.fps)
        hidden = [self._random.uniform(20, 40) for _ in self.things]  # metres ahead
        for number in range(self.count):
            time = number / self.fps
            sway = 50 * math.sin(time * 1.6) + self._random.gauss(0, 1)
            pitch = 4 * math.sin(time * 9) + self._random.gauss(0, 1)
            for index, thing in enumerate(self.things):
                box = self._project(thing, time, sway, pitch)
                if box is None:
                    continue
                self.truth.setdefault(number, {})[index] = box
                ahead = thing.distance - self.speed * time
                gap = 0 <= hidden[index] - ahead < self.outage_s * self.speed
                if not gap and self._random.random() >= self.missed:
                    self.script.setdefault(number, []).append(self._detect(box))
            if self._random.random() < self.false_alarms:
                self.script.setdefault(number, []).append(self._false_alarm())

    def _project(self, thing: RoadThing, time: float, sway: float, pitch: float) -> Box | None:
        """Where a thing is in the picture, cut at its edge; None if too small or mostly outside."""
        ahead = thing.distance - self.speed * time
        if ahead < 2:
            return None
        half = self.FOCAL * thing.size / ahead / 2
        x = self.WIDTH / 2 + self.FOCAL * thing.across / ahead + sway
        y = self.HEIGHT / 2 - self.FOCAL * thing.above / ahead + pitch
        whole = Box(x - half, y - half, x + half, y + half)
        box = Box(
            max(0.0, whole.x1),
            max(0.0, whole.y1),
            min(float(self.WIDTH), whole.x2),
            min(float(self.HEIGHT), whole.y2),
        )
        return box if half >= 5 and box.area > 0.4 * whole.area else None

    def _detect(self, box: Box) -> Detection:
        blur = 0.04 * box.height + 0.5
        corners = [value + self._random.gauss(0, blur) for value in box]
        score = 0.25 + 0.6 * min(1.0, box.height / 40) + self._random.uniform(-0.1, 0.1)
        found = Box(*corners)
        return Detection(found if found.width > 2 and found.height > 2 else box, score)

    def _false_alarm(self) -> Detection:
        size = self._random.uniform(10, 80)
        x = self._random.uniform(0, self.WIDTH - size)
        y = self._random.uniform(0, self.HEIGHT - size)
        return Detection(Box(x, y, x + size, y + size), self._random.uniform(0.25, 0.6))

    def frames(self) -> Iterator[Frame]:
        for number in range(self.count):
            yield Frame(numbered_image(number, self.WIDTH, self.HEIGHT), number, number / self.fps)

    def thing_at(self, number: int, box: Box) -> int | None:
        """The thing that overlaps this box most, if any does well."""
        best, found = 0.25, None
        for index, place in self.truth.get(number, {}).items():
            if place.iou(box) > best:
                best, found = place.iou(box), index
        return found

    def read(self, number: int, box: Box) -> Reading:
        """A look as a fair classifier would have it: lost when far, sometimes wild when near."""
        index = self.thing_at(number, box)
        chance = self._random.random()
        if index is None or self.things[index].label == BACKGROUND:
            if chance < 0.1:
                return make_reading(chance_label(chance), 0.55)
            return make_reading(BACKGROUND, 0.7 + 0.29 * chance, other=FOREIGN)
        label = self.things[index].label
        wrong = (label + 1) % COUNT
        if box.height < 16:
            return make_reading(wrong, 0.4 + 0.4 * chance, other=label)
        if box.height < 24:
            return make_reading(label, 0.45 + 0.5 * chance, other=wrong)
        if chance < 0.05:
            return make_reading((label + 7) % COUNT, 0.9, other=label)
        return make_reading(label, 0.8 + 0.19 * chance, other=wrong)


def chance_label(chance: float) -> int:
    """A class drawn from a random number of 0–1."""
    return int(chance * 1000) % COUNT


def twelve_posts() -> list[RoadThing]:
    """Twelve posts 30 m apart, every third with a pair, two foreign signs, five look-alikes."""
    things = []
    for post in range(12):
        distance = 60.0 + 30 * post
        across = -4.0 if post % 4 == 3 else 3.6
        label = FOREIGN if post in (4, 9) else (post * 5) % COUNT
        things.append(RoadThing(label, distance, across, 1.3))
        if post % 3 == 0:
            things.append(RoadThing((post * 5 + 17) % COUNT, distance, across, 0.55))
    things += [RoadThing(BACKGROUND, 75.0 + 65 * n, -6.0, 1.0, 0.8) for n in range(5)]
    return things


# --- cameras ---


class FakeCapture:
    """A camera that plays a script: a picture, None for a read that fails, or a call to make.

    After the last entry every read fails. `settings` keeps what was asked for, in order;
    `granted` is what it says it gives.
    """

    def __init__(
        self,
        script: Sequence[Image | Callable[[], None] | None] = (),
        opened: bool = True,
        granted: Mapping[int, float] | None = None,
    ) -> None:
        self._script = list(script)
        self._opened = opened
        self._granted = granted or {}
        self.settings: list[tuple[int, float]] = []
        self.released = threading.Event()

    def __call__(self, index: int) -> FakeCapture:
        self.index = index
        return self

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self._opened

    def set(self, property_id: int, value: float) -> bool:
        self.settings.append((property_id, value))
        return True

    def get(self, property_id: int) -> float:
        return self._granted.get(property_id, 0.0)

    def read(self) -> tuple[bool, Image | None]:
        while self._script:
            entry = self._script.pop(0)
            if not callable(entry):
                return entry is not None, entry
            entry()
        return False, None

    def release(self) -> None:
        self.released.set()


class Plugged:
    """What is plugged in, one after the other: each opening gets the next camera, then none."""

    def __init__(self, *cameras: FakeCapture) -> None:
        self._cameras = list(cameras)
        self.opened = 0

    def __call__(self, index: int) -> FakeCapture:
        self.opened += 1
        camera = self._cameras.pop(0) if self._cameras else FakeCapture(opened=False)
        return camera(index)


class Clock:
    """Time that only moves when told to."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
