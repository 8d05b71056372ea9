"""Single training pictures: `scene_picture` looks once into a random world, or pastes into one."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from training.artwork import FOREIGN, UNMARKED
from training.backdrop import backdrop
from training.lens import Optics, expose
from training.painter import LINEAR, Face, Light, Panel, Picture, paint
from training.pinhole import STEP, Array, Camera, Road, road_of
from training.posts import SignPlan, hang_sign, turned_away
from training.roadside import (
    Roadside,
    Strip,
    grow,
    house,
    lamp,
    lookalike,
    parked,
    shrubs,
    strip,
)
from training.sky import Sky, sky_of
from training.terrain import LANE, Ground, Paving, ground_of
from training.world import Shot, World, look, whole

CLASSES = 43
LIBRARY_SEED = 77  # of the grounds and skies all pictures share
GROUNDS, SKIES = 7, 6
REACH = 150.0  # metres of road in a picture
HEIGHTS = (10.0, 200.0)  # pixels of a sign, log-uniform
MOST_SIGNS = 8
LEAST_VISIBLE = 0.55
LEAST_HEIGHT = 8.0  # pixels
LEAST_CONTRAST = 5.0  # standard deviation of grey, 0–255; a sign with less is not labelled
MARGIN = 3  # pixels between a sign and the edge of the picture
ROAD_SHARE = 0.75  # of pictures that show a road; the others are signs before anything at all

Labelled = tuple[tuple[float, float, float, float], int]


class Setting(NamedTuple):
    """What stands beside the road: chances a place, 0–1, and how far away it begins."""

    houses: float
    trees: float
    clutter: float
    near: float
    kinds: tuple[str, ...] = ("house2",)
    rails: float = 0.0


SETTINGS = {
    "village": Setting(0.6, 0.5, 0.6, 8.0, ("house2", "shop")),
    "city": Setting(0.95, 0.25, 0.9, 7.5, ("house4", "shop")),
    "land": Setting(0.06, 0.5, 0.2, 9.0),
    "forest": Setting(0.0, 1.0, 0.12, 6.0),
    "highway": Setting(0.0, 0.5, 0.15, 12.0, rails=0.9),
    "bare": Setting(0.0, 0.06, 0.1, 14.0, rails=0.3),
}


class Hour(NamedTuple):
    """A time of the day: how often it comes, its daylight, and its sky against that."""

    share: float
    day: tuple[float, float]
    sky: tuple[float, float]
    dark: bool = False


HOURS = (
    Hour(0.50, (0.6, 1.3), (1.0, 2.6)),  # sun
    Hour(0.27, (0.35, 0.7), (1.5, 3.5)),  # clouds
    Hour(0.13, (0.08, 0.3), (1.0, 3.0), dark=True),  # dusk
    Hour(0.10, (0.006, 0.03), (0.1, 0.8), dark=True),  # night
)


@lru_cache(maxsize=GROUNDS)
def _ground(number: int) -> Ground:
    rng = np.random.default_rng([LIBRARY_SEED, 0, number])
    tone = int(rng.integers(62, 108))
    lush = rng.uniform(0.6, 1.3)
    paving = Paving(
        asphalt=(tone, tone + int(rng.integers(-3, 3)), tone + int(rng.integers(-4, 5))),
        verge=(int(50 * lush), int(88 * lush), int(rng.integers(60, 110) * lush)),
        field=(int(60 * lush), int(100 * lush), int(rng.integers(70, 130) * lush)),
        pavement_m=float(rng.choice([0.0, 2.4, 4.0])),
        lines=(str(rng.choice(["dashed", "solid", "none"])), str(rng.choice(["solid", "none"]))),
    )
    shadows = tuple(
        (float(rng.uniform(0, REACH)), float(rng.uniform(-7, 7)), float(rng.uniform(1.5, 4)))
        for _ in range(int(rng.integers(0, 26)))
    )
    return ground_of(rng, ((REACH, paving),), shadows)


@lru_cache(maxsize=SKIES)
def _sky(number: int) -> Sky:
    rng = np.random.default_rng([LIBRARY_SEED, 1, number])
    top = (int(rng.integers(170, 250)), int(rng.integers(140, 200)), int(rng.integers(90, 180)))
    low = (int(rng.integers(215, 250)), int(rng.integers(210, 240)), int(rng.integers(190, 245)))
    land = (int(rng.integers(34, 60)), int(rng.integers(44, 72)), int(rng.integers(44, 80)))
    return sky_of(rng, top, low, float(rng.uniform(0.1, 0.9)), land)


def _light(rng: np.random.Generator) -> tuple[Light, float]:
    """Light from noon to night, and the exposure that suits it more or less."""
    hour = HOURS[int(rng.choice(len(HOURS), p=[hour.share for hour in HOURS]))]
    day = float(rng.uniform(*hour.day))
    sky = day * float(rng.uniform(*hour.sky))
    tint = rng.normal(0, 0.07, 2)
    thick = float(rng.choice([0.0005, 0.002, 0.006, 0.014], p=[0.5, 0.3, 0.15, 0.05]))
    light = Light(
        gain=(day * float(1 + tint[0]), day, day * float(1 + tint[1])),
        sky=(sky, sky, sky),
        haze=(0.5 * sky, 0.5 * sky, 0.5 * sky),
        density=thick,
        headlights=float(rng.uniform(0.1, 0.5)) if hour.dark else 0.0,
    )
    exposure = float(np.exp(rng.normal(0.0, 0.35))) * (1.0 / max(day, 0.12)) ** 0.75
    return light, exposure


def _optics(rng: np.random.Generator, exposure: float, plain: bool) -> Optics:
    """A random camera; a `plain` one hardly changes a picture that a real one has taken already."""
    if plain:
        return Optics(
            exposure=exposure, defocus=float(rng.uniform(0, 0.7)), noise=float(rng.uniform(0, 3)),
            vignette=0.0, saturation=1.0, contrast=1.0, sharpen=float(rng.uniform(0, 0.3)),
            chroma_blur=0.0, jpeg=int(rng.integers(60, 97)),
        )  # fmt: skip
    white = 1 + rng.normal(0, 0.06, 2)
    return Optics(
        exposure=exposure,
        white=(float(white[0]), 1.0, float(white[1])),
        defocus=float(abs(rng.normal(0, 0.6))) + (1.2 if rng.random() < 0.06 else 0.0),
        noise=float(rng.uniform(0.5, 5)) * (2.0 if exposure > 2.5 else 1.0),
        vignette=float(rng.uniform(0, 0.45)),
        saturation=float(rng.uniform(0.7, 1.5)),
        contrast=float(rng.uniform(0.95, 1.35)),
        sharpen=float(rng.uniform(0, 0.8)),
        chroma_blur=float(rng.uniform(0, 1.8)),
        jpeg=int(rng.integers(45, 98)),
    )


def _camera(rng: np.random.Generator, road: Road, size: tuple[int, int]) -> Camera:
    lane = float(rng.choice([LANE / 2, LANE / 2, -LANE / 2])) + rng.normal(0, 0.4)
    x, _, z = road.place(12.0, float(lane)).tolist()
    yaw = road.direction(16.0) + rng.normal(0, 0.09)
    focal = float(np.exp(rng.uniform(np.log(0.55), np.log(1.3)))) * size[0]
    eye = float(rng.uniform(0.9, 2.6))
    return Camera((x, eye, z), float(yaw), float(rng.normal(0.03, 0.05)),
                  float(rng.normal(0, 0.015)), focal, size)  # fmt: skip


def _sign_plans(rng: np.random.Generator) -> list[SignPlan]:
    """The signs of one picture: none to `MOST_SIGNS`, every class as likely, some foreign."""
    count = int(min(rng.geometric(0.26), MOST_SIGNS)) if rng.random() < 0.88 else 0
    plans = []
    for _ in range(count):
        foreign = str(rng.choice(FOREIGN)) if rng.random() < 0.2 else ""
        label = -1 if foreign else int(rng.integers(CLASSES))
        size, wear = float(rng.uniform(0.55, 0.95)), float(rng.uniform(0, 1) ** 1.5)
        plans.append(SignPlan(label, foreign, size, wear))
    return plans


def _hang(side: Roadside, rng: np.random.Generator, camera: Camera, posts: bool) -> None:
    """Hang signs before the camera so that they appear in the sizes of `HEIGHTS`."""
    width, height = camera.size
    taken: list[tuple[float, float, float]] = []
    rotation = camera.rotation()
    for plan in _sign_plans(rng):
        for _ in range(10):  # tries to find a free place
            pixels = float(np.exp(rng.uniform(*np.log(HEIGHTS))))
            pixels = min(pixels, 0.45 * height)
            reach = pixels * 0.62 + MARGIN
            u = float(rng.uniform(reach, width - reach))
            v = float(np.clip(rng.normal(0.46, 0.15) * height, reach, height - reach))
            if all(max(abs(u - a), abs(v - b)) > reach + r for a, b, r in taken):
                break
        else:
            continue
        depth = camera.focal * plan.size / pixels
        ray = np.array([(u - width / 2) / camera.focal, (v - height / 2) / camera.focal, 1.0])
        middle = np.asarray(camera.position) + (ray * depth) @ rotation
        if posts and middle[1] < plan.size * 0.75:
            continue  # it would stand in the ground
        taken.append((u, v, reach))
        pair = pixels < 0.2 * height and rng.random() < 0.15
        hang_sign(side, rng, plan, middle, camera.yaw)
        if pair:
            above = middle + np.array([0.0, plan.size + 0.07, 0.0])
            top, _ = camera.project(above)
            if top[1] > reach:
                other = SignPlan(int(rng.integers(CLASSES)), "", plan.size, plan.wear)
                hang_sign(side, rng, other, above, camera.yaw)
                taken.append((u, float(top[1]), reach))
        if posts:
            side.pole(rng, middle, plan.size, camera.yaw)


def _furnish(side: Roadside, rng: np.random.Generator, setting: Setting) -> None:
    """Fill both sides of the road."""
    for out in (-1, 1):
        for s in np.arange(16.0, REACH, 9.0).tolist():
            at = s + float(rng.uniform(-2, 2))
            near = setting.near + float(rng.uniform(0, 3))
            if rng.random() < setting.houses:
                house(side, rng, s, out * near, str(rng.choice(setting.kinds)))
            elif rng.random() < setting.trees:
                grow(side, rng, at, out * (near + rng.uniform(0, 5)))
                shrubs(side, rng, at + 3, out * (near + rng.uniform(0, 5)))
            if rng.random() < setting.trees:
                grow(side, rng, at + 4, out * (near + rng.uniform(8, 16)))
            if rng.random() < setting.clutter * 0.5:
                things = (lamp, lookalike, turned_away, parked)
                thing = things[int(rng.integers(len(things)))]
                thing(side, rng, at, out * (LANE + float(rng.uniform(1.6, 3.5))))
        if rng.random() < setting.rails:
            strip(side, rng, Strip("rail", 14, REACH - 10, out * (LANE + 0.9), 0.25, 0.8))
        elif rng.random() < 0.25:
            strip(side, rng, Strip("fence", 20, 70, out * (LANE + 4.0), 0.0, 1.1))


def _shot(rng: np.random.Generator, camera: Camera) -> Shot:
    """The camera, and where it has turned to by the end of the exposure."""
    smear = np.abs(rng.normal(0, 2.2)) if rng.random() < 0.5 else 0.0  # pixels
    way = rng.uniform(0, 2 * np.pi)
    turn = smear / 2 / camera.focal
    later = camera._replace(
        yaw=camera.yaw + float(turn * np.cos(way)),
        pitch=camera.pitch + float(turn * 0.6 * np.sin(way)),
    )
    return Shot(camera, later)


def scene_picture(
    rng: np.random.Generator, width: int, height: int, background: Picture | None = None
) -> tuple[Picture, tuple[Labelled, ...]]:
    """A random picture, (height, width, 3) BGR, and its signs as (box, class id or −1).

    With a `background` (any size), signs are pasted into a random part of that; else the picture
    shows a road of some kind in some light or, now and then, signs before no place at all. Width
    and height are even. Only signs that are wholly inside and mostly in sight are labelled, and
    none of those that GTSDB leaves `UNMARKED`.
    """
    size = (width, height)
    bend = rng.normal(0, 1 / 260) * np.ones(int((REACH + 90) / STEP))
    road = road_of(bend)
    camera = _camera(rng, road, size)
    side = Roadside(road)
    light, exposure = _light(rng)
    pasted = background is not None or rng.random() > ROAD_SHARE
    _hang(side, rng, camera, posts=not pasted or rng.random() < 0.3)
    shot = _shot(rng, camera)
    if pasted:
        canvas, faces, optics = _paste(rng, side, shot, background)
    else:
        side.lit_from = 0.0 if light.headlights else float("inf")
        names = list(SETTINGS)
        _furnish(side, rng, SETTINGS[names[int(rng.integers(len(names)))]])
        world = World(road, _ground(int(rng.integers(GROUNDS))), _sky(int(rng.integers(SKIES))),
                      tuple(side.panels), tuple(side.signs))  # fmt: skip
        canvas, faces = look(world, shot, light)
        optics = _optics(rng, exposure, plain=False)
    image = expose(canvas, optics, rng)
    kept = tuple(
        (face.box, side.signs[face.sign].label)
        for face in faces
        if side.signs[face.sign].name not in UNMARKED
        and whole(face, size, LEAST_HEIGHT, LEAST_VISIBLE)
        and _contrast(image, face) > LEAST_CONTRAST
    )
    return image, kept


def _contrast(image: Picture, face: Face) -> float:
    """The standard deviation of grey inside the face's box."""
    x1, y1, x2, y2 = (round(value) for value in face.box)
    return float(cv2.cvtColor(image[y1:y2, x1:x2], cv2.COLOR_BGR2GRAY).std())


