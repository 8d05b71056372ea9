"""What happens in the demo drive: its road, what stands beside it, its light, its traffic."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from training.artwork import FOREIGN
from training.lens import Optics
from training.painter import Light, Panel, texture_of
from training.pinhole import STEP, Road, road_of, upright
from training.posts import PostPlan, SignPlan, sign_post, turned_away
from training.roadside import (
    HOUSE,
    Roadside,
    Strip,
    bridge,
    grow,
    house,
    lamp,
    lookalike,
    parked,
    shrubs,
    strip,
)
from training.scenery import pick, shadow
from training.sky import sky_of
from training.terrain import LANE, Paving, ground_of
from training.world import World

FPS = 30
SECONDS = 28.0
BRIDGE = (206.0, 232.0)
FIRST_POST, LAST_POST = 42.0, 388.0  # metres along the road
ROAD_LENGTH = 640.0
CLEAR = 11.0  # metres before a sign where little may hide it
LIT_FROM = 300.0  # metres; from here on lamps shine

# One post after the other; a minus puts a post to the left, "f" is a sign outside the 43.
POSTS: tuple[tuple[int | str, ...], ...] = (
    (2,), (28, 1), ("f",), ("left", 17), (12,), (25, 9), ("left", 27), (11,), ("f",), (13, 40),
    ("left", 38), (33,), (14,), ("left", "f"), (20, 3), (10,), ("left", 31), (4,), (22, "f"),
    ("left", 15), (23,), (5, 41), (19,), ("left", 26), ("f",), (29, 1), (16,), ("left", 36),
    (21,), (8,), ("f", 12), ("left", 18), (24, 7), (32,), ("left", "f"), (30,), (35,), (6,),
)  # fmt: skip

STRIPS = (
    Strip("rail", 124, 196, LANE + 0.9, 0.25, 0.8),
    Strip("rail", 140, 200, -LANE - 0.9, 0.25, 0.8),
    Strip("fence", 278, 310, 8.2, 0, 1.1),
    Strip("fence", 30, 70, -8.2, 0, 1.1),
    Strip("tufts", 120, 200, 7.2, -0.05, 0.45),
    Strip("tufts", 120, 200, -7.0, -0.05, 0.45),
    Strip("tufts", 236, 272, 5.2, -0.05, 0.4),
)


class Mood(NamedTuple):
    """Light and camera settings at one moment."""

    light: Light
    optics: Optics
    exposure_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Story:
    """One drive: the world and how the car moves through it."""

    seed: int
    world: World
    cars: tuple[tuple[Panel, float, float, float], ...]  # s at 0 s, d, speed
    lane: float = LANE / 2
    eye: float = 1.32
    pitch: float = 0.042

    def distance(self, at: float) -> float:
        """Metres driven at second `at`: between 8 and 16 m/s."""
        swing = 3.0 * np.sin(0.42 * at + 2.6) + 0.8 * np.sin(1.1 * at)
        start = 3.0 * np.sin(2.6)
        drift = (swing - start) / 1.0
        return float(8.0 + 13.2 * at + 0.9 * drift)

    def shake(self, at: float) -> tuple[float, float, float, float]:
        """Yaw, pitch and roll in radians and bounce in metres that the road gives the camera."""
        sin = np.sin
        rough = 0.6 + 0.4 * sin(0.9 * at + 1)
        pitch = 0.0030 * sin(7.1 * at) + rough * (0.0012 * sin(31 * at) + 0.0006 * sin(53 * at + 1))
        roll = 0.006 * sin(2.3 * at + 0.4) + 0.0015 * rough * sin(23 * at)
        yaw = 0.006 * sin(0.7 * at) + 0.0006 * rough * sin(37 * at + 2)
        return float(yaw), float(pitch), float(roll), float(0.015 * sin(9 * at) * rough)

    def mood(self, at: float) -> Mood:
        """Light, haze and exposure at second `at`."""
        row = [float(np.interp(at, TIMES, column)) for column in zip(*MOODS, strict=True)]
        day, sky, haze, lamps, expo, shutter, noise, warm = row
        s = self.distance(at)
        below = np.clip(min(s - BRIDGE[0] + 3, BRIDGE[1] - 2 - s) / 7, 0, 1)
        expo *= 1 + 1.3 * float(below)
        drift = 0.03 * np.sin(0.5 * at + 1)
        white = (1 - 0.05 * warm + float(drift), 1.0, 1 + 0.03 * warm - float(drift))
        cold = 1 - warm
        light = Light(
            gain=(day * (0.94 + 0.24 * cold), day, day * (1.06 - 0.14 * cold)),
            sky=(sky * (1.0 + 0.1 * cold), sky, sky),
            haze=(0.55 * sky, 0.53 * sky, 0.52 * sky),
            density=haze,
            headlights=lamps,
        )
        optics = Optics(
            exposure=expo,
            white=white,
            noise=noise,
            defocus=0.42 + 0.25 * float(np.sin(0.33 * at) ** 8),
        )
        return Mood(light, optics, shutter)

    def traffic(self, at: float) -> list[Panel]:
        """The panels of what moves, as of second `at`."""
        road = self.world.road
        panels = []
        for panel, start, d, speed in self.cars:
            s = start + speed * at
            if not 0 < s < road.length:
                continue
            heading = road.direction(s)
            velocity = (speed * np.sin(heading), 0.0, speed * np.cos(heading))
            width = float(np.hypot(*(panel.corners[1] - panel.corners[0])[[0, 2]]))
            height = float(panel.corners[0, 1] - panel.corners[3, 1])
            low = float(panel.corners[3, 1])
            corners = upright(road, (s, d), (width, height), low)
            panels.append(panel._replace(corners=corners, velocity=velocity))
        return panels


TIMES = (0.0, 4.0, 5.5, 7.5, 9.0, 13.0, 16.0, 19.0, 22.0, 28.0)
MOODS = (  # daylight, sky, haze 1/m, headlights, exposure, shutter s, noise, warmth
    (1.00, 1.9, 0.0004, 0.0, 0.95, 0.006, 2.4, 1.0),
    (1.00, 1.9, 0.0004, 0.0, 0.95, 0.006, 2.4, 1.0),
    (0.42, 1.6, 0.0008, 0.0, 1.20, 0.008, 3.0, 0.5),
    (0.45, 1.6, 0.0008, 0.0, 1.20, 0.008, 3.0, 0.5),
    (1.10, 1.9, 0.0004, 0.0, 0.90, 0.006, 2.4, 1.0),
    (0.95, 1.9, 0.0006, 0.0, 0.95, 0.007, 2.6, 0.9),
    (0.50, 1.3, 0.0016, 0.0, 1.15, 0.008, 3.0, 0.3),
    (0.45, 1.1, 0.0022, 0.0, 1.15, 0.009, 3.4, 0.2),
    (0.17, 0.40, 0.0010, 0.15, 1.60, 0.011, 4.4, 0.0),
    (0.055, 0.13, 0.0006, 0.30, 2.30, 0.013, 5.5, 0.0),
)


def road_line() -> Road:
    """The drive's centre line: a right bend, a left bend, and a gentle right one."""
    s = np.arange(int(ROAD_LENGTH / STEP)) * STEP
    bends = ((60, 120, 1 / 190), (140, 200, -1 / 150), (262, 330, -1 / 230), (350, 450, 1 / 170))
    curvature = np.zeros_like(s)
    for start, end, bend in bends:
        curvature += bend * np.clip(np.minimum(s - start, end - s) / 15, 0, 1)
    return road_of(curvature)


