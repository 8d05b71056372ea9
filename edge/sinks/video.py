"""The annotated video: H.264 in mp4 or mkv, with the time stamps of the source and its sound."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from edge import __version__
from edge.core import Event, Frame, Image, Scene
from edge.sinks.files import Part
from edge.sinks.sound import Sound
from edge.sinks.yuv import fitted, to_yuv
from edge.sources.containers import ends_whole, file_extent
from edge.sources.info import as_text
from models.errors import OutputError, UsageError

log = logging.getLogger(__name__)

FORMATS = {".mp4": "mp4", ".mkv": "matroska"}
TICKS = 90_000  # a second: 24, 25, 30 and 60 frames/s are whole numbers of ticks
NOMINAL_FPS = 30  # where the rate is not known; every frame carries its own time anyway
KEY_FRAME_EVERY = 60  # frames, so that a player can jump
SYNC_S = 2  # of video, after which the system is told to put on the disk what it still holds
LARGE = 1920 * 1080  # pixels from which a second encoder thread pays

# Of x264's presets the cheapest: 4 ms of CPU a 1280x720 frame of a real drive against 6.4
# (superfast) and 6.9 (veryfast), at 38.7 dB against 38.2 and 37.9 for the same crf and size.
# No look-ahead and no B-frames: pictures leave in the order they come, and none are hoarded.
ENCODER = {
    "preset": "ultrafast",
    "crf": "23",
    "x264-params": "rc-lookahead=0:sync-lookahead=0:bframes=0:sliced-threads=0",
}

# Whatever happens, all but the last half second is on its way to the disk and plays: an mp4 is
# written as fragments, a Matroska as short clusters. A whole mp4 becomes an ordinary one in the
# end, by writing its index behind the pictures (FFmpeg 8.1; what 8.0 makes cannot be read, and
# before that it stays fragmented, which players read as well). Nothing is copied, so that closing
# takes no longer for a long video. That index waits in memory, 72 bytes a frame or 190 MB a day: a
# live source, which may never end, makes do with the one of its fragments, 7 MB a day.
WHOLE_S = 0.5
HYBRID = "hybrid_fragmented+" if av.library_versions["libavformat"] >= (62, 12, 0) else ""
FRAGMENTED = "frag_keyframe+delay_moov+default_base_moof"
CONTAINER: dict[str, dict[str, str]] = {
    "mp4": {"movflags": HYBRID + FRAGMENTED, "frag_duration": str(int(WHOLE_S * 1e6))},
    "matroska": {"cluster_time_limit": str(int(WHOLE_S * 1e3))},
}

# What `to_yuv` makes, so that players show the right colours. Values of ITU-T H.273.
BT709, BT601_MATRIX, VIDEO_RANGE = 1, 6, 1

Failure = (av.error.FFmpegError, OSError)


class VideoSink:
    """Writes every scene to a video file.

    The first frame is at 0 s and the others keep their distance; where the clock of the source
    stands still or goes back (a loop, the next file), the video goes on all the same. While it
    grows it is called `seen.part.mp4` and plays up to the last half second, also after a kill or a
    full disk; it has its name after a good close. Without a single frame there is none, and a
    warning. `fps` is what the source says of itself, and goes into the header; of a `live` one an
    mp4 stays in fragments, so that days of it take little memory. The `sound` is
    copied as far as the pictures go, up to where the clock of the source first goes back. A picture
    of another size (a camera that was set anew) is scaled into that of the first.

    UsageError for a suffix other than .mp4 and .mkv; OutputError for everything that fails.
    """

    lossless = True

    def __init__(
        self,
        path: Path,
        render: Callable[[Scene], Image],
        fps: float | None = None,
        sound: Sound | None = None,
        live: bool = False,
    ) -> None:
        suffix = path.suffix.lower()
        if suffix not in FORMATS:
            allowed = " or ".join(FORMATS)
            raise UsageError(f"{path}: expected a video file ending in {allowed}")
        self._path = path
        self._render = render
        self._format = FORMATS[suffix]
        self._live = live
        self._rate = Fraction(fps or NOMINAL_FPS).limit_denominator(1001)
        self._clock = Clock()
        self._size = (0, 0)
        self._container: Any = None
        self._stream: Any = None
        self._part: Part | None = Part(path, lasting=True)
        self._sound = sound
        self._next_sync = 0  # ticks

    def write(self, scene: Scene) -> None:
        if self._part is None:
            return
        picture = self._render(scene)
        try:
            if self._container is None:
                self._size = picture.shape[1], picture.shape[0]
                self._open(self._part)
            pts, ticks = self._clock(scene.frame)
            image = to_yuv(fitted(picture, self._size))
            image.pts, image.time_base = pts, Fraction(1, TICKS)
            self._mux(self._stream.encode(image), ticks)
            self._mux_sound(scene.frame.segment, pts)
            if pts >= self._next_sync:
                self._part.sync()
                self._next_sync = pts + SYNC_S * TICKS
        except Failure as error:
            raise self._failed(error) from error

    def finish(self, events: Sequence[Event]) -> None:
        """Events leave no trace in a video; it is completed when it is closed."""

    def close(self) -> None:
        part, self._part = self._part, None
        if part is None:
            return
        if self._container is None:
            part.discard()
            log.warning("%s: not written, there was no frame to write", self._path)
            return
        try:
            self._mux(self._stream.encode(None), self._clock.ticks)
            self._mux_sound(self._clock.segment, self._clock.end)
            self._container.close()
            if not self._is_whole(part.path):  # PyAV keeps quiet about the last write
                raise OSError(errno.EIO, "the disk did not take all of it")
        except Failure as error:
            self._part = part
            raise self._failed(error) from error
        finally:
            self._end_sound()
        part.commit()

    def _open(self, part: Part) -> None:
        options = {**CONTAINER[self._format], "flush_packets": "1"}
        if self._live and self._format == "mp4":
            options["movflags"] = FRAGMENTED
        self._container = av.open(str(part.path), "w", format=self._format, options=options)
        self._container.metadata["title"] = as_text(self._path.stem)
        self._container.metadata["comment"] = f"annotated by traffic-sign-edge {__version__}"
        width, height = self._size
        self._stream = self._container.add_stream("libx264", self._rate, options=ENCODER)
        self._stream.width, self._stream.height = width + width % 2, height + height % 2
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = Fraction(1, TICKS)
        context = self._stream.codec_context
        context.time_base = Fraction(1, TICKS)
        context.gop_size = KEY_FRAME_EVERY
        context.thread_count = 2 if width * height >= LARGE else 1
        context.color_primaries = context.color_trc = BT709
        context.colorspace, context.color_range = BT601_MATRIX, VIDEO_RANGE
        if self._sound is not None:
            self._sound.add_to(self._container, self._format)

    def _is_whole(self, path: Path) -> bool:
        if self._format == "mp4" and (self._live or not HYBRID):  # to go through hours takes long
            return ends_whole(path)
        return not file_extent(path).cut

    def _mux(self, packets: Iterable[Any], ticks: int) -> None:
        for packet in packets:
            packet.duration = ticks
            self._container.mux(packet)

    def _mux_sound(self, segment: int, ticks: int) -> None:
        """The sound up to this moment of the video; none after the source has jumped."""
        if self._sound is None:
            return
        if segment != self._clock.first_segment:
            self._end_sound()
            return
        for packet in self._sound.until(ticks / TICKS):
            self._container.mux(packet)

    def _end_sound(self) -> None:
        sound, self._sound = self._sound, None
        if sound is not None:
            sound.close()

    def _give_up(self) -> str:
        """Words for the error on what is kept."""
        self._end_sound()
        container, self._container = self._container, None
        if container is not None:
            with suppress(*Failure):  # it tries to complete what cannot be completed
                container.close()
        part, self._part = self._part, None
        return part.leave() if part is not None else ""

    def _failed(self, error: Exception) -> OutputError:
        reason = getattr(error, "strerror", None) or error
        return OutputError(f"{self._path}: cannot write the video: {reason}{self._give_up()}")


class Clock:
    """The source's seconds as ticks that start at 0 and always grow."""

    def __init__(self) -> None:
        self.ticks = TICKS // NOMINAL_FPS  # from the last frame but one to the last
        self.first_segment = self.segment = 0
        self._last: int | None = None
        self._start = 0.0

    def __call__(self, frame: Frame) -> tuple[int, int]:
        """When to show a frame, and how long the one before it was shown."""
        pts = round((frame.time - self._start) * TICKS)
        if self._last is None:
            pts, self._start = 0, frame.time
            self.first_segment = frame.segment
        elif pts <= self._last and frame.segment != self.segment:
            pts = self._last + self.ticks
            self._start = frame.time - pts / TICKS
        elif pts <= self._last:
            pts = self._last + 1
        if self._last is not None:
            self.ticks = pts - self._last
        self._last, self.segment = pts, frame.segment
        return pts, self.ticks

    @property
    def end(self) -> int:
        """When the last frame has been shown."""
        return (self._last or 0) + self.ticks
