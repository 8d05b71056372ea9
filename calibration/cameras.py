"""Other cameras, framings and conditions: one sign of a picture as each would have shown it.

Unlike corruptions these work on the picture around the sign, before it is cut out, where a camera
or a detector does its damage, and each has one strength only: it is there or it is not. Where a
data set's picture ends beside the sign, as GTSRB's do, its border pixels repeat.
Other countries' drawings cannot be made from a picture: `training.nations` draws a set of its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from edge.core import Box
from models.imaging import crop

Image = NDArray[np.uint8]
Floats = NDArray[Any]
Random = np.random.Generator

SURROUNDINGS = 1.0  # kept on each side of a sign, in longer sides of its box
LEAST_SURROUNDINGS = 8  # px
GAMMA = 2.2

NO_MARGIN, WIDE_MARGIN = 0.0, 0.3
OFF_CENTRE = 0.15  # of the longer side, in a direction drawn by lot
SHARP_ACROSS = 128  # px of a sign near a camera of many pixels
SHARP_SIGMA, SHARP_AMOUNT = 0.02, 1.5  # unsharp mask: sigma in signs, weight
WARM = (0.72, 1.0, 1.25)  # gains of B, G, R: daylight settings in evening light …
COOL = (1.25, 1.0, 0.72)  # … and lamp settings in daylight
NIGHT = 0.03  # what the surroundings keep of their linear light, …
GLARE = 1.3  # … what the brightest twentieth of the sign reaches in the headlights, …
BEAM_WIDTH = 0.6  # … how far they reach, in longer sides of the box, …
BLOOM_FROM, BLOOM_WIDTH, BLOOM = 0.7, 0.12, 0.5  # … where it starts to spill, how far, how much, …
NIGHT_NOISE = 0.02  # … and the noise of a camera that has turned up its gain, of 0–1
JPEG_QUALITY = 20
H264_CRF = "40"
BLOCK = 16  # px: H.264 codes in these; what is added to fill the last ones is cut off again
FADED = (0.35, 0.6, 150.0)  # kept of the saturation, of the contrast, and the grey it tends to
SCRATCHES, FLAKES = 7, 6  # on a sign
SCRATCH_WIDTH, FLAKE_SIZE = 0.02, (0.02, 0.07)  # in longer sides of the box
FINE_ACROSS = 96  # px of a sign while it is painted on, so that a small one gets no thick lines
TILT = 15.0  # degrees, to either side
NARROWED = 0.7  # width of a sign seen from the side, …
FAR_EDGE = 0.85  # … and the height of its farther edge


class Variation(NamedTuple):
    """`show` takes a BGR picture, the sign's box in it, and a generator; it gives both anew."""

    meaning: str
    show: Callable[[Image, Box, Random], tuple[Image, Box]]
    margin: float | None = None  # instead of the classifier's own


def around(image: Image, box: Box) -> tuple[Image, Box]:
    """A copy of the picture around a box, as far as any variation looks, and the box in it."""
    rows, columns = image.shape[:2]
    reach = max(LEAST_SURROUNDINGS, SURROUNDINGS * _side(box))
    left = int(np.clip(box.x1 - reach, 0, columns - 1))
    top = int(np.clip(box.y1 - reach, 0, rows - 1))
    right = int(np.clip(np.ceil(box.x2 + reach), left + 1, columns))
    bottom = int(np.clip(np.ceil(box.y2 + reach), top + 1, rows))
    return image[top:bottom, left:right].copy(), _moved(box, -left, -top)


def vary(image: Image, box: Box, name: str, index: int, cut: tuple[int, float]) -> Image:
    """The crop, RGB (size, size, 3), of a BGR picture's sign as this variation shows it.

    `cut` is the size and the margin of the classifier's crops. What is drawn by lot depends on
    the name and on `index`, the sign's number in its set.
    """
    size, margin = cut
    variation = VARIATIONS[name]
    random = np.random.default_rng((zlib.crc32(name.encode()), index))
    shown, moved = variation.show(image, box, random)
    return crop(shown, moved, size, margin if variation.margin is None else variation.margin)


