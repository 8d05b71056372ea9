"""Signs as they hang beside a road: a little crooked, on a post or in mid-air."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.signs import UNKNOWN_SIGN, sign_class
from training.painter import Panel, texture_of
from training.pinhole import Array, upright
from training.roadside import POST, Roadside, Standing
from training.scenery import pick
from training.wear import clean_art, weathered

GAP = 0.05  # metres between two signs on one post


class SignPlan(NamedTuple):
    """One sign to put up: a class id, or the name of one that is none of the 43."""

    label: int
    foreign: str = ""
    size: float = 0.75  # metres of its longer side
    wear: float = 0.3  # 0 new … 1 worn out


def hang_sign(
    side: Roadside, rng: np.random.Generator, plan: SignPlan, middle: Array, yaw: float
) -> None:
    """Hang one sign at a world point, facing somebody who looks along `yaw`, more or less."""
    kind, name = ("foreign", plan.foreign) if plan.foreign else ("sign", str(plan.label))
    art = weathered(clean_art(kind, name), rng, plan.wear)
    yaw += rng.normal(0, 0.22)
    spin, lean = rng.normal(0, 0.05), rng.normal(0, 0.05)
    right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)])
    up = np.array([np.sin(yaw) * np.sin(lean), np.cos(lean), np.cos(yaw) * np.sin(lean)])
    right, up = right * np.cos(spin) - up * np.sin(spin), up * np.cos(spin) + right * np.sin(spin)
    half_x, half_y = right * plan.size / 2, up * plan.size / 2
    corners = np.stack(
        [middle - half_x + half_y, middle + half_x + half_y,
         middle + half_x - half_y, middle - half_x - half_y]
    )  # fmt: skip
    gain = float(np.clip(np.exp(rng.normal(-0.8, 0.7)), 0.06, 1.3))
    retro = float(rng.uniform(0.3, 1.4))
    side.panels.append(Panel(texture_of(art), corners, gain, retro, sign=len(side.signs), bias=0.1))
    side.signs.append(Standing(-1 if plan.foreign else plan.label, name, 0.0, 0.0))


class PostPlan(NamedTuple):
    """A post at (s, d) with its signs from the top down; the lowest hangs at `low` metres."""

    s: float
    d: float
    signs: tuple[SignPlan, ...]
    low: float
    plated: bool = False  # a white plate below them


def sign_post(side: Roadside, rng: np.random.Generator, post_plan: PostPlan) -> None:
    """Put up a post with its signs, all a little crooked."""
    s, d, plans, low, plated = post_plan
    gain = float(np.clip(np.exp(rng.normal(-0.75, 0.85)), 0.06, 1.2))
    bend = (rng.normal(-0.05, 0.12) * np.sign(d), rng.normal(0, 0.025), rng.normal(0, 0.02))
    bottom = low
    if plated:
        corners = upright(side.road, (s - 0.02, d), (0.6, 0.36), low - 0.4, bend)
        side.add(pick(rng, "plate"), corners, s, gain, retro=0.6, bias=0.1)
    for plan in reversed(plans):
        kind, name = ("foreign", plan.foreign) if plan.foreign else ("sign", str(plan.label))
        art = weathered(clean_art(kind, name), rng, plan.wear)
        turn = (bend[0] + rng.normal(0, 0.03), bend[1], bend[2] + rng.normal(0, 0.02))
        corners = upright(side.road, (s - 0.03, d), (plan.size, plan.size), bottom, turn)
        side.add(
            texture_of(art),
            corners,
            s,
            gain,
            retro=float(rng.uniform(0.6, 1.3)),
            sign=len(side.signs),
            bias=0.12,
        )
        label = UNKNOWN_SIGN.id if plan.foreign else plan.label
        side.signs.append(Standing(label, plan.foreign or sign_class(plan.label).name, s, d))
        bottom += plan.size + GAP
    post = upright(side.road, (s, d), (POST, bottom - 0.02), 0.0, (0.0, bend[1], bend[2]))
    side.add(pick(rng, "pole"), post, s, gain * 0.8)


def turned_away(side: Roadside, rng: np.random.Generator, s: float, d: float) -> None:
    """A sign for the other direction: its back."""
    low = rng.uniform(2.0, 2.4)
    gain = rng.uniform(0.3, 0.9)
    face = upright(side.road, (s, d), (0.7, 0.7), low, (rng.normal(0, 0.1), 0, rng.normal(0, 0.03)))
    side.add(pick(rng, rng.choice(["discback", "triback"])), face, s, gain)
    post = upright(side.road, (s - 0.05, d), (POST, low + 0.6))
    side.add(pick(rng, "pole"), post, s, gain)
