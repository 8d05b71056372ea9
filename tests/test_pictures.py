"""Pictures of every kind, whole and broken, in natural order."""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest
from media import (
    HEIGHT,
    WIDTH,
    corner_colours,
    noise,
    quarters,
    read,
    times_of,
)
from PIL import Image as Pillow

from edge.core import Image
from edge.sources import SourceOptions, open_source
from edge.sources.pictures import decode_picture, natural_key
from models.errors import SourceError
from tests.waiting import PATIENCE_S


def write_pictures(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        assert cv2.imwrite(str(folder / name), quarters())


def test_a_folder_gives_its_pictures_in_natural_order_each_a_segment(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["10.png", "9.jpg", "a2.ppm", "a10.bmp", "B1.webp"])
    (tmp_path / "gt.txt").write_text("no picture")
    (tmp_path / "._9.jpg").write_bytes(b"left by a desktop")
    (tmp_path / "folder.jpg").mkdir()

    info, frames = read(tmp_path)

    names = [Path(frame.name).name for frame in frames]
    assert names == ["9.jpg", "10.png", "a2.ppm", "a10.bmp", "B1.webp"]
    assert [frame.segment for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert times_of(frames) == [0, 1, 2, 3, 4]
    assert (info.stills, info.live, info.frames, info.size) == (True, False, 5, (WIDTH, HEIGHT))
    for frame in frames:
        assert corner_colours(frame.image) == ["red", "green", "blue", "white"]


def test_a_pattern_gives_what_matches(tmp_path: Path) -> None:
    (tmp_path / "00014").mkdir()
    write_pictures(tmp_path, ["a1.png", "b1.png", "00014/a2.png"])

    assert [Path(f.name).name for f in read(tmp_path / "a*.png")[1]] == ["a1.png"]
    assert len(read(tmp_path / "**/*.png")[1]) == 3


def test_a_single_picture_is_a_source(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["Straße.JPG"])

    info, (frame,) = read(tmp_path / "Straße.JPG")

    assert info.stills
    assert 0 < info.health().since <= time.monotonic()  # since it was opened
    assert frame.name == str(tmp_path / "Straße.JPG")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["10", "9", "009", "1"], ["1", "009", "9", "10"]),
        (["b2", "a10", "a2"], ["a2", "a10", "b2"]),
        (["x", "1x", "x1"], ["1x", "x", "x1"]),
        (["²", "1"], ["1", "²"]),
    ],
)
def test_numbers_in_names_sort_by_value(names: list[str], expected: list[str]) -> None:
    assert [p.name for p in sorted(map(Path, names), key=natural_key)] == expected


@pytest.mark.parametrize(
    ("image", "name"),
    [
        (np.full((8, 8), 200, np.uint8), "grey.png"),
        (np.full((8, 8), 200 * 257, np.uint16), "grey16.png"),
        (np.full((8, 8, 3), 200 * 257, np.uint16), "colour16.png"),
        (np.full((8, 8, 4), 200, np.uint8), "alpha.png"),
        (np.full((8, 8), 200, np.uint8), "grey.pgm"),
        (np.full((8, 8, 3), 200 * 257, np.uint16), "colour16.tiff"),
    ],
)
def test_every_kind_of_picture_becomes_8_bit_bgr(tmp_path: Path, image: Image, name: str) -> None:
    assert cv2.imwrite(str(tmp_path / name), image)

    _, (frame,) = read(tmp_path / name)

    assert frame.image.dtype == np.uint8
    assert frame.image.shape == (8, 8, 3)
    assert frame.image.flags.c_contiguous
    assert set(frame.image.flat) == {200}