def _as_it_is(image: Image, box: Box, _random: Random) -> tuple[Image, Box]:
    return image, box


def _off_centre(image: Image, box: Box, random: Random) -> tuple[Image, Box]:
    angle, away = random.uniform(0, 2 * np.pi), OFF_CENTRE * _side(box)
    return image, _moved(box, away * np.cos(angle), away * np.sin(angle))


def _sharp(image: Image, box: Box, _random: Random) -> tuple[Image, Box]:
    scale = max(1.0, SHARP_ACROSS / _side(box))
    large = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    fx, fy = large.shape[1] / image.shape[1], large.shape[0] / image.shape[0]
    soft = cv2.GaussianBlur(large, (0, 0), SHARP_SIGMA * _side(box) * scale)
    sharp = cv2.addWeighted(large, 1 + SHARP_AMOUNT, soft, -SHARP_AMOUNT, 0)
    return sharp, Box(box.x1 * fx, box.y1 * fy, box.x2 * fx, box.y2 * fy)


def _white_balance(
    gains: tuple[float, float, float], image: Image, box: Box, _random: Random
) -> tuple[Image, Box]:
    return _rounded(image * np.array(gains)), box


def _night(image: Image, box: Box, random: Random) -> tuple[Image, Box]:
    """Headlights on a reflecting sign: too bright in the middle, spilling over, dark around it."""
    rows, columns = image.shape[:2]
    x, y = box.centre
    away = np.hypot((np.arange(columns) + 0.5 - x)[None, :], (np.arange(rows) + 0.5 - y)[:, None])
    beam = np.exp(-((away / (BEAM_WIDTH * _side(box))) ** 4))[..., None]  # flat, then falls fast
    light = (image.astype(np.float32) / 255) ** GAMMA
    inside = light[np.broadcast_to(beam > 0.5, light.shape)]
    gain = GLARE / max(float(np.percentile(inside, 95)) if inside.size else 1.0, 0.01)
    light = (light * (NIGHT + (gain - NIGHT) * beam)).astype(np.float32)
    spilt = np.clip(light - BLOOM_FROM, 0, 1)
    light += BLOOM * cv2.GaussianBlur(spilt, (0, 0), max(0.5, BLOOM_WIDTH * _side(box)))
    noise = NIGHT_NOISE * random.standard_normal(image.shape)
    return _rounded(255 * (np.minimum(light, 1) ** (1 / GAMMA) + noise)), box


def _jpeg(image: Image, box: Box, _random: Random) -> tuple[Image, Box]:
    _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return cv2.imdecode(packed, cv2.IMREAD_COLOR), box


def _h264(image: Image, box: Box, _random: Random) -> tuple[Image, Box]:
    """Encoded as the first picture of a starved video stream, and decoded again."""
    rows, columns = image.shape[:2]
    whole = cv2.copyMakeBorder(image, 0, -rows % BLOCK, 0, -columns % BLOCK, cv2.BORDER_REPLICATE)
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height = whole.shape[1], whole.shape[0]
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 30)
    encoder.options = {"crf": H264_CRF, "preset": "veryfast", "tune": "zerolatency"}
    encoder.thread_count = 1
    frame = av.VideoFrame.from_ndarray(whole, "bgr24")
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    frames = [each for packet in [*packets, None] for each in decoder.decode(packet)]
    decoded = frames[0].to_ndarray(format="bgr24")
    return np.ascontiguousarray(decoded[:rows, :columns]), box


def _faded(image: Image, box: Box, _random: Random) -> tuple[Image, Box]:
    saturation, contrast, grey = FADED
    plain = image.mean(axis=2, keepdims=True)
    pale = plain + (image - plain) * saturation
    return _rounded(grey + (pale - grey) * contrast), box


