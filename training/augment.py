"""A stored crop as the net may meet it: the detector's jitter, the road and other cameras."""

from __future__ import annotations

from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import UsageError
from models.imaging import CROP_MARGIN, CROP_SIZE
from training.crops import STORED_MARGIN
from training.views import Image, disturb

Level = Literal["none", "shift", "light", "full", "harsh", "clear"]
LEVELS = ("none", "shift", "light", "full", "harsh", "clear")
PARTS = ("perspective", "resolution", "cover", "weather", "sharpness", "noise", "light")
GREY = 128
DUSK = (35.0, 110.0)  # the brightest grey levels of a picture taken with far too little light
LEAST_CONTRAST = 5.0  # grey levels, standard deviation


class Geometry(NamedTuple):
    """How far a crop is moved. Shifts and corners are shares of the visible side."""

    scale: float  # log, ±
    shift: float  # ±
    degrees: float  # standard deviation
    stretch: float  # log of the aspect ratio's square root, ±
    aside: float  # how often a sign is seen from far aside, …
    squeeze: float  # … and the log of what its width shrinks by then, at most
    corner: float  # each corner, standard deviation


_FULL = Geometry(0.22, 0.12, 5, 0.1, 0.12, 0.6, 0.025)
GEOMETRY = {
    "light": Geometry(0.1, 0.06, 3, 0.03, 0.0, 0.0, 0.0),
    "full": _FULL,
    "harsh": _FULL._replace(aside=0.2, squeeze=1.0),
    "clear": _FULL,
}
# How often a sign is bleached, how often it is taken with far too little light, how often it is far
# away, and how often it comes from a stream that was compressed too much.
BLEACHED = {"full": 0.06, "harsh": 0.12, "clear": 0.06}
DARK = {"full": 0.0, "harsh": 0.15, "clear": 0.0}
FAR = {"full": 0.3, "harsh": 0.3, "clear": 0.08}
CODED = {"full": 0.0, "harsh": 0.0, "clear": 0.12}
FAR_SIZES = (11, 32)  # px across, the upper end excluded
CODED_SIZES = (20, 49)


class Augmentation:
    """Disturbs crops; two of the same settings given the same dice do the same.

    `none` cuts the centre as the device would, `shift` moves it by whole pixels and hides a square,
    `light` moves it a little and changes its brightness, `full` does everything, `harsh` shows
    more signs from the side, bleached and in the dark, and `clear` fewer from far away, but more
    that a codec has spoilt; `without` leaves some of PARTS out of those three. `margin` is the
    share of a sign's longer side that the net sees around it, `size` the pixels it sees.
    """

    def __init__(
        self, level: str, without: str = "", margin: float = CROP_MARGIN, size: int = CROP_SIZE
    ) -> None:
        self.level, self.size = level, size
        self.visible = (1 + 2 * margin) / (1 + 2 * STORED_MARGIN)  # share of a stored crop's side
        self.without = frozenset(filter(None, without.split(",")))
        if level not in LEVELS:
            raise UsageError(f"--augment: expected one of {', '.join(LEVELS)}, found {level!r}")
        if strange := self.without - set(PARTS):
            raise UsageError(
                f"--without: expected some of {','.join(PARTS)}, found {','.join(sorted(strange))}"
            )
        if self.without and level not in FAR:
            raise UsageError(f"--without: expected --augment {', '.join(FAR)}, found {level}")

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """A stored crop, RGB (side, side, 3), to RGB (size, size, 3)."""
        stored = len(image)
        if self.level in ("none", "shift"):
            out = _warp(image, _corners(stored, self.visible), self.size)
            return _shift(out, rng) if self.level == "shift" else out
        if self.level == "light":
            corners = _moved(GEOMETRY["light"], stored, self.visible, rng)
            out = _warp(image, corners, self.size)
            gain = np.exp(rng.normal(0, 0.2))
            return np.asarray(cv2.convertScaleAbs(out, alpha=gain), np.uint8)
        return self._full(image, rng)

    def _full(self, image: Image, rng: np.random.Generator) -> Image:
        geometry = GEOMETRY[self.level]
        if "perspective" in self.without:
            geometry = geometry._replace(corner=0.0, aside=0.0)
        out = _warp(image, _moved(geometry, len(image), self.visible, rng), self.size)
        if "cover" not in self.without and rng.random() < 0.3:
            out = _cover(out, rng)
        if "weather" not in self.without and rng.random() < 0.2:
            weather = (_rain, _glare, _haze)[int(rng.integers(3))]
            out = weather(out, rng)
        if "resolution" not in self.without:
            out = self._resampled(out, rng)
        if "sharpness" not in self.without and rng.random() < 0.1:
            out = _sharpen(out, rng)
        if "noise" not in self.without and rng.random() < 0.1:
            out = _grain(out, rng)
        if "light" in self.without:
            return out
        if rng.random() < BLEACHED[self.level]:
            out = _fade(out, rng)
        lit = out
        if (dark := DARK[self.level]) and rng.random() < dark:
            out = _dusk(out, rng)
        for dimmer in (_swapped(disturb(_swapped(out), rng, blur=0.4)), out):
            if dimmer.std() > LEAST_CONTRAST:  # nothing can be learnt from black
                return dimmer
        return lit

    def _resampled(self, image: Image, rng: np.random.Generator) -> Image:
        if rng.random() < FAR[self.level]:
            return _far(FAR_SIZES, 0.3, image, rng)
        if (coded := CODED[self.level]) and rng.random() < coded:
            return _far(CODED_SIZES, 1.0, image, rng)
        return image