def test_a_picture_is_turned_as_its_exif_says(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    Pillow.fromarray(quarters()[:, :, ::-1]).save(tmp_path / "a.jpg", exif=exif, quality=95)

    info, (frame,) = read(tmp_path / "a.jpg")

    assert info.size == (HEIGHT, WIDTH)
    assert corner_colours(frame.image) == ["blue", "red", "white", "green"]


def broken_png() -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(noise(0)).save(buffer, "png")
    return buffer.getvalue()[:60]


def unreadable_dds() -> bytes:
    """A kind that OpenCV does not know, with a pixel format that Pillow does not know."""
    buffer = io.BytesIO()
    Pillow.new("RGB", (64, 64)).save(buffer, "dds")
    data = bytearray(buffer.getvalue())
    data[80:84] = bytes(4)
    return bytes(data)


BROKEN = [
    b"",
    b"no picture at all",
    broken_png(),
    unreadable_dds(),
    b"P6\n-1 -1\n255\n",
    b"\x89PNG\r\n\x1a\n",
]


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_picture_alone_is_an_error(
    tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.png").write_bytes(content)

    with pytest.raises(SourceError, match=r"a\.png (is empty|is not a picture|cannot be decoded)"):
        open_source(str(tmp_path / "a.png"))
    assert capfd.readouterr() == ("", "")


def test_a_broken_picture_among_others_is_skipped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_pictures(tmp_path, ["1.png", "3.png"])
    (tmp_path / "0.png").write_bytes(b"")
    (tmp_path / "2.png").write_bytes(b"no picture at all")

    _, frames = read(tmp_path)

    assert [(frame.index, frame.segment) for frame in frames] == [(1, 1), (3, 3)]
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 3
    assert "0.png is empty" in caplog.text
    assert "2.png is not a picture" in caplog.text
    assert "2 of 4 pictures could not be read" in caplog.text


def test_a_picture_of_a_kind_without_a_known_suffix_is_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_pictures(tmp_path, ["1.jpg", "4.jpg"])
    (tmp_path / "2.png").write_bytes(unreadable_dds())
    Pillow.new("RGB", (64, 64)).save(tmp_path / "3.png", "tga")

    _, frames = read(tmp_path)

    assert [frame.index for frame in frames] == [0, 3]
    for name in ("2.png", "3.png"):
        assert f"{name} is not a picture: expected BMP, JPEG, PNG, PPM, TIFF, WEBP" in caplog.text


def test_a_header_that_its_reader_does_not_know_is_an_error() -> None:
    with pytest.raises(SourceError, match="a cannot be decoded"):
        decode_picture(unreadable_dds(), "a", 10_000, ("DDS",))


def test_a_jpeg_of_several_pictures_gives_its_first(tmp_path: Path) -> None:
    first, second = Pillow.fromarray(quarters()[:, :, ::-1]), Pillow.new("RGB", (8, 8))
    first.save(tmp_path / "a.jpg", "mpo", save_all=True, append_images=[second], quality=95)

    _, (frame,) = read(tmp_path / "a.jpg")

    assert corner_colours(frame.image) == ["red", "green", "blue", "white"]


def test_a_folder_of_nothing_but_broken_pictures_is_an_error(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(b"")

    with pytest.raises(SourceError, match=r"none of the 3 pictures .* can be read"):
        open_source(str(tmp_path))


def test_a_folder_or_pattern_without_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no pictures in .*expected \.bmp"):
        open_source(str(tmp_path))
    with pytest.raises(SourceError, match="matches nothing: expected pictures"):
        open_source(str(tmp_path / "*.png"))
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SourceError, match="matches 1 other files: expected pictures"):
        open_source(str(tmp_path / "*"))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "side", [1000, 12_000, 60_000]
)  # Pillow warns at the second, raises at the third
def test_a_huge_picture_is_refused_by_its_header(tmp_path: Path, side: int) -> None:
    (tmp_path / "bomb.ppm").write_bytes(b"P6\n%d %d\n255\n" % (side, side))

    with pytest.raises(SourceError, match=r"bomb\.ppm is too large: .*expected at most") as told:
        open_source(str(tmp_path / "bomb.ppm"), SourceOptions(max_pixels=999_999))
    assert "DOS" not in str(told.value)  # Pillow's words would frighten, and name another limit


def test_closing_early_ends_the_reading_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.handover.ABANDON_S", PATIENCE_S)
    write_pictures(tmp_path, [f"{number}.png" for number in range(20)])
    before = set(threading.enumerate())
    _, source = open_source(str(tmp_path))
    next(source)

    source.close()

    assert set(threading.enumerate()) <= before
