"""Puts things beside a road: trees, houses, cars, lamps, boards, rails, a bridge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np

from training.artwork import LOOKALIKES
from training.painter import Panel, Texture, texture_of
from training.pinhole import Array, Road, alongside, upright
from training.scenery import billboard, flat, pick
from training.sign_backs import SIGN_BACKS
from training.terrain import LANE
from training.wear import clean_art, weathered

POST = 0.075  # metres across
HOUSE = 8.0  # metres of one house's front
# Signs' backs stand where signs stand; see training.posts.
THINGS = tuple(name for name in LOOKALIKES if name not in SIGN_BACKS)


class Standing(NamedTuple):
    """A sign as it stands: which, where, and what it is called."""

    label: int
    name: str
    s: float
    d: float


@dataclass(slots=True)
class Roadside:
    """The panels of a world under construction, and the signs among them."""

    road: Road
    panels: list[Panel] = field(default_factory=list)
    signs: list[Standing] = field(default_factory=list)
    shadows: list[tuple[float, float, float]] = field(default_factory=list)
    covered: tuple[tuple[float, float], ...] = ()
    lit_from: float = float("inf")  # metres; from here on lamps shine

    def light_at(self, s: float) -> float:
        """How much of the daylight reaches s: little below a bridge."""
        for start, end in self.covered:
            if start < s < end:
                return 0.3
        return 1.0

    def add(
        self, texture: Texture, corners: Array, s: float, gain: float = 1.0, **more: float
    ) -> None:
        """Add one panel, darker where it stands below a bridge."""
        self.panels.append(Panel(texture, corners, gain * self.light_at(s), **more))

    def pole(self, rng: np.random.Generator, middle: Array, size: float, yaw: float) -> None:
        """The post of a sign of this size (metres) whose middle is at this world point."""
        right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)]) * POST / 2
        back = np.array([np.sin(yaw), 0.0, np.cos(yaw)]) * 0.04
        top, foot = middle + back + [0.0, size * 0.4, 0.0], middle * [1.0, 0.0, 1.0] + back
        corners = np.stack([top - right, top + right, foot + right, foot - right])
        self.panels.append(Panel(pick(rng, "pole"), corners, rng.uniform(0.3, 0.9)))


def grow(side: Roadside, rng: np.random.Generator, s: float, d: float, bare: float = 0.3) -> None:
    """A tree, leafless with probability `bare`, and the shadow it throws."""
    tall = rng.uniform(6, 13)
    kind = "bare" if rng.random() < bare else "tree"
    corners = upright(side.road, (s, d), (tall * rng.uniform(0.8, 1.05), tall), -0.1)
    side.add(pick(rng, kind), corners, s, rng.uniform(0.45, 1.0))
    if kind == "tree" and abs(d) < 12:
        side.shadows.append((s, d * 0.5, rng.uniform(2.0, 4.0)))


def shrubs(side: Roadside, rng: np.random.Generator, s: float, d: float) -> None:
    """A bush."""
    size = (rng.uniform(2.0, 5.0), rng.uniform(1.0, 2.8))
    side.add(pick(rng, "bush"), upright(side.road, (s, d), size, -0.1), s, rng.uniform(0.35, 1.0))


def house(side: Roadside, rng: np.random.Generator, s: float, d: float, kind: str) -> None:
    """A house of one `HOUSE` from s on, its front along the road at d, its near end in sight."""
    tall = {"house2": 6.0, "house4": 12.0, "shop": 9.0}[kind]
    gain = rng.uniform(0.4, 1.0) * (1.0 if d > 0 else 0.8)
    front = alongside(side.road, s, s + HOUSE, d, (0.0, tall))
    side.add(pick(rng, kind), front, s, gain, bias=0.2)
    out = float(np.sign(d))
    if kind == "house2":
        top = alongside(side.road, s, s + HOUSE, d, (tall, tall))
        ridge = alongside(side.road, s, s + HOUSE, d + 4 * out, (tall + 3.75, tall + 3.75))
        slope = np.stack([ridge[0], ridge[1], top[2], top[3]])
        side.add(pick(rng, "roof"), slope, s, gain)
        end = upright(side.road, (s, d + 4 * out), (8.0, tall + 3.75), 0.0)
        side.add(pick(rng, "gable"), end, s, gain * 0.7)
    else:
        end = upright(side.road, (s, d + 4 * out), (8.0, tall), 0.0)
        side.add(pick(rng, "concrete"), end, s, gain * 0.7)
    if kind == "shop" and rng.random() < 0.8:
        art = clean_art("lookalike", str(rng.choice(THINGS)))
        wide = rng.uniform(0.6, 1.1)
        arm = upright(side.road, (s + rng.uniform(1, 7), d - 0.6 * out), (wide, wide), 2.9)
        side.add(texture_of(art), arm, s, gain * 0.9, glow=0.4 if s > side.lit_from else 0.0)


def parked(side: Roadside, rng: np.random.Generator, s: float, d: float) -> None:
    """A parked car: its side, and the end that is in sight."""
    away = d - np.sign(d) * 0.8
    gain = rng.uniform(0.4, 1.0)
    flank = alongside(side.road, s, s + 4.25, float(away), (0.0, 1.5))
    if d < 0:
        flank = flank[[1, 0, 3, 2]]
    side.add(pick(rng, "side"), flank, s, gain * 0.8)
    end = upright(side.road, (s, d), (1.75, 1.45))
    side.add(pick(rng, "back" if d > 0 else "front"), end, s, gain, bias=0.3)


def lamp(side: Roadside, rng: np.random.Generator, s: float, d: float) -> None:
    """A street lamp: a tall mast with an arm, or a low post with a round globe."""
    inward = -float(np.sign(d))
    kind = "glow" if s > side.lit_from else "lamp"
    glow = 2.5 if s > side.lit_from else 0.0
    if rng.random() < 0.6:
        side.add(pick(rng, "pole"), upright(side.road, (s, d), (0.14, 7.5)), s, 0.6)
        side.add(
            texture_of(flat((90, 92, 92))),
            upright(side.road, (s, d + 0.7 * inward), (1.4, 0.08), 7.4),
            s,
            0.6,
        )
        head = upright(side.road, (s, d + 1.4 * inward), (0.8, 0.4), 7.15)
    else:
        side.add(pick(rng, "pole"), upright(side.road, (s, d), (0.1, 3.2)), s, 0.6)
        head = upright(side.road, (s, d), (1.0, 0.5), 3.1)
    side.add(pick(rng, kind), head, s, 1.0, glow=glow, bias=0.1)


def lookalike(side: Roadside, rng: np.random.Generator, s: float, d: float) -> None:
    """Something round or bright on a post or a board that is no road sign."""
    art = clean_art("lookalike", str(rng.choice(THINGS)))
    gain = rng.uniform(0.4, 1.0)
    if rng.random() < 0.35:
        board = billboard(
            rng, np.asarray(cv2.resize(art, (128, 128), interpolation=cv2.INTER_AREA), np.uint8)
        )
        size = (3.6, 2.4) if abs(d) > 6 else (1.8, 1.2)
        turn = (rng.normal(0, 0.15), 0.0, 0.0)
        side.add(texture_of(board), upright(side.road, (s, d), size, 1.1, turn), s, gain, bias=0.1)
        for shift in (-0.35, 0.35):
            leg = upright(side.road, (s, d + shift * size[0]), (0.12, 1.3))
            side.add(pick(rng, "pole"), leg, s, gain)
    else:
        low, wide = rng.uniform(1.6, 2.8), rng.uniform(0.5, 0.9)
        turn = (rng.normal(0, 0.15), 0.0, rng.normal(0, 0.05))
        side.add(
            texture_of(weathered(art, rng, 0.4)),
            upright(side.road, (s, d), (wide, wide), low, turn),
            s,
            gain,
            bias=0.1,
        )
        side.add(pick(rng, "pole"), upright(side.road, (s, d), (0.09, low + 0.3)), s, gain * 0.8)


class Strip(NamedTuple):
    """A guard rail, fence, wall or high grass along the road."""

    kind: str
    start: float
    end: float
    d: float
    low: float
    high: float


def strip(side: Roadside, rng: np.random.Generator, plan: Strip) -> None:
    """Put it up in pieces of 4 m."""
    for s in np.arange(plan.start, plan.end, 4.0).tolist():
        wall = alongside(side.road, s, s + 4.0, plan.d, (plan.low, plan.high))
        side.add(pick(rng, plan.kind), wall, s, rng.uniform(0.8, 0.95))


def bridge(side: Roadside, rng: np.random.Generator, start: float, end: float) -> None:
    """A bridge over the road: walls, a ceiling, and the parapet one drives towards."""
    wide, tall = LANE + 4.2, 5.2
    side.covered = (*side.covered, (start, end))
    for s in np.arange(start, end, 4.0).tolist():
        for d in (-wide, wide):
            side.add(
                pick(rng, "concrete"),
                alongside(side.road, s - 0.1, s + 4.1, d, (0.0, tall)),
                s,
                0.9,
            )
        far, near = s + 4.1, s - 0.1
        left = side.road.place(far, -wide, tall), side.road.place(near, -wide, tall)
        right = side.road.place(far, wide, tall), side.road.place(near, wide, tall)
        ceiling = np.stack([left[1], right[1], right[0], left[0]])
        side.add(pick(rng, "concrete"), ceiling, s + 1, 0.5)
    front = upright(side.road, (start, 0.0), (wide * 6, 2.0), tall - 0.2)
    side.add(pick(rng, "concrete"), front, start - 1, 0.75, bias=0.3)
    for d in (-1, 1):
        wing = upright(side.road, (start, d * (wide + 9.0)), (18.0, tall + 1.0))
        side.add(pick(rng, "concrete"), wing, start - 1, 0.6)
