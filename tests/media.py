"""Real pictures and video files for the tests, and how to read them through a source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from edge.core import Frame, Image
from edge.sources import SourceInfo, SourceOptions, open_source

WIDTH, HEIGHT = 64, 48


def quarters(size: tuple[int, int] = (WIDTH, HEIGHT)) -> Image:
    """Red, green, blue, white: top left, top right, bottom left, bottom right."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = (0, 0, 255)
    image[: height // 2, width // 2 :] = (0, 255, 0)
    image[height // 2 :, : width // 2] = (255, 0, 0)
    image[height // 2 :, width // 2 :] = (255, 255, 255)
    return image


def corner_colours(image: Image) -> list[str]:
    """The names of the four corners of a picture of `quarters`, in its order."""
    height, width = image.shape[:2]
    names = {(0, 0, 1): "red", (0, 1, 0): "green", (1, 0, 0): "blue", (1, 1, 1): "white"}
    rows, columns = (height // 4, 3 * height // 4), (width // 4, 3 * width // 4)
    return [names[tuple(image[y, x] > 127)] for y in rows for x in columns]  # type: ignore[index]


def write_video(
    path: Path,
    times: Sequence[Fraction],
    rate: Fraction | int = 25,
    picture: Callable[[int], Image] = lambda _: quarters(),
    options: dict[str, str] | None = None,
    pixel: Fraction | int = 1,
) -> Path:
    """An H.264 file with one frame at each of these seconds, of pixels so wide for their height."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height = picture(0).shape[1], picture(0).shape[0]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.sample_aspect_ratio = pixel
        stream.options = {"g": "5", "crf": "20"}
        stream.codec_context.time_base = Fraction(1, 90000)
        for index, seconds in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(index), "bgr24")
            frame.time_base = Fraction(1, 90000)
            frame.pts = round(seconds * 90000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def steady(count: int, rate: Fraction | int = 25) -> list[Fraction]:
    return [index / Fraction(rate) for index in range(count)]


def noise(index: int) -> Image:
    """A picture that does not compress, so that each frame takes its share of the file."""
    return np.random.default_rng(index).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def read(text: str | Path, options: SourceOptions | None = None) -> tuple[SourceInfo, list[Frame]]:
    info, source = open_source(str(text), options)
    try:
        return info, list(source)
    finally:
        source.close()


def times_of(frames: Iterable[Frame]) -> list[float]:
    return [frame.time for frame in frames]
