"""The pixel code that training, calibration and the device share: the same pixels everywhere."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
GREY = 114  # the colour of padding
CROP_SIZE = 48  # px, what the classifier sees of a sign …
CROP_MARGIN = 0.1  # … with this share of its longer side around it


class Letterbox(NamedTuple):
    """How a picture lies inside a letterboxed one: `inside = outside · scale + (left, top)`."""

    scale: float
    left: int
    top: int


def letterbox(image: Image, width: int, height: int) -> tuple[Image, Letterbox]:
    """The whole picture, BGR (H, W, 3), fitted into RGB (height, width, 3), padded with grey.

    The picture is centred. Bilinear without a low-pass filter, as the detector was trained.
    """
    rows, columns = image.shape[:2]
    scale = min(width / columns, height / rows)
    fit_x, fit_y = max(1, round(columns * scale)), max(1, round(rows * scale))
    left, top = (width - fit_x) // 2, (height - fit_y) // 2
    small = image
    if (fit_x, fit_y) != (columns, rows):
        small = _resize(image, (fit_x, fit_y))
    if (fit_x, fit_y) == (width, height):
        return cv2.cvtColor(small, cv2.COLOR_BGR2RGB), Letterbox(scale, 0, 0)  # type: ignore[return-value]
    out = np.empty((height, width, 3), np.uint8)
    for border in (out[:top], out[top + fit_y :], out[:, :left], out[:, left + fit_x :]):
        border[:] = GREY
    cv2.cvtColor(small, cv2.COLOR_BGR2RGB, dst=out[top : top + fit_y, left : left + fit_x])
    return out, Letterbox(scale, left, top)


def _resize(image: Image, size: tuple[int, int]) -> Image:
    """Bilinear, by Intel's own code where OpenCV holds it (IPP, on x86): twice as quick.

    Its values are cut off where OpenCV's are rounded, so that some are one level darker.
    """
    before = cv2.ipp.useIPP_NotExact()
    cv2.ipp.setUseIPP_NotExact(True)  # of this thread
    try:
        return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
    finally:
        cv2.ipp.setUseIPP_NotExact(before)


class Patch(NamedTuple):
    """The pixels that a crop is made of, BGR, and where its square lies among them, in pixels."""

    image: Image
    left: float
    top: float
    side: float

    def crop(self, size: int) -> Image:
        """RGB (size, size, 3). Outside of the picture the border pixels repeat."""
        scale = size / self.side
        # Pixel centres: destination pixel 0.5 looks at source left + 0.5 / scale.
        matrix = np.array(
            [
                [scale, 0, (0.5 - self.left) * scale - 0.5],
                [0, scale, (0.5 - self.top) * scale - 0.5],
            ]
        )
        out = cv2.warpAffine(
            self.image, matrix, (size, size), flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        return cv2.cvtColor(out, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def crop(image: Image, box: tuple[float, float, float, float], size: int, margin: float) -> Image:
    """The square around a box, BGR (H, W, 3) to RGB (size, size, 3).

    The square is centred on the box; its side is the box's longer side times `1 + 2 · margin`.
    Outside of the picture the border pixels repeat. A box without area gives one pixel, enlarged.
    """
    return patch(image, box, size, margin).crop(size)


def _bounded(value: float, least: int, most: int) -> int:
    return int(min(max(value, least), most))


def patch(image: Image, box: tuple[float, float, float, float], size: int, margin: float) -> Patch:
    """What `crop` makes its square of: a part of the picture (no copy), averaged down where the
    square is over twice too large.

    Bilinear sampling alone would skip pixels there. Whole factors only, so that the grid of the
    reduced picture lies exactly on that of the full one.
    """
    left, top, right, bottom = box
    side = max(right - left, bottom - top, 1.0) * (1 + 2 * margin)
    left, top = (left + right - side) / 2, (top + bottom - side) / 2
    rows, columns = image.shape[:2]
    factor = int(side / size)
    pad = max(2, factor)
    x1, y1 = _bounded(left - pad, 0, columns - 1), _bounded(top - pad, 0, rows - 1)
    x2 = _bounded(ceil(left + side + pad), x1 + 1, columns)
    y2 = _bounded(ceil(top + side + pad), y1 + 1, rows)
    part = image[y1:y2, x1:x2]
    left, top = left - x1, top - y1
    if factor < 2:
        return Patch(part, left, top, side)
    out_x, out_y = max(1, part.shape[1] // factor), max(1, part.shape[0] // factor)
    part = part[: out_y * factor, : out_x * factor]
    small = cast(Image, cv2.resize(part, (out_x, out_y), interpolation=cv2.INTER_AREA))
    return Patch(small, left / factor, top / factor, side / factor)