def _corners(stored: int, visible: float) -> NDArray[np.float64]:
    """The corners of the visible square in pixels of a stored crop, (4, 2)."""
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64)
    return stored / 2 + stored * visible / 2 * square


def _moved(
    geometry: Geometry, stored: int, visible: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Where the input's corners look in the stored crop, (4, 2)."""
    side = stored * visible
    corners = _corners(stored, visible) - stored / 2
    corners *= np.exp(rng.uniform(-geometry.scale, geometry.scale))
    stretch = np.exp(rng.uniform(-geometry.stretch, geometry.stretch))
    if geometry.aside and rng.random() < geometry.aside:
        corners *= [np.exp(rng.uniform(0, geometry.squeeze)), 1]
    angle = np.radians(np.clip(rng.normal(0, geometry.degrees), -20, 20))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = corners * [stretch, 1 / stretch] @ turn.T
    corners += rng.normal(0, geometry.corner * side, (4, 2)) if geometry.corner else 0
    shift = rng.uniform(-geometry.shift, geometry.shift, 2) * side
    return np.asarray(corners + shift + stored / 2)


def _warp(image: Image, corners: NDArray[np.float64], side: int) -> Image:
    """The quadrilateral `corners` of a stored crop as the net's input of `side` px."""
    target = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32) - 0.5
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32) - np.float32(0.5), target)
    out = cv2.warpPerspective(
        image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(out, np.uint8)


def _shift(image: Image, rng: np.random.Generator) -> Image:
    """For pictures of few pixels, which turning and scaling would blur.

    Up to an eighth of the side each way, mirrored at the rim (He et al., 2015), and a grey square
    of a quarter of the side over any of its pixels (DeVries and Taylor, 2017, arXiv:1708.04552).
    """
    size = len(image)
    reach = half = size // 8
    wide = cv2.copyMakeBorder(image, reach, reach, reach, reach, cv2.BORDER_REFLECT_101)
    (y, x), (row, column) = rng.integers(0, 2 * reach + 1, 2), rng.integers(0, size, 2)
    out = wide[y : y + size, x : x + size].copy()
    out[max(0, row - half) : row + half, max(0, column - half) : column + half] = GREY
    return np.asarray(out, np.uint8)


def _far(sizes: tuple[int, int], coded: float, image: Image, rng: np.random.Generator) -> Image:
    """A far sign: few pixels, compressed as they were so often, enlarged."""
    size = int(rng.integers(*sizes))
    small = np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    if rng.random() < coded:
        small = _compress(small, int(rng.integers(15, 70)))
    enlarge = cv2.INTER_LINEAR if rng.random() < 0.7 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(small, image.shape[:2], interpolation=enlarge), np.uint8)


def _compress(image: Image, quality: int) -> Image:
    _, data = cv2.imencode(".jpg", _swapped(image), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return _swapped(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8))


def _swapped(image: Image) -> Image:
    """RGB as BGR, or back: red and blue count differently for brightness, and in a JPEG."""
    return np.ascontiguousarray(image[:, :, ::-1])


def _grain(image: Image, rng: np.random.Generator) -> Image:
    """A sensor in the dark: strong noise, in steps of a pixel or of a coarser grain."""
    size = len(image) // int(rng.integers(1, 3))
    noise = rng.normal(0, rng.uniform(8, 28), (size, size, 3)).astype(np.float32)
    noise = cv2.resize(noise, image.shape[:2], interpolation=cv2.INTER_NEAREST)
    return np.asarray(np.clip(image + noise, 0, 255), np.uint8)


