"""What FFmpeg has decoded, as pictures: BGR, upright, in one size."""

from __future__ import annotations

import logging
from typing import Any, cast

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from edge.core import Image

log = logging.getLogger(__name__)

_COVER = 0x400  # AV_DISPOSITION_ATTACHED_PIC
_OBLONG = 4.0  # the widest pixels that are believed
_FPS = 25.0  # for a stream that names no rate

# One decoding thread up to this size. It is quick enough, costs the same CPU time, and with more
# FFmpeg hands a damaged frame out before it is known to be damaged, once in twenty-five times.
_ONE_THREAD_PIXELS = 1920 * 1088


class PictureMaker:
    """Decoded frames to BGR: all in the size of the first, with square pixels, and upright as its
    matrix says.

    `pixel` is how wide the stream's pixels are for their height (`pixel_shape`). A camera's stream
    has no such matrix. PyAV's frame and the side data that it is looked up in
    hold on to each other, and so to the decoder's memory, until Python next collects its garbage;
    a stream that drops out again and again leaves hundreds of megabytes that way.
    """

    def __init__(self, pixel: float = 1.0, has_matrix: bool = True) -> None:
        self._pixel = pixel
        self._has_matrix = has_matrix
        self._reformatter = VideoReformatter()
        self._size: tuple[int, int] | None = None
        self._matrix = (1, 0, 0, 1)

    def __call__(self, decoded: av.VideoFrame) -> Image:
        if self._size is None:
            wide, high = max(self._pixel, 1.0), max(1 / self._pixel, 1.0)
            self._size = round(decoded.width * wide), round(decoded.height * high)
            if self._has_matrix:
                self._matrix = display_matrix(decoded)
        width, height = self._size
        # Where nothing is scaled, the quickest filter loses nothing.
        same = (width, height) == (decoded.width, decoded.height)
        bgr = self._reformatter.reformat(
            decoded,
            width,
            height,
            "bgr24",
            interpolation="FAST_BILINEAR" if same else "BILINEAR",
            threads=1,  # its default are several, which only cost: the detector needs them
        )
        plane = bgr.planes[0]
        rows = np.frombuffer(cast(Any, plane), np.uint8).reshape(-1, plane.line_size)
        image = np.ascontiguousarray(rows[:height, : 3 * width]).reshape(height, width, 3)
        return turn_upright(image, self._matrix)


def pixel_shape(stream: av.VideoStream) -> float:
    """How wide its pixels are for their height: not 1 for DV, DVD and many analogue recorders.

    1 where the stream does not say, or says what no recorder makes.
    """
    ratio = float(stream.sample_aspect_ratio or 1)
    return ratio if 1 / _OBLONG <= ratio <= _OBLONG else 1.0


def display_matrix(decoded: av.VideoFrame) -> tuple[int, int, int, int]:
    """(a, b, c, d) of the display matrix, each -1, 0 or 1; the identity if there is none.

    x' = a·x + c·y and y' = b·x + d·y, ISO/IEC 14496-12, 6.2.2; quarter turns and mirrors only.
    """
    side_data = cast(Any, decoded.side_data).get("DISPLAYMATRIX")
    if side_data is not None:
        values = np.frombuffer(side_data, np.int32)[[0, 1, 3, 4]] / 65536  # 16.16 fixed point
        a, b, c, d = (round(float(value)) for value in values)
        if a * a + b * b == 1 and (c, d) in ((-b, a), (b, -a)):
            return a, b, c, d
        log.warning("the video is turned by an angle that is no quarter turn: left as it is")
    return 1, 0, 0, 1


def turn_upright(image: Image, matrix: tuple[int, int, int, int]) -> Image:
    """The picture as the display matrix means it to be seen; the same array if it already is."""
    a, b, c, d = matrix
    if a == 0:  # a quarter turn: columns become rows
        image = cast(Image, cv2.transpose(image))
        a, d = c, b
    if a < 0 and d < 0:
        return cast(Image, cv2.flip(image, -1))
    if a < 0:
        return cast(Image, cv2.flip(image, 1))
    if d < 0:
        return cast(Image, cv2.flip(image, 0))
    return image


def decoding_threads(width: int, height: int) -> int:
    """How many threads suit pictures of that size; 0: one a core."""
    return 1 if width * height <= _ONE_THREAD_PIXELS else 0


def mean_rate(stream: av.VideoStream) -> float:
    """Frames per second on average, or the nominal rate; cut files can claim nonsense."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate is not None and rate.denominator and 0.01 < float(rate) < 1000:
            return float(rate)
    return _FPS


def moving(container: av.container.InputContainer) -> list[av.VideoStream]:
    """Its video streams without the covers of albums; PyAV 12 does not tell those apart."""
    return [stream for stream in container.streams.video if not _is_cover(stream)]


def _is_cover(stream: av.VideoStream) -> bool:
    disposition = getattr(stream, "disposition", 0)
    return bool(int(getattr(disposition, "value", disposition)) & _COVER)  # PyAV 14 has an enum