def put_up_signs(side: Roadside, rng: np.random.Generator) -> None:
    """The posts of `POSTS`, evenly with a little chance, all kinds of foreign signs in turn."""
    foreign = iter(rng.permutation(FOREIGN).tolist())
    places = np.linspace(FIRST_POST, LAST_POST, len(POSTS))
    for place, post in zip(places.tolist(), POSTS, strict=True):
        left = post[0] == "left"
        plans = []
        for label in post[1:] if left else post:
            size = 0.9 if _triangular(label) else float(rng.uniform(0.62, 0.78))
            name = next(foreign) if label == "f" else ""
            number = -1 if label == "f" else int(label)
            plans.append(SignPlan(number, name, size, float(rng.uniform(0.0, 0.6))))
        d = -float(rng.uniform(4.5, 6.2)) if left else float(rng.uniform(4.4, 6.6))
        s = place + float(rng.uniform(-2.0, 2.0))
        low, plated = float(rng.uniform(1.9, 2.5)), bool(rng.random() < 0.25)
        sign_post(side, rng, PostPlan(s, d, tuple(plans), low, plated))


def _triangular(label: int | str) -> bool:
    return label in (11, 13, *range(18, 32))


def _in_town(s: float) -> bool:
    return s < 120 or s > 270


def _near_bridge(s: float, margin: float) -> bool:
    return BRIDGE[0] - margin < s < BRIDGE[1] + margin / 2


