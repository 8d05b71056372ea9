"""Videos are written by the real encoder and decoded again."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pytest

from edge.core import Array, Box, Frame, Image, Scene
from edge.overlay import Overlay
from edge.pictograms import COLOURS
from edge.sinks import video
from edge.sinks.sound import Sound
from edge.sinks.video import HYBRID, TICKS, Clock, VideoSink
from edge.sinks.yuv import fitted
from models.errors import OutputError, UsageError
from tests.disks import mounted
from tests.media import corner_colours, quarters, read
from tests.scenes import KEEP_RIGHT, grey, make_scene, make_track

NTSC = Fraction(30000, 1001)
SUFFIXES = ["mp4", "mkv"]
TICK = {"mp4": 1 / TICKS, "mkv": 1 / 1000}  # how exact the container is


class Decoded(NamedTuple):
    times: list[float]
    pictures: list[Array]
    stream: Any
    duration: float
    metadata: dict[str, str]


def decode(path: Path) -> Decoded:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        return Decoded(
            [float(frame.time) for frame in frames if frame.time is not None],
            [frame.to_ndarray(format="bgr24") for frame in frames],
            {
                "codec": stream.codec_context.name,
                "format": stream.codec_context.pix_fmt,
                "size": (stream.codec_context.width, stream.codec_context.height),
                "rate": stream.average_rate,
                "primaries": stream.codec_context.color_primaries,
                "transfer": stream.codec_context.color_trc,
                "matrix": frames[0].colorspace,
                "range": frames[0].color_range,
            },
            (container.duration or 0) / av.time_base,
            {key.lower(): value for key, value in container.metadata.items()},
        )


def as_it_is(scene: Scene) -> Image:
    return scene.frame.image


def write(
    path: Path,
    times: Sequence[float],
    picture: Callable[[int], Image] = lambda _: quarters(),
    fps: float | None = None,
) -> Path:
    sink = VideoSink(path, as_it_is, fps)
    for index, time in enumerate(times):
        sink.write(make_scene(picture(index), index=index, time=time))
    sink.finish([])
    sink.close()
    return path


def noise(index: int, size: int = 96) -> Image:
    """Nothing that an encoder could make small."""
    return np.random.default_rng(index).integers(0, 256, (size, size, 3)).astype(np.uint8)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "times",
    [
        pytest.param([index / 25 for index in range(12)], id="25"),
        pytest.param([float(index / NTSC) for index in range(12)], id="29.97"),
        pytest.param([0, 0.033, 0.1, 0.5, 0.54, 2.0, 2.001, 3.75], id="variable"),
        pytest.param([8123.4 + index / 10 for index in range(5)], id="a camera's clock"),
    ],
)
def test_every_frame_is_there_at_its_time(tmp_path: Path, suffix: str, times: list[float]) -> None:
    path = write(tmp_path / f"out.{suffix}", times)

    found = decode(path).times
    assert found == pytest.approx([time - times[0] for time in times], abs=TICK[suffix] * 0.51)


def test_the_times_of_29_97_are_exact_to_the_tick(tmp_path: Path) -> None:
    path = write(tmp_path / "out.mp4", [float(index / NTSC) for index in range(300)])

    with av.open(str(path)) as container:
        packets = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert packets == [index * 3003 for index in range(300)]


def test_the_last_frame_is_shown_as_long_as_the_one_before(tmp_path: Path) -> None:
    assert decode(write(tmp_path / "out.mp4", [0, 0.04, 0.08])).duration == pytest.approx(0.12)


def test_a_single_frame_is_a_video(tmp_path: Path) -> None:
    found = decode(write(tmp_path / "out.mp4", [17.0]))

    assert found.times == [0]
    assert found.duration > 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_it_is_h264_that_every_player_knows_and_says_its_colours(
    tmp_path: Path, suffix: str
) -> None:
    found = decode(write(tmp_path / f"out.{suffix}", [0, 0.04, 0.08], fps=25.0))

    assert found.stream == {
        "codec": "h264",
        "format": "yuv420p",
        "size": (64, 48),
        "rate": 25,
        "primaries": 1,
        "transfer": 1,
        "matrix": 6,
        "range": 1,
    }
    assert found.metadata["title"] == "out"
    assert "traffic-sign-edge" in found.metadata["comment"]


def test_a_whole_mp4_is_an_ordinary_one_with_an_index(tmp_path: Path) -> None:
    path = write(tmp_path / "out.mp4", [index / 25 for index in range(60)])

    assert video.HYBRID or path.read_bytes().count(b"moof")
    with av.open(str(path)) as container:
        if video.HYBRID:
            assert container.streams.video[0].frames == 60
        assert (container.duration or 0) / av.time_base == pytest.approx(2.4)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_was_written_plays_before_it_is_whole(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out.{suffix}"
    sink = VideoSink(path, as_it_is)
    for index in range(100):
        sink.write(make_scene(noise(index), index=index, time=index / 25))
    killed = tmp_path / f"killed.{suffix}"
    killed.write_bytes(path.with_name(f"out.part.{suffix}").read_bytes())
    sink.close()

    _, frames = read(killed)  # as the app reads it again
    assert len(frames) >= 100 - 25 * video.WHOLE_S - 2
    assert len(decode(path).times) == 100


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_colours_and_places_come_back(tmp_path: Path, suffix: str) -> None:
    found = decode(write(tmp_path / f"out.{suffix}", [0, 0.04, 0.08], lambda _: quarters()))

    for picture in found.pictures:
        assert corner_colours(picture) == corner_colours(quarters())
    off = np.abs(found.pictures[-1][5:15, 5:20].astype(int) - (0, 0, 255))
    assert off.max() < 12


def test_an_annotated_box_lands_where_it_belongs(tmp_path: Path) -> None:
    overlay = Overlay()
    sink = VideoSink(tmp_path / "out.mp4", overlay.draw)
    box = Box(300, 200, 360, 260)
    for index in range(3):
        track = make_track(box, KEEP_RIGHT)
        sink.write(make_scene(grey(640, 360), [track], index, index / 25))
    sink.close()

    picture = decode(tmp_path / "out.mp4").pictures[-1].astype(int)
    blue = np.abs(picture - COLOURS["mandatory"][::-1]).sum(axis=2) < 90
    rows, columns = np.nonzero(blue[196:266, 290:370])
    assert (columns.min() + 290, columns.max() + 290) == pytest.approx((297, 362), abs=3)
    assert rows.max() + 196 == pytest.approx(262, abs=3)
    assert not blue[204:256, 304:356].any()


@pytest.mark.parametrize("size", [(65, 48), (64, 47), (63, 47), (1, 1)])
def test_an_odd_size_becomes_even_without_losing_a_pixel(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    found = decode(write(tmp_path / "out.mp4", [0, 0.04], lambda _: grey(*size, shade=200)))

    width, height = size
    assert found.stream["size"] == (width + width % 2, height + height % 2)
    assert np.abs(found.pictures[0].astype(int) - 200).max() < 5


def frame(time: float, segment: int = 0) -> Frame:
    return Frame(grey(2, 2), 0, time, segment)


def test_a_clock_that_stands_still_or_goes_back_does_not_stop_the_video() -> None:
    clock = Clock()

    assert [clock(frame(time))[0] for time in (5.0, 5.0, 4.0, 5.1)] == [0, 1, 2, 9000]


def test_the_next_file_begins_where_the_last_one_ended() -> None:
    clock = Clock()
    frames = [frame(0), frame(0.04), frame(0.08), frame(0, 1), frame(0.04, 1), frame(0.08, 1)]

    assert [clock(each)[0] for each in frames] == [0, 3600, 7200, 10800, 14400, 18000]


def test_a_repeated_time_still_makes_a_file_that_plays(tmp_path: Path) -> None:
    found = decode(write(tmp_path / "out.mp4", [0, 0.04, 0.04, 0.04, 0.08]))

    assert len(found.times) == 5
    assert found.times == sorted(set(found.times))


def test_the_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder" / "out.mp4"
    sink = VideoSink(path, as_it_is)
    sink.write(make_scene(quarters()))
    assert [each.name for each in path.parent.iterdir()] == ["out.part.mp4"]
    sink.close()

    assert [each.name for each in path.parent.iterdir()] == ["out.mp4"]


def test_what_a_killed_run_has_left_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for content in (b"first", b"second"):
        (tmp_path / "out.part.mp4").write_bytes(content)
        write(tmp_path / "out.mp4", [0])

    assert (tmp_path / "out.cut-1.mp4").read_bytes() == b"first"
    assert (tmp_path / "out.cut-2.mp4").read_bytes() == b"second"
    assert len(decode(tmp_path / "out.mp4").times) == 1
    assert "kept as" in caplog.text and "out.cut-2.mp4" in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="there an open file guards itself")
def test_two_runs_never_write_the_same_file(tmp_path: Path) -> None:
    first = VideoSink(tmp_path / "out.mp4", as_it_is)
    first.write(make_scene(quarters()))
    with pytest.raises(OutputError, match="another run is writing this file"):
        VideoSink(tmp_path / "out.mp4", as_it_is)
    first.close()

    assert len(decode(tmp_path / "out.mp4").times) == 1


def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "out.mp4", as_it_is)
    sink.write(make_scene(quarters()))
    sink.close()
    sink.close()

    assert len(decode(tmp_path / "out.mp4").times) == 1


@pytest.mark.skipif(not HYBRID, reason="this FFmpeg always writes fragments")
def test_only_what_may_never_end_stays_in_fragments(tmp_path: Path) -> None:
    frames = {}
    for live in (False, True):
        path = tmp_path / f"{live}.mp4"
        sink = VideoSink(path, as_it_is, 30, live=live)
        for index in range(45):
            sink.write(make_scene(quarters(), index=index, time=index / 30))
        sink.close()
        assert len(decode(path).times) == 45
        with av.open(str(path)) as container:
            frames[live] = container.streams.video[0].frames  # as the index says

    assert frames == {False: 45, True: 0}


def test_an_older_file_is_replaced_only_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"older")
    sink = VideoSink(path, as_it_is)
    sink.write(make_scene(quarters()))
    assert path.read_bytes() == b"older"
    sink.close()

    assert len(decode(path).times) == 1


def test_without_frames_there_is_no_file_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        write(tmp_path / "out.mp4", [])

    assert list(tmp_path.iterdir()) == []
    assert "no frame" in caplog.text


@pytest.mark.parametrize("name", ["out.avi", "out.MOV", "out"])
def test_other_suffixes_are_refused_with_those_that_are_known(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"\.mp4 or \.mkv"):
        VideoSink(tmp_path / name, as_it_is)


def test_a_suffix_in_capitals_is_one_too(tmp_path: Path) -> None:
    assert len(decode(write(tmp_path / "OUT.MP4", [0, 1])).times) == 2


@pytest.mark.parametrize(
    ("size", "corner", "middle"),
    [
        ((128, 96), (255, 0, 0), (0, 255, 0)),  # the same shape: all of it is filled
        ((64, 24), (0, 0, 0), (0, 255, 0)),  # flat: bars above and below
        ((12, 48), (0, 0, 0), (0, 255, 0)),  # narrow: bars left and right
    ],
)
def test_a_picture_of_another_size_is_scaled_into_that_of_the_first(
    size: tuple[int, int], corner: tuple[int, int, int], middle: tuple[int, int, int]
) -> None:
    picture = np.full((size[1], size[0], 3), (255, 0, 0), np.uint8)
    picture[size[1] // 4 : -size[1] // 4, size[0] // 4 : -size[0] // 4] = (0, 255, 0)

    found = fitted(picture, (64, 48))

    assert found.shape == (48, 64, 3)
    assert tuple(found[0, 0]) == corner
    assert tuple(found[24, 32]) == middle
    assert fitted(found, (64, 48)) is found


def test_a_camera_that_changes_its_size_stays_in_one_video(tmp_path: Path) -> None:
    sizes = [(64, 48), (128, 96), (33, 70), (64, 48)]
    found = decode(
        write(tmp_path / "out.mp4", [0, 0.04, 0.08, 0.12], lambda index: grey(*sizes[index]))
    )

    assert [picture.shape for picture in found.pictures] == [(48, 64, 3)] * 4


def test_a_place_that_cannot_be_written_to_is_told_before_the_first_frame(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"file"):
        VideoSink(tmp_path / "file" / "out.mp4", as_it_is)
    (tmp_path / "taken.mp4").mkdir()
    with pytest.raises(OutputError, match=r"taken\.mp4.*folder"):
        VideoSink(tmp_path / "taken.mp4", as_it_is)


def test_a_read_only_disk_is_told_before_the_first_frame(tmp_path: Path) -> None:
    with (
        mounted(tmp_path / "disk", "ro") as disk,
        pytest.raises(OutputError, match=r"Read-only file system"),
    ):
        VideoSink(disk / "out.mp4", as_it_is)


@pytest.mark.parametrize("live", [False, True], ids=["file", "camera"])
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.5, 0.95], ids=["early", "in the last moment"])
def test_a_full_disk_is_one_error_and_what_was_written_still_plays(
    tmp_path: Path, suffix: str, share: float, live: bool
) -> None:
    times = [index / 25 for index in range(60)]
    needed = write(tmp_path / f"whole.{suffix}", times, noise).stat().st_size
    with mounted(tmp_path / "disk", f"size={int(needed * share)}") as disk:
        sink = VideoSink(disk / f"out.{suffix}", as_it_is, live=live)
        told = r"out\..*(No space left on device|did not take all of it).*out\.part\."
        with pytest.raises(OutputError, match=told):
            for index, time in enumerate(times):
                sink.write(make_scene(noise(index), index=index, time=time))
            sink.close()
        sink.write(make_scene(noise(0)))
        sink.close()

        (left,) = disk.iterdir()
        assert len(read(left)[1]) >= 60 * share - 25 * video.WHOLE_S - 3


# --- sound ---


TS_BYTES = 188
ADTS_BYTES = 7  # of header, ISO/IEC 13818-7, 6.2
BLOCKS = {"aac": 1024, "ac3": 1536, "libmp3lame": 1152, "pcm_s16le": 1024}  # samples a packet


def sounding(path: Path, codec: str, start: float = 0.0, picture_s: float = 0.0) -> Path:
    """Two seconds of pictures and of sound; the first picture comes `picture_s` later."""
    size = BLOCKS[codec]
    with av.open(str(path), "w") as container:
        pictures: Any = container.add_stream("libx264", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        pictures.codec_context.max_b_frames = 0
        pictures.codec_context.gop_size = 25
        sound: Any = container.add_stream(codec, rate=48000)
        sound.layout = "mono"
        sound.time_base = Fraction(1, 48000)
        for index in range(50):
            frame = av.VideoFrame.from_ndarray(quarters(), "bgr24")
            frame.pts, frame.time_base = index + round(25 * (start + picture_s)), Fraction(1, 25)
            container.mux(pictures.encode(frame))
        for index in range(96000 // size):
            kind = sound.codec_context.format.name
            whole = {"s16": np.int16, "s32": np.int32}.get(kind[:3])
            samples = np.full((1, size), 0.1 * np.iinfo(whole).max if whole else 0.1)
            samples = samples.astype(whole or np.float32)
            block = av.AudioFrame.from_ndarray(samples, kind, "mono")
            block.pts, block.time_base = size * index + round(48000 * start), Fraction(1, 48000)
            block.sample_rate = 48000
            container.mux(sound.encode(block))
        container.mux(pictures.encode(None))
        container.mux(sound.encode(None))
    return path


def with_sound(source: Path, target: Path, count: int = 50, segment_from: int = 99) -> Path:
    sink = VideoSink(target, as_it_is, 25, Sound(source))
    for index in range(count):
        frame = Frame(quarters(), index, index / 25, int(index >= segment_from))
        sink.write(Scene(frame))
    sink.close()
    return target


def sound_of(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return []
        packets = [p for p in container.demux(container.streams.audio[0]) if p.size]
        return [(float(p.pts * p.time_base), bytes(p)) for p in packets]  # type: ignore[operator]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("codec", ["aac", "ac3", "libmp3lame"])
def test_the_sound_of_the_source_is_kept_byte_by_byte(
    tmp_path: Path, suffix: str, codec: str
) -> None:
    source = sounding(tmp_path / "in.mkv", codec)

    found = sound_of(with_sound(source, tmp_path / f"out.{suffix}"))

    expected = [(time, data) for time, data in sound_of(source) if 0 <= time < 2]
    assert len(expected) > 60
    assert [data for _, data in found] == [data for _, data in expected]
    assert [time for time, _ in found] == pytest.approx([time for time, _ in expected], abs=0.001)


def test_the_sound_stays_with_the_pictures_where_these_begin_later(tmp_path: Path) -> None:
    source = sounding(tmp_path / "in.mkv", "aac", picture_s=0.4)

    found = sound_of(with_sound(source, tmp_path / "out.mkv"))

    expected = [(time - 0.4, data) for time, data in sound_of(source) if time >= 0.4]
    assert [data for _, data in found] == [data for _, data in expected]
    assert [time for time, _ in found] == pytest.approx([time for time, _ in expected], abs=0.002)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_sound_of_a_transport_stream_gets_one_header(tmp_path: Path, suffix: str) -> None:
    source = sounding(tmp_path / "in.ts", "aac")
    out = with_sound(source, tmp_path / f"out.{suffix}")

    with av.open(str(out)) as container:
        assert container.streams.audio[0].codec_context.extradata  # the one header of all
    found = [data for _, data in sound_of(out)]
    expected = [data[ADTS_BYTES:] for _, data in sound_of(source)]
    assert len(found) > 80
    first = expected.index(found[0])  # what comes before the first picture is left out
    assert found == expected[first : first + len(found)]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_lost_piece_of_a_transport_stream_costs_sound_and_no_picture(
    tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = sounding(tmp_path / "in.ts", "aac")
    whole = source.read_bytes()
    for piece in range(40, len(whole) // TS_BYTES - 40, 9):
        source.write_bytes(whole[: piece * TS_BYTES] + whole[(piece + 1) * TS_BYTES :])
        out = with_sound(source, tmp_path / f"out.{suffix}")
        assert len(sound_of(out)) > 20
        assert len(decode(out).times) == 50
    assert "some of its sound is damaged" in caplog.text


def test_the_sound_stays_with_the_pictures_of_a_recording_that_was_joined(tmp_path: Path) -> None:
    whole, source = sounding(tmp_path / "in.mkv", "aac"), tmp_path / "joined.mkv"
    with av.open(str(whole)) as container, av.open(str(source), "w") as joined:
        to = {s.index: joined.add_stream_from_template(s) for s in container.streams}
        for packet in container.demux():
            if packet.size and packet.pts * packet.time_base >= 0.5:  # type: ignore[operator]
                packet.stream = to[packet.stream_index]
                joined.mux(packet)

    found = sound_of(with_sound(source, tmp_path / "out.mkv", count=25))

    expected = [(time - 1.0, data) for time, data in sound_of(whole) if time >= 1.0]  # a key frame
    assert len(found) > 40
    assert found[0][1] == expected[0][1]
    assert found[0][0] == pytest.approx(expected[0][0], abs=0.002)


def test_a_run_that_ends_early_has_sound_as_long_as_pictures(tmp_path: Path) -> None:
    source = sounding(tmp_path / "in.mp4", "aac")

    times = [time for time, _ in sound_of(with_sound(source, tmp_path / "out.mp4", count=25))]

    assert 0.95 < times[-1] < 1.0


def test_sound_ends_where_the_source_jumps(tmp_path: Path) -> None:
    source = sounding(tmp_path / "in.mp4", "aac")
    out = with_sound(source, tmp_path / "out.mp4", segment_from=25)

    assert 0.9 < sound_of(out)[-1][0] < 1.0
    assert len(decode(out).times) == 50


def test_sound_that_mp4_cannot_hold_is_left_out_with_a_hint(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = sounding(tmp_path / "in.mkv", "pcm_s16le")

    assert sound_of(with_sound(source, tmp_path / "out.mp4")) == []
    assert "pcm_s16le does not go into an mp4 and is left out; an .mkv keeps it" in caplog.text
    assert sound_of(with_sound(source, tmp_path / "out.mkv"))


def test_a_source_without_sound_gives_a_video_without_it(tmp_path: Path) -> None:
    source = write(tmp_path / "in.mp4", [index / 25 for index in range(50)])
    out = with_sound(source, tmp_path / "out.mp4")

    assert (sound_of(out), len(decode(out).times)) == ([], 50)


def test_sound_that_breaks_off_costs_no_picture(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(b"this is no video at all")
    out = with_sound(source, tmp_path / "out.mp4")

    assert len(decode(out).times) == 50
    assert "its sound cannot be read further" in caplog.text


def test_sound_of_an_unknown_kind_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = sounding(tmp_path / "in.mkv", "pcm_s16le")
    source.write_bytes(source.read_bytes().replace(b"A_PCM/INT/LIT", b"A_NEW/INT/LIT"))

    out = with_sound(source, tmp_path / "out.mkv")

    assert sound_of(out) == []
    assert len(decode(out).times) == 50
    assert "its sound is of a kind that PyAV does not know" in caplog.text


def test_a_name_that_is_no_utf8_is_a_title_all_the_same(tmp_path: Path) -> None:
    out = VideoSink(tmp_path / os.fsdecode(b"stra\xdfe.mp4"), as_it_is, 25)
    out.write(Scene(Frame(quarters(), 0, 0.0)))
    out.close()

    (path,) = tmp_path.iterdir()
    with path.open("rb") as file, av.open(file) as container:
        assert container.metadata["title"] == "stra?e"
