"""Real video files, whole and broken: the right frames at the right times."""

from __future__ import annotations

import errno
import os
import struct
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media import (
    HEIGHT,
    WIDTH,
    corner_colours,
    cut,
    noise,
    quarters,
    read,
    steady,
    times_of,
    write_video,
)

from edge import sources
from edge.core import Image
from edge.sources import SourceInfo, SourceOptions, open_source
from edge.sources.decoded import turn_upright
from edge.sources.recorded import PresentationClock
from models.errors import SourceError
from tests.waiting import PATIENCE_S

# --- video: time ---


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_frames_come_at_their_presentation_times(tmp_path: Path, rate: Fraction) -> None:
    path = write_video(tmp_path / "a.mp4", steady(12, rate), rate)

    info, frames = read(path)

    assert times_of(frames) == pytest.approx([float(t) for t in steady(12, rate)], abs=1e-4)
    assert [frame.index for frame in frames] == list(range(12))
    assert {frame.segment for frame in frames} == {0}
    health = info.health
    assert info == SourceInfo(
        str(path), False, False, 12, (WIDTH, HEIGHT), pytest.approx(rate), health
    )


def test_a_file_is_online_since_it_was_opened(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", steady(2))
    before = time.monotonic()
    info, _ = read(path)
    after = time.monotonic()

    assert info.health().state == "online"
    assert before <= info.health().since <= after
    assert info.health() == info.health()


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


@pytest.mark.parametrize(
    ("pixel", "size"),
    [
        (Fraction(64, 45), (91, 48)),  # PAL DV, shown as 16:9
        (Fraction(8, 9), (64, 54)),  # NTSC DV, shown as 4:3
        (Fraction(1), (64, 48)),
        (Fraction(100), (64, 48)),  # nonsense
    ],
)
def test_pictures_have_square_pixels(
    tmp_path: Path, pixel: Fraction, size: tuple[int, int]
) -> None:
    info, frames = read(write_video(tmp_path / "a.mp4", steady(3), pixel=pixel))
    assert info.size == size
    assert {frame.image.shape for frame in frames} == {(size[1], size[0], 3)}
    assert corner_colours(frames[0].image) == ["red", "green", "blue", "white"]


def test_frames_do_not_share_their_memory(tmp_path: Path) -> None:
    def grey(index: int) -> Image:
        return np.full((HEIGHT, WIDTH, 3), 40 * index, np.uint8)

    _, frames = read(write_video(tmp_path / "a.mp4", steady(6), picture=grey))

    levels = [frame.image.mean() for frame in frames]
    assert levels == pytest.approx([0, 40, 80, 120, 160, 200], abs=4)


def test_recordings_strung_together_keep_the_first_size_and_open_a_segment(tmp_path: Path) -> None:
    first = write_video(tmp_path / "a.ts", steady(50))
    second = write_video(tmp_path / "b.ts", steady(50), picture=lambda _: quarters((128, 96)))
    path = tmp_path / "both.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())

    _, frames = read(path)

    assert {frame.image.shape for frame in frames} == {(HEIGHT, WIDTH, 3)}
    assert corner_colours(frames[-1].image) == ["red", "green", "blue", "white"]
    segments = [frame.segment for frame in frames]
    assert segments == sorted(segments)
    for segment in (0, 1):
        assert 48 <= segments.count(segment) <= 50  # FFmpeg loses a frame at the seam
    times = times_of(frames)
    assert times == sorted(set(times))
    assert times[-1] == pytest.approx(99 / 25, abs=0.1)


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


def test_a_file_that_may_not_be_read_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", steady(1))

    def refused(_: Path) -> None:  # root may read everything
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("edge.sources.recorded.file_extent", refused)

    with pytest.raises(SourceError, match=r"a\.mp4 cannot be read: Permission denied"):
        open_source(str(path))


def test_a_name_that_is_no_utf8_is_told_as_text(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", steady(1)).rename(
        tmp_path / os.fsdecode(b"stra\xdfe.mp4")
    )

    info, frames = read(path)

    assert Path(info.name).name == "stra?e.mp4"
    assert len(frames) == 1


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


def test_closing_early_ends_the_decoding_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.handover.ABANDON_S", PATIENCE_S)
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
    monkeypatch.setattr(sources, "VIDEO", tmp_path / "drive.mp4")
    with pytest.raises(SourceError, match="the demo drive is not there"):
        open_source("demo:")

    write_video(tmp_path / "drive.mp4", steady(3))
    assert len(read("demo:")[1]) == 3


@pytest.mark.parametrize("name", ["x" * 300, "~nobody-at-home/drive.mp4"])
def test_a_name_that_cannot_be_is_one_error(name: str) -> None:
    with pytest.raises(SourceError, match=r"cannot be opened: |does not exist"):
        open_source(name)