def _scratched(image: Image, box: Box, random: Random) -> tuple[Image, Box]:
    """Scratches and flakes of paint, light or dark, all over the box."""
    rows, columns = image.shape[:2]
    scale = int(np.ceil(FINE_ACROSS / _side(box)))
    out = np.repeat(np.repeat(image, scale, axis=0), scale, axis=1)
    corner = scale * np.array([box.x1, box.y1])
    size, side = scale * np.array([box.width, box.height]), scale * _side(box)
    thickness = max(1, round(SCRATCH_WIDTH * side))
    for _ in range(SCRATCHES):
        start = corner + size * random.uniform(0, 1, 2)
        angle, length = random.uniform(0, np.pi), random.uniform(0.2, 0.6) * side
        end = start + length * np.array([np.cos(angle), np.sin(angle)])
        ends = np.array([start, end]).astype(int).tolist()
        cv2.line(out, *ends, _paint(random), thickness, cv2.LINE_AA)
    for _ in range(FLAKES):
        centre = (corner + size * random.uniform(0, 1, 2)).astype(int).tolist()
        axes = (random.uniform(*FLAKE_SIZE, 2) * side).astype(int).tolist()
        angle = random.uniform(0, 180)
        cv2.ellipse(out, centre, axes, angle, 0, 360, _paint(random), -1, cv2.LINE_AA)
    return cv2.resize(out, (columns, rows), interpolation=cv2.INTER_AREA), box


def _tilted(image: Image, box: Box, random: Random) -> tuple[Image, Box]:
    angle = TILT * random.choice((-1, 1))
    matrix = cv2.getRotationMatrix2D(box.centre, angle, 1.0)
    size = image.shape[1], image.shape[0]
    return cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE), box


def _perspective(image: Image, box: Box, random: Random) -> tuple[Image, Box]:
    """A sign seen from the left or the right; its box is what it then takes up."""
    x, y = box.centre
    half, tall = NARROWED * box.width / 2, box.height / 2
    left, right = random.permutation([1.0, FAR_EDGE])
    corners = [(box.x1, box.y1), (box.x2, box.y1), (box.x2, box.y2), (box.x1, box.y2)]
    goals = [
        *((x - half, y - left * tall), (x + half, y - right * tall)),
        *((x + half, y + right * tall), (x - half, y + left * tall)),
    ]
    matrix = cv2.getPerspectiveTransform(np.float32(corners), np.float32(goals))
    size = image.shape[1], image.shape[0]
    seen = cv2.warpPerspective(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return seen, Box(x - half, box.y1, x + half, box.y2)


def _paint(random: Random) -> tuple[float, float, float]:
    """Bare metal or dirt, grey with a tint."""
    grey = random.choice((random.uniform(30, 80), random.uniform(170, 220)))
    blue, green, red = grey + random.uniform(-15, 15, 3)
    return blue, green, red


def _rounded(values: Floats) -> Image:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _side(box: Box) -> float:
    return max(box.width, box.height, 1.0)


def _moved(box: Box, x: float, y: float) -> Box:
    return Box(box.x1 + x, box.y1 + y, box.x2 + x, box.y2 + y)


VARIATIONS = {
    "as_it_is": Variation("the data set's own", _as_it_is),
    "no_margin": Variation("cropped to the edge of the sign", _as_it_is, NO_MARGIN),
    "wide_margin": Variation(f"{WIDE_MARGIN:.0%} of margin", _as_it_is, WIDE_MARGIN),
    "off_centre": Variation(f"moved by {OFF_CENTRE:.0%} in any direction", _off_centre),
    "sharp": Variation(f"{SHARP_ACROSS} px across and sharpened", _sharp),
    "warm": Variation(f"gains of B, G, R {WARM}", partial(_white_balance, WARM)),
    "cool": Variation(f"gains of B, G, R {COOL}", partial(_white_balance, COOL)),
    "night": Variation("headlights on the sign, blooming, the rest dark", _night),
    "jpeg": Variation(f"JPEG of quality {JPEG_QUALITY}", _jpeg),
    "h264": Variation(f"H.264, libx264 with crf {H264_CRF}", _h264),
    "faded": Variation("paint bleached by the sun", _faded),
    "scratched": Variation(f"{SCRATCHES} scratches and {FLAKES} flakes", _scratched),
    "tilted": Variation(f"turned by {TILT:.0f}° to either side", _tilted),
    "perspective": Variation(f"seen from the side, {NARROWED:.0%} as wide", _perspective),
}
