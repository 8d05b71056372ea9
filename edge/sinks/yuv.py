"""A picture as an H.264 encoder wants it: of one size, even, in YUV."""

from __future__ import annotations

from typing import Any

import av
import cv2
import numpy as np

from edge.core import Image


def fitted(picture: Image, size: tuple[int, int]) -> Image:
    """A picture scaled into (width, height), with black bars where its shape is another.

    The same array if it has that size already.
    """
    width, height = size
    rows, columns = picture.shape[:2]
    if (columns, rows) == size:
        return picture
    scale = min(width / columns, height / rows)
    inner = max(1, round(columns * scale)), max(1, round(rows * scale))
    whole = np.zeros((height, width, 3), np.uint8)
    x, y = (width - inner[0]) // 2, (height - inner[1]) // 2
    scaled = cv2.resize(picture, inner, interpolation=cv2.INTER_AREA)
    whole[y : y + inner[1], x : x + inner[0]] = scaled
    return whole


def to_yuv(picture: Image) -> av.VideoFrame:
    """A BGR picture in 4:2:0; an odd row or column is doubled to make it even.

    OpenCV's conversion costs a quarter of libswscale's. It uses the matrix of BT.601, video range,
    which the file has to say.
    """
    bottom, right = picture.shape[0] % 2, picture.shape[1] % 2
    even: Any = picture
    if bottom or right:
        even = cv2.copyMakeBorder(picture, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    planes: Any = cv2.cvtColor(even, cv2.COLOR_BGR2YUV_I420)
    return av.VideoFrame.from_ndarray(planes, "yuv420p")
