"""Real video files and pictures, whole and broken: the right frames at the right times."""

from __future__ import annotations

import io
import logging
import struct
import threading
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from edge import sources
from edge.core import Frame, Image
from edge.sources import SourceInfo, SourceOptions, open_source
from edge.sources.containers import file_extent
from edge.sources.pictures import natural_key
from edge.sources.recorded import PresentationClock, turn_upright
from models.errors import SourceError

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
) -> Path:
    """An H.264 file with one frame at each of these seconds."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height = picture(0).shape[1], picture(0).shape[0]
        stream.pix_fmt = "yuv420p"
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


# --- video: time ---


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_frames_come_at_their_presentation_times(tmp_path: Path, rate: Fraction) -> None:
    path = write_video(tmp_path / "a.mp4", steady(12, rate), rate)

    info, frames = read(path)

    assert times_of(frames) == pytest.approx([float(t) for t in steady(12, rate)], abs=1e-4)
    assert [frame.index for frame in frames] == list(range(12))
    assert {frame.segment for frame in frames} == {0}
    assert info == SourceInfo(str(path), False, False, 12, (WIDTH, HEIGHT), pytest.approx(rate))


def test_a_variable_rate_keeps_its_uneven_times(tmp_path: Path) -> None:
    times = [Fraction(t, 1000) for t in (0, 40, 50, 200, 1000, 1033, 2500)]

    _, frames = read(write_video(tmp_path / "a.mkv", times))

    assert times_of(frames) == pytest.approx([float(t) for t in times], abs=1e-3)


def test_time_starts_at_the_first_frame(tmp_path: Path) -> None:
    times = [t + 5 for t in steady(5)]

    _, frames = read(write_video(tmp_path / "a.mkv", times))

    assert times_of(frames) == pytest.approx([0, 0.04, 0.08, 0.12, 0.16], abs=1e-3)


@pytest.mark.parametrize(
    ("stamps", "expected", "segments"),
    [
        ([7.0, 7.5, 8.0], [0, 0.5, 1.0], [0, 0, 0]),
        ([None, None, None], [0, 0.1, 0.2], [0, 0, 0]),
        ([3.0, None, 3.2], [0, 0.1, 0.2], [0, 0, 0]),
        ([0.0, 0.1, 0.1, 0.2], [0, 0.1, 0.101, 0.2], [0, 0, 0, 0]),
        ([0.0, 0.5, 0.4, 0.6], [0, 0.5, 0.501, 0.6], [0, 0, 0, 0]),
        ([90.0, 95.0, 10.0, 10.5], [0, 5.0, 5.1, 5.6], [0, 0, 1, 1]),
    ],
    ids=["offset", "no stamps", "one missing", "standing still", "swapped", "jump back"],
)
def test_time_always_rises(
    stamps: list[float | None], expected: list[float], segments: list[int]
) -> None:
    clock = PresentationClock(step=0.1)

    told = [(clock(stamp), clock.segment) for stamp in stamps]

    assert [time for time, _ in told] == pytest.approx(expected)
    assert [segment for _, segment in told] == segments


# --- video: pixels ---


def test_pictures_are_bgr_in_rows_without_gaps(tmp_path: Path) -> None:
    odd = (70, 46)  # rows of 210 bytes, which FFmpeg pads
    path = write_video(tmp_path / "a.mp4", steady(1), picture=lambda _: quarters(odd))

    _, (frame,) = read(path)

    assert frame.image.shape == (46, 70, 3)
    assert frame.image.dtype == np.uint8
    assert frame.image.flags.c_contiguous
    assert corner_colours(frame.image) == ["red", "green", "blue", "white"]
    assert np.abs(frame.image[5, 5].astype(int) - (0, 0, 255)).max() < 20


def test_frames_do_not_share_their_memory(tmp_path: Path) -> None:
    def grey(index: int) -> Image:
        return np.full((HEIGHT, WIDTH, 3), 40 * index, np.uint8)

    _, frames = read(write_video(tmp_path / "a.mp4", steady(6), picture=grey))

    levels = [frame.image.mean() for frame in frames]
    assert levels == pytest.approx([0, 40, 80, 120, 160, 200], abs=4)


# x' = a·x + c·y, y' = b·x + d·y: where each corner of `quarters` ends up.
TURNS = {
    (1, 0, 0, 1): ["red", "green", "blue", "white"],
    (0, 1, -1, 0): ["blue", "red", "white", "green"],  # a quarter clockwise, as phones write it
    (-1, 0, 0, -1): ["white", "blue", "green", "red"],
    (0, -1, 1, 0): ["green", "white", "red", "blue"],  # a quarter the other way
    (-1, 0, 0, 1): ["green", "red", "white", "blue"],  # mirrored
    (1, 0, 0, -1): ["blue", "white", "red", "green"],
    (0, 1, 1, 0): ["red", "blue", "green", "white"],  # across the diagonal
    (0, -1, -1, 0): ["white", "green", "blue", "red"],
}


@pytest.mark.parametrize(("matrix", "expected"), TURNS.items())
def test_pictures_are_turned_upright(
    matrix: tuple[int, int, int, int], expected: list[str]
) -> None:
    assert corner_colours(turn_upright(quarters(), matrix)) == expected


@pytest.mark.parametrize("matrix", [(0, 1, -1, 0), (0, -1, 1, 0), (-1, 0, 0, -1)])
def test_the_rotation_that_a_phone_writes_is_applied(
    tmp_path: Path, matrix: tuple[int, int, int, int]
) -> None:
    path = write_video(tmp_path / "a.mp4", steady(2))
    data = bytearray(path.read_bytes())
    a, b, c, d = (value << 16 for value in matrix)
    start = data.index(b"tkhd") + 44  # ISO/IEC 14496-12, 8.3.2, version 0
    data[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)

    info, frames = read(path)

    height, width = (WIDTH, HEIGHT) if matrix[0] == 0 else (HEIGHT, WIDTH)
    assert info.size == (width, height)
    for frame in frames:
        assert frame.image.shape == (height, width, 3)
        assert frame.image.flags.c_contiguous
        assert corner_colours(frame.image) == TURNS[matrix]


# --- video: broken ---


def test_an_mp4_whose_end_is_missing_says_that_its_index_is(tmp_path: Path) -> None:
    path = cut(write_video(tmp_path / "a.mp4", steady(20), picture=noise), 0.6)

    with pytest.raises(SourceError, match=r"a\.mp4 is cut off: its index .* never written"):
        open_source(str(path))


CONTAINERS = [
    ("a.mp4", {"movflags": "faststart"}),
    ("a.mp4", {"movflags": "frag_keyframe+empty_moov"}),
    ("a.mkv", {}),
    ("a.mkv", {"live": "1"}),
    ("a.ts", {}),
]


@pytest.mark.parametrize("share", [0.35, 0.5, 0.81])
@pytest.mark.parametrize(("name", "options"), CONTAINERS)
def test_a_video_that_is_cut_off_gives_all_before_the_cut(
    tmp_path: Path,
    name: str,
    options: dict[str, str],
    share: float,
    caplog: pytest.LogCaptureFixture,
) -> None:
    count = 100
    path = write_video(tmp_path / name, steady(count), picture=noise, options=options)
    whole = read(path)[1]
    assert not caplog.records

    _, frames = read(cut(path, share))

    # Noise takes the same room in every frame, give or take a key frame and the headers.
    assert share * count - 8 < len(frames) < share * count + 3
    for frame, original in zip(frames, whole, strict=False):
        assert frame.time == pytest.approx(original.time, abs=1e-3)
        assert np.array_equal(frame.image, original.image)
    (warning,) = caplog.records
    assert f"is cut off: it ends at {frames[-1].time:.2f} s" in warning.getMessage()


def test_the_warning_says_how_long_the_video_should_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_video(
        tmp_path / "a.mp4", steady(100), picture=noise, options={"movflags": "faststart"}
    )

    read(cut(path, 0.5))

    assert "of 4.00 s; everything before was read" in caplog.text


def test_damage_in_the_middle_is_counted_and_the_rest_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_video(tmp_path / "a.mp4", steady(60), picture=noise)
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux() if packet.size][30]
    data = bytearray(path.read_bytes())
    data[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    path.write_bytes(data)

    _, frames = read(path)

    missing = sorted(set(range(60)) - {frame.index for frame in frames})
    assert 1 <= len(missing) <= 5
    assert frames[-1].time == pytest.approx(59 / 25, abs=1e-3)
    (warning,) = caplog.records
    assert f"is damaged: {len(missing)} of its frames were left out" in warning.getMessage()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("zero.mp4", b"", r"zero\.mp4 is empty: expected a video, found 0 bytes"),
        ("text.mp4", b"just some words\n" * 200, r"text\.mp4 is not a video that can be read"),
        ("notes.txt", b"just some words\n" * 200, r"notes\.txt is not a video that can be read"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://localhost/a.ts\n", "is not a video"),
        ("head.mp4", b"\0\0\0\x18ftypisom", r"head\.mp4 is cut off"),
        ("tiny.mkv", b"\x1a\x45\xdf\xa3", r"tiny\.mkv is not a video"),
    ],
)
def test_what_is_no_video_is_an_error(
    tmp_path: Path, name: str, content: bytes, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(SourceError, match=message):
        open_source(str(path))
    assert capfd.readouterr() == ("", "")


def test_a_file_with_sound_alone_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    with pytest.raises(SourceError, match=r"song\.mp4 has no video in it: found audio"):
        open_source(str(path))


def test_a_video_above_the_pixel_cap_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", steady(1))

    assert len(read(path, SourceOptions(max_pixels=WIDTH * HEIGHT))[1]) == 1
    with pytest.raises(SourceError, match=r"too large: 64 × 48 pixels, expected at most 0\.003071"):
        open_source(str(path), SourceOptions(max_pixels=WIDTH * HEIGHT - 1))


def test_a_path_that_is_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        open_source(str(tmp_path / "absent.mp4"))
    with pytest.raises(SourceError, match="neither a file nor a folder"):
        open_source("/dev/null")


def test_closing_early_ends_the_decoding_thread(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", steady(50))
    before = set(threading.enumerate())
    _, source = open_source(str(path))
    next(source)

    source.close()

    assert set(threading.enumerate()) <= before
    assert list(source) == []


def test_the_demo_is_the_drive_in_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "DEMO", tmp_path / "drive.mp4")
    with pytest.raises(SourceError, match="the demo drive is not there"):
        open_source("demo:")

    write_video(tmp_path / "drive.mp4", steady(3))
    assert len(read("demo:")[1]) == 3


@pytest.mark.parametrize(
    ("content", "is_cut"),
    [
        (b"\0\0\0\x08ftyp\0\0\0\x08moov", False),
        (b"\0\0\0\x08moov\0\0\0\x01mdat" + struct.pack(">Q", 20) + b"1234", False),
        (b"\0\0\0\x08moov\0\0\0\x01mdat" + struct.pack(">Q", 21) + b"1234", True),
        (b"\0\0\0\x08moov\0\0\0\0mdat1234", False),
        (b"\0\0\0\x08moov\0\0\0", True),
        (b"\x1a\x45\xdf\xa3\x81x\x18\x53\x80\x67\x82ab", False),
        (b"\x1a\x45\xdf\xa3\x81x\x18\x53\x80\x67\x83ab", True),
        (b"\x1a\x45\xdf\xa3\x81x\x18\x53\x80\x67\xff\xec\x82ab", False),
        (b"\x1a\x45\xdf\xa3\x81x\x18\x53\x80\x67\xff\xec\x83ab", True),
        (b"RIFF\x08\0\0\0AVI 1234", False),
        (b"RIFF\x09\0\0\0AVI 1234", True),
        ((b"G" + b"\0" * 187) * 5, False),
        ((b"G" + b"\0" * 187) * 5 + b"G", True),
        ((b"\0\0\0\0G" + b"\0" * 187) * 5, False),
        (b"something else", False),
    ],
)
def test_a_file_is_cut_where_its_last_part_is_longer_than_the_file(
    tmp_path: Path, content: bytes, is_cut: bool
) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)

    assert file_extent(path).cut is is_cut


# --- pictures ---


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


BROKEN = [b"", b"no picture at all", broken_png(), b"P6\n-1 -1\n255\n", b"\x89PNG\r\n\x1a\n"]


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

    with pytest.raises(SourceError, match=r"bomb\.ppm is too large"):
        open_source(str(tmp_path / "bomb.ppm"), SourceOptions(max_pixels=999_999))


def test_closing_early_ends_the_reading_thread(tmp_path: Path) -> None:
    write_pictures(tmp_path, [f"{number}.png" for number in range(20)])
    before = set(threading.enumerate())
    _, source = open_source(str(tmp_path))
    next(source)

    source.close()

    assert set(threading.enumerate()) <= before