def _paste(
    rng: np.random.Generator, side: Roadside, shot: Shot, background: Picture | None
) -> tuple[Array, tuple[Face, ...], Optics]:
    """The signs before a background: the caller's, or one made of shapes and colours."""
    width, height = shot.camera.size
    picture = backdrop(rng, width, height) if background is None else _part(rng, background, shot)
    canvas = cv2.LUT(picture, LINEAR)
    day = float(np.clip(canvas.mean() * np.exp(rng.normal(0.7, 0.5)), 0.04, 1.3))
    faces = paint(
        canvas, _relit(side.panels, rng), (shot.camera, shot.later), Light(gain=(day, day, day))
    )
    optics = _optics(rng, 1.0, plain=background is not None)
    return canvas, faces, optics


def _relit(panels: list[Panel], rng: np.random.Generator) -> list[Panel]:
    return [panel._replace(gain=panel.gain * float(rng.uniform(0.7, 1.3))) for panel in panels]


def _part(rng: np.random.Generator, background: Picture, shot: Shot) -> Picture:
    """A random part of the background with the picture's shape, resized to it."""
    width, height = shot.camera.size
    rows, columns = background.shape[:2]
    fit = min(columns / width, rows / height) * float(rng.uniform(0.6, 1.0))
    w, h = max(1, int(width * fit)), max(1, int(height * fit))
    left, top = int(rng.integers(columns - w + 1)), int(rng.integers(rows - h + 1))
    part = background[top : top + h, left : left + w]
    way = cv2.INTER_AREA if fit > 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (width, height), interpolation=way), np.uint8)