def _line_with_houses(side: Roadside, rng: np.random.Generator, out: int) -> None:
    """Houses in town and trees elsewhere on one side; `out` is −1 on the left, 1 on the right."""
    s = 4.0
    while s < ROAD_LENGTH - 20:
        if _near_bridge(s, 12):
            s += 4
        elif _in_town(s) and rng.random() < 0.62:
            kind = str(rng.choice(["house2", "house4", "shop"], p=[0.4, 0.3, 0.3]))
            for _ in range(1 if kind == "house2" else int(rng.integers(1, 4))):
                house(side, rng, s, out * rng.uniform(9.5, 10.5), kind)
                s += HOUSE
            s += rng.uniform(1, 9)
        else:
            if rng.random() < 0.7:
                grow(side, rng, s, out * rng.uniform(8.5, 18))
            shrubs(side, rng, s + 2, out * rng.uniform(8, 13))
            s += rng.uniform(3, 8)


def _clutter(side: Roadside, rng: np.random.Generator, s: float, out: int) -> None:
    """At most one thing near s: a parked car, a lamp, a look-alike, the back of a sign, a tree."""
    ahead = [post.s - s for post in side.signs if post.d * out > 0]
    chance = rng.random()
    if any(0 < metres < CLEAR for metres in ahead) and chance > 0.22:
        return
    if _in_town(s) and chance < 0.22:
        parked(side, rng, s, out * (LANE + (2.5 if out > 0 else 2.2)))
    elif chance < 0.36:
        lamp(side, rng, s, out * rng.uniform(4.6, 6.5))
    elif chance < 0.48:
        lookalike(side, rng, s, out * rng.uniform(5.0, 8.5))
    elif chance < 0.56:
        turned_away(side, rng, s, out * rng.uniform(4.5, 6.0))
    elif chance < 0.62:
        grow(side, rng, s, out * rng.uniform(6.5, 8))


def furnish(side: Roadside, rng: np.random.Generator) -> None:
    """Houses, trees, cars, lamps and look-alikes along the whole road."""
    for out in (-1, 1):
        _line_with_houses(side, rng, out)
        for s in np.arange(10.0, ROAD_LENGTH - 10, 7.0).tolist():
            if not _near_bridge(s, 7):
                _clutter(side, rng, s + rng.uniform(0, 4), out)
    for d in (-15.0, 16.0, -26.0, 27.0):  # woods behind it all
        for s in np.arange(5.0, ROAD_LENGTH, 5.5).tolist():
            if not _near_bridge(s, 8):
                grow(side, rng, s + rng.uniform(-2, 2), d + rng.uniform(-3, 3), 0.35)
    for plan in STRIPS:
        strip(side, rng, plan)


def _cars(rng: np.random.Generator, road: Road) -> tuple[tuple[Panel, float, float, float], ...]:
    """The traffic: oncoming cars, and one ahead that drives off."""
    found = []
    trips = [(float(s), -LANE / 2, -float(rng.uniform(9, 14)), "front") for s in range(90, 640, 66)]
    trips += [(34.0, LANE / 2, 14.4, "back"), (250.0, LANE / 2, 9.0, "back")]
    dark = texture_of(shadow())
    for start, d, speed, view in trips:
        base = upright(road, (0, 0), (1.75, 1.45))
        found.append((Panel(pick(rng, view), base, 0.8), float(start), d, speed))
        under = upright(road, (0, 0), (2.3, 0.7), -0.3)
        found.append((Panel(dark, under, 1.0, bias=-0.5), float(start), d, speed))
    return tuple(found)


@lru_cache(maxsize=1)
def story_of(seed: int) -> Story:
    """The drive of this seed, ready to be looked at."""
    rng = np.random.default_rng(seed)
    side = Roadside(road_line(), lit_from=LIT_FROM)
    put_up_signs(side, rng)
    furnish(side, rng)
    bridge(side, rng, *BRIDGE)
    town = Paving(pavement_m=3.2, lines=("dashed", "none"), asphalt=(82, 80, 79))
    land = Paving(lines=("dashed", "solid"))
    grey = Paving(pavement_m=2.6, lines=("dashed", "none"), sunshine=0.2, asphalt=(76, 75, 75))
    ground = ground_of(
        rng,
        ((121, town), (149, land), (ROAD_LENGTH - 270, grey)),
        tuple(side.shadows),
        side.covered,
    )
    sky = sky_of(rng, (228, 176, 128), (238, 226, 210), 0.46, (44, 58, 56))
    world = World(side.road, ground, sky, tuple(side.panels), tuple(side.signs))
    return Story(seed, world, _cars(rng, side.road))
