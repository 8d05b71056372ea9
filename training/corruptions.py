"""Twelve ways in which a picture goes wrong, each in five severities that never change.

They work on the crop as the net sees it, RGB (height, width, 3), so that a severity means the same
for a sign of 16 px and for one of 200. They are for measuring: no training learns from them. Where
Hendrycks & Dietterich define a corruption ("Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations", ICLR 2019, arXiv:1903.12261), its five constants are those of their
Tiny-ImageNet-C, whose pictures of 64 px are the closest to crops of 48; lengths stay in pixels and
therefore weigh a third more here. The code is our own. Rain, occlusion, low resolution and colour
cast are not theirs: the table says how strong ours are, and the functions why.

No library, although there are two. `imagecorruptions` has these constants, but its release on PyPI
(1.1.2) calls scikit-image in a way that current releases of that refuse, it draws from the global
random generator, and it needs scikit-image and SciPy, where measuring a model should need no more
than the device has. Albumentations and its successor draw each strength from a range and have
renamed and redefined their weather more than once: a figure measured with them is tied to one
release.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import UsageError

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
Random = np.random.Generator

SEVERITIES = (1, 2, 3, 4, 5)
SEVERITY = 3  # the one that goals are set for, and that single figures mean
THEIRS = "Hendrycks & Dietterich 2019, Tiny-ImageNet-C"
OURS = "our own"

MOTION_ANGLES = (-45.0, 45.0)  # degrees against the horizontal, as theirs
FOG_OCTAVES = 5  # cells of 1/2 to 1/32 of the picture
RAIN_LIGHT = 0.9  # how bright streaks and veil are, in parts of the brightest twentieth, …
RAIN_LEAST = 50.0  # … and at least
RAIN_SLANT = 20.0  # degrees against the vertical, at most
COVER_SHAPES = (0.5, 2.0)  # width over height of what stands in front of a sign
COVER_GREY = (30.0, 150.0)
COVER_TINT = 30.0  # how far its channels lie from that grey, at most
COVER_GRAIN = 12.0  # deviation of its pixels: leaves and dirt are not flat
# An orthonormal basis of the colour changes that leave the mean of the log channels alone.
CHROMA = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])


class Corruption(NamedTuple):
    """`strengths` holds one constant, or tuple of constants, for each severity."""

    strengths: tuple[Any, ...]
    meaning: str
    source: str
    apply: Callable[[Image, Any, Random], Image | Floats]


def corrupt(crop: Image, name: str, severity: int, index: int) -> Image:
    """A corrupted copy of an RGB crop (height, width, 3).

    What is drawn by lot depends on the name, the severity and `index`, the crop's number in its
    set, and on nothing else. UsageError for a name or a severity that does not exist.
    """
    if name not in CORRUPTIONS:
        raise UsageError(f"corruption: expected one of {', '.join(CORRUPTIONS)}, found {name!r}")
    if severity not in SEVERITIES:
        raise UsageError(
            f"severity: expected {SEVERITIES[0]} to {SEVERITIES[-1]}, found {severity}"
        )
    corruption = CORRUPTIONS[name]
    random = np.random.default_rng((zlib.crc32(name.encode()), severity, index))
    out = corruption.apply(crop, corruption.strengths[severity - 1], random)
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def in_turn(crops: Sequence[Image], severity: int) -> list[Image]:
    """Each crop corrupted once; the twelve corruptions take turns."""
    names = tuple(CORRUPTIONS)
    return [
        corrupt(image, names[index % len(names)], severity, index)
        for index, image in enumerate(crops)
    ]


def constants() -> dict[str, dict[str, Any]]:
    """What a report has to say so that its severities can be repeated."""
    return {
        name: {"strengths": list(each.strengths), "meaning": each.meaning, "source": each.source}
        for name, each in CORRUPTIONS.items()
    }


def _noise(crop: Image, deviation: float, random: Random) -> Floats:
    return crop + random.standard_normal(crop.shape, dtype=np.float32) * (255 * deviation)


def _blur(crop: Image, sigma: float, _random: Random) -> Image:
    side = 2 * int(np.ceil(4 * sigma)) + 1  # cut off at four deviations, as theirs
    return cv2.GaussianBlur(crop, (side, side), sigma, borderType=cv2.BORDER_REPLICATE)


def _motion_blur(crop: Image, strength: tuple[int, float], random: Random) -> Image:
    """Half a Gaussian along a line, from the pixel to one side, as ImageMagick does it for them."""
    radius, sigma = strength
    angle = np.deg2rad(random.uniform(*MOTION_ANGLES))
    step = np.arange(2 * radius + 1)
    weight = np.exp(-(step**2) / (2 * sigma**2))
    kernel = np.zeros((4 * radius + 3, 4 * radius + 3), np.float32)
    x = 2 * radius + 1 + step * np.cos(angle)
    y = 2 * radius + 1 + step * np.sin(angle)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for dx in (0, 1):  # each step is shared among the four pixels around it
        for dy in (0, 1):
            share = (1 - np.abs(x - left - dx)) * (1 - np.abs(y - top - dy))
            np.add.at(kernel, (top + dy, left + dx), weight * share)
    return cv2.filter2D(crop, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def _brightness(crop: Image, more: float, _random: Random) -> Floats:
    """Raise the value of HSV; hue and saturation stay."""
    value = crop.max(axis=2, keepdims=True).astype(np.float32)
    raised = np.minimum(value + 255 * more, 255)
    return np.where(value > 0, crop * (raised / np.maximum(value, 1)), raised)


def _contrast(crop: Image, kept: float, _random: Random) -> Floats:
    mean = crop.mean(axis=(0, 1), keepdims=True, dtype=np.float32)
    return (crop - mean) * np.float32(kept) + mean


def _fog(crop: Image, strength: tuple[float, float], random: Random) -> Floats:
    """Clouds are added, then all is scaled so that the brightest pixel stays as bright as it was.

    The clouds are noise in octaves, each twice as fine and `decay` times weaker than the one
    before, instead of their diamond-square map; both are stretched to 0 … 1.
    """
    thickness, decay = strength
    rows, columns = crop.shape[:2]
    clouds = np.zeros((rows, columns), np.float32)
    for octave in range(1, FOG_OCTAVES + 1):
        grid = random.uniform(-1, 1, (2**octave + 1, 2**octave + 1)).astype(np.float32)
        clouds += cv2.resize(grid, (columns, rows), interpolation=cv2.INTER_CUBIC) / decay**octave
    clouds -= clouds.min()
    clouds /= max(float(clouds.max()), 1e-6)
    brightest = float(crop.max())
    foggy = crop + (255 * thickness) * clouds[..., None]
    return foggy * (brightest / max(brightest + 255 * thickness, 1.0))


def _rain(crop: Image, strength: tuple[int, float, float, float], random: Random) -> Floats:
    """Streaks in front of the sign, and a veil of what falls behind them, lit as the sign is.

    Real streaks are 1–2 px wide and as long as a drop falls during an exposure: at 20 m a sign of
    0.6 m is about 40 px high, and 8 m/s for 1/60 s are 9 px. Severity 3 is that, in heavy rain.
    """
    drops, length, opacity, veil = strength
    rows, columns = crop.shape[:2]
    slant = np.deg2rad(random.uniform(-RAIN_SLANT, RAIN_SLANT))
    layer = np.zeros((rows, columns), np.uint8)
    fraction = 4  # bits: OpenCV takes a line's ends in 1/16 px
    for x, y in random.uniform((0, -length), (columns, rows), (drops, 2)):
        ends = np.array([(x, y), (x + length * np.sin(slant), y + length * np.cos(slant))])
        start, end = (ends * 2**fraction).astype(int).tolist()
        cv2.line(layer, start, end, 255, 1, cv2.LINE_AA, fraction)
    share = 1 - (1 - layer[..., None].astype(np.float32) * (opacity / 255)) * (1 - veil)
    grey = max(RAIN_LEAST, RAIN_LIGHT * float(np.percentile(crop, 95)))
    return crop * (1 - share) + grey * share


def _jpeg(crop: Image, quality: int, _random: Random) -> Image:
    _, packed = cv2.imencode(".jpg", crop[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    unpacked = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    assert unpacked is not None  # what was just packed
    return unpacked[:, :, ::-1]


def _pixelate(crop: Image, share: float, _random: Random) -> Image:
    """Fewer pixels, as squares.

    Their last share, one half, would put each square on exactly 2 × 2 of 48 pixels and so change
    less than 0.6 does.
    """
    return _resample(crop, int(max(crop.shape[:2]) * share), cv2.INTER_NEAREST_EXACT)


def _low_resolution(crop: Image, pixels: int, _random: Random) -> Image:
    """So few pixels across the crop, enlarged as the app enlarges a distant sign.

    With the usual margin 16 px across the crop are a sign of 13 px, which stands about 60 m away
    in GTSDB's pictures; at 10 px even a person guesses the numbers.
    """
    return _resample(crop, pixels, cv2.INTER_LINEAR)


def _occlusion(crop: Image, share: float, random: Random) -> Floats:
    """One rectangle, wholly inside the crop, of one dull colour with some grain.

    Up to a fifth of the crop: beyond that it often hides what tells two signs apart, and nobody
    could read them.
    """
    rows, columns = crop.shape[:2]
    shape = np.exp(random.uniform(*np.log(COVER_SHAPES)))
    width = int(np.clip(round(np.sqrt(share * rows * columns * shape)), 1, columns))
    height = int(np.clip(round(share * rows * columns / width), 1, rows))
    left, top = random.integers(0, (columns - width + 1, rows - height + 1))
    out = crop.astype(np.float32)
    grain = random.normal(0, COVER_GRAIN, (height, width, 1))
    colour = random.uniform(*COVER_GREY) + random.uniform(-COVER_TINT, COVER_TINT, 3)
    out[top : top + height, left : left + width] = colour + grain
    return out


def _colour_cast(crop: Image, strength: float, random: Random) -> Floats:
    """Channels times gains whose logarithms add up to 0, in a direction drawn by lot.

    `strength` is the length of the three logarithms together. Severity 3 is as far off as a camera
    set to lamp light under daylight: red × 0.6 and blue × 1.7 in linear light are × 0.79 and × 1.27
    in values of gamma 2.2, a length of 0.34. At most × 1.34 for one channel.
    """
    angle = random.uniform(0, 2 * np.pi)
    gains = np.exp(strength * (np.array([np.cos(angle), np.sin(angle)]) @ CHROMA))
    return crop * gains.astype(np.float32)


def _resample(crop: Image, pixels: int, enlarge: int) -> Image:
    """Average the crop down to so many pixels across its longer side, and enlarge it again."""
    rows, columns = crop.shape[:2]
    scale = pixels / max(rows, columns)
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    small = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (columns, rows), interpolation=enlarge)


CORRUPTIONS = {
    "noise": Corruption(
        (0.04, 0.08, 0.12, 0.15, 0.18), "deviation of normal noise, of 0–1", THEIRS, _noise
    ),
    "blur": Corruption((0.5, 0.75, 1.0, 1.25, 1.5), "sigma of a Gaussian, px", THEIRS, _blur),
    "motion_blur": Corruption(
        ((10, 1.0), (10, 1.5), (10, 2.0), (10, 2.5), (12, 3.0)),
        "radius and sigma of half a Gaussian, px",
        THEIRS,
        _motion_blur,
    ),
    "brightness": Corruption(
        (0.1, 0.2, 0.3, 0.4, 0.5), "added to the value of HSV, of 0–1", THEIRS, _brightness
    ),
    "contrast": Corruption(
        (0.4, 0.3, 0.2, 0.1, 0.05), "share kept of each distance to the mean", THEIRS, _contrast
    ),
    "fog": Corruption(
        ((0.4, 3.0), (0.7, 3.0), (1.0, 2.5), (1.5, 2.0), (2.0, 1.75)),
        "thickness, of 0–1, and decay of an octave",
        THEIRS,
        _fog,
    ),
    "rain": Corruption(
        (
            *((5, 7, 0.50, 0.05), (9, 8, 0.55, 0.10), (14, 9, 0.60, 0.16)),
            *((20, 11, 0.65, 0.23), (27, 13, 0.70, 0.30)),
        ),
        "streaks in the crop, their length in px, their opacity, the veil's opacity",
        OURS,
        _rain,
    ),
    "jpeg": Corruption((65, 58, 50, 40, 25), "quality", THEIRS, _jpeg),
    "pixelate": Corruption(
        (0.9, 0.8, 0.7, 0.6, 0.45),
        "share of the pixels kept across the crop",
        f"{THEIRS}, but for 0.45 instead of 0.5",
        _pixelate,
    ),
    "occlusion": Corruption(
        (0.04, 0.08, 0.12, 0.16, 0.2), "share of the crop covered", OURS, _occlusion
    ),
    "low_resolution": Corruption(
        (24, 20, 16, 12, 10), "pixels across the crop", OURS, _low_resolution
    ),
    "colour_cast": Corruption(
        (0.12, 0.24, 0.36, 0.48, 0.6), "length of the log gains of R, G, B", OURS, _colour_cast
    ),
}