def _cover(image: Image, rng: np.random.Generator) -> Image:
    """Twigs, stickers, mud and shadows: one to four soft-edged shapes over part of the crop."""
    mask = np.zeros(image.shape[:2], np.float32)
    for _ in range(int(rng.integers(1, 5))):
        centre = [float(v) for v in rng.uniform(4, len(image) - 4, 2)]
        axes = [float(v) for v in np.exp(rng.uniform(np.log(2), np.log(14), 2))]
        angle = float(rng.uniform(0, 180))
        if rng.random() < 0.2:  # a twig or a scratch
            end = (centre[0] + axes[0] * 2 - 14, centre[1] + axes[1] * 2 - 14)
            ends = [(round(x), round(y)) for x, y in (centre, end)]
            cv2.line(mask, ends[0], ends[1], 1.0, int(rng.integers(1, 4)))
        elif rng.random() < 0.6:
            cv2.ellipse(mask, (centre, axes, angle), 1.0, -1)
        else:
            corners = cv2.boxPoints((centre, axes, angle))
            cv2.fillPoly(mask, [corners.astype(np.int32)], 1.0)
    mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 2.0)) * rng.uniform(0.4, 1.0)
    dark = rng.random() < 0.7
    colour = rng.uniform(0, 90, 3) if dark else rng.uniform(0, 255, 3)
    return _blend(image, np.asarray(mask, np.float32), colour)


def _rain(image: Image, rng: np.random.Generator) -> Image:
    """Slanting streaks, light and thin, in front of a greyer picture."""
    mask = np.zeros(image.shape[:2], np.float32)
    slant = rng.uniform(-0.4, 0.4)
    for _ in range(int(rng.integers(8, 40))):
        x, y = rng.uniform(-8, len(image) + 8), rng.uniform(-8, len(image))
        length = rng.uniform(4, 12)
        start, end = (round(x), round(y)), (round(x + slant * length), round(y + length))
        cv2.line(mask, start, end, float(rng.uniform(0.3, 0.8)), 1)
    out = _blend(image, cv2.GaussianBlur(mask, (0, 0), 0.6), rng.uniform(150, 230, 3))
    haze = np.full(image.shape[:2], rng.uniform(0, 0.4), np.float32)
    return _blend(out, haze, np.full(3, rng.uniform(100, 200)))


def _haze(image: Image, rng: np.random.Generator) -> Image:
    """Fog: a light grey veil that is thicker in places."""
    clouds = rng.uniform(0, 1, (int(rng.integers(2, 7)),) * 2).astype(np.float32)
    mask = cv2.resize(clouds, image.shape[:2], interpolation=cv2.INTER_CUBIC)
    mask = np.clip(rng.uniform(0.1, 0.6) + (mask - 0.5) * rng.uniform(0, 0.8), 0, 0.85)
    return _blend(image, mask.astype(np.float32), np.full(3, rng.uniform(140, 250)))


def _glare(image: Image, rng: np.random.Generator) -> Image:
    """A headlight or the low sun: a bright spot that fades, over a picture that may be dark."""
    y, x = np.mgrid[0 : len(image), 0 : len(image)].astype(np.float32)
    centre = rng.uniform(0, len(image), 2)
    spread = rng.uniform(6, 30)
    mask = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * spread**2))
    if rng.random() < 0.5:
        image = np.asarray(cv2.convertScaleAbs(image, alpha=float(rng.uniform(0.2, 0.8))), np.uint8)
    return _blend(image, (mask * rng.uniform(0.3, 0.95)).astype(np.float32), np.full(3, 250.0))


def _fade(image: Image, rng: np.random.Generator) -> Image:
    """A sign bleached by the sun: red goes first, then the other colours."""
    wide = image.astype(np.float32)
    red = np.clip((wide[:, :, 0] - wide[:, :, 1:].max(axis=2)) / 60, 0, 1)
    pale = np.full(3, float(np.percentile(image, 95)))
    out = _blend(image, red * np.float32(rng.uniform(0.3, 1.0)), pale)
    grey = cv2.cvtColor(cv2.cvtColor(out, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    kept = float(rng.uniform(0.1, 0.8))
    return np.asarray(cv2.addWeighted(out, kept, grey, 1 - kept, 0), np.uint8)


def _dusk(image: Image, rng: np.random.Generator) -> Image:
    """Under-exposed, with a sensor's noise; what is that dark already becomes no darker."""
    brightest = float(np.exp(rng.uniform(*np.log(DUSK))))
    gain = min(1.0, brightest / max(float(np.percentile(image, 95)), 1.0))
    noise = rng.normal(0, rng.uniform(0, 2.5), image.shape).astype(np.float32)
    return np.asarray(np.clip(image * np.float32(gain) + noise, 0, 255), np.uint8)


def _sharpen(image: Image, rng: np.random.Generator) -> Image:
    """A camera that sharpens: unsharp masking with its bright rims."""
    amount = float(rng.uniform(0.5, 2.0))
    soft = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.7, 1.5)))
    return np.asarray(cv2.addWeighted(image, 1 + amount, soft, -amount, 0), np.uint8)


def _blend(image: Image, mask: NDArray[np.float32], colour: NDArray[np.float64]) -> Image:
    """`colour` laid over a picture by `mask` (H, W), 0 to 1."""
    blended = image + (colour.astype(np.float32) - image) * mask[:, :, None]
    return np.asarray(np.clip(blended, 0, 255), np.uint8)
