"""Video files through PyAV: read ahead on a thread, timed by their own presentation stamps."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from edge.core import Frame, Image
from edge.handover import Closed, Feed, Queue
from edge.sources.containers import Extent, file_extent
from edge.sources.info import OpenSource, SourceInfo, SourceOptions, size_of
from models.errors import SourceError

log = logging.getLogger(__name__)

# FFmpeg guesses from the content and would also follow play lists and draw text files as video.
_FORMATS = (
    "mov,mp4,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,h264,hevc,m4v,mjpeg,ivf,"
    "yuv4mpegpipe,gif,dv"
)
_OPEN = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}

_COVER = 0x400  # AV_DISPOSITION_ATTACHED_PIC
_FPS = 25.0  # for a stream that names no rate
_NUDGE_S = 0.001  # between frames whose stamps stand still or swap
_JUMP_S = 1.0  # further back than this, another recording begins

# One decoding thread up to this size. It is quick enough, costs the same CPU time, and with more
# FFmpeg hands a damaged frame out before it is known to be damaged, once in twenty-five times.
_ONE_THREAD_PIXELS = 1920 * 1088


def open_video(path: Path, options: SourceOptions) -> tuple[SourceInfo, OpenSource]:
    """A source of every frame of a video file; SourceError if it has none that can be decoded.

    A file that is cut off gives what is before the cut, then a warning, then ends.
    """
    video = Video(path, options.max_pixels)
    feed = Feed(video.frames(), Queue(options.read_ahead), str(path))
    try:
        first = feed.peek()
    except Closed:
        feed.close()
        raise SourceError(f"{path} holds no picture that can be decoded") from None
    except BaseException:
        feed.close()
        raise
    info = SourceInfo(str(path), False, False, video.count, size_of(first), video.fps)
    return info, feed


class Video:
    """One open video file. `count`: the frames it should have, if it says; `fps`: its mean rate."""

    def __init__(self, path: Path, max_pixels: int) -> None:
        self._path = path
        self._max_pixels = max_pixels
        self._extent = file_extent(path)
        self._container = _open_container(path, self._extent)
        try:
            self._stream = self._video_stream()
            self._check_size(self._stream.codec_context.width, self._stream.codec_context.height)
        except BaseException:
            self._container.close()
            raise
        self.fps = _rate(self._stream)
        self._duration = self._declared_duration()
        self.count: int | None = self._stream.frames or round(self._duration * self.fps) or None
        self._stream.thread_type = "AUTO"
        context = self._stream.codec_context
        small = context.width * context.height <= _ONE_THREAD_PIXELS
        context.thread_count = 1 if small else 0  # 0: one a core

    def frames(self) -> Generator[Frame, None, None]:
        """Every frame that can be decoded, upright, in presentation order; closes the file."""
        clock = PresentationClock(1 / self.fps)
        picture = _PictureMaker()
        index = -1
        damaged = 0
        whole = True
        seconds = 0.0
        try:
            for index, decoded in enumerate(self._decoded()):
                whole = decoded is not None and not decoded.is_corrupt
                if decoded is None or not whole:
                    damaged += 1
                    continue
                self._check_size(decoded.width, decoded.height)
                seconds = clock(self._stamp(decoded))
                yield Frame(picture(decoded), index, seconds, clock.segment)
        finally:
            self._container.close()
        if index >= damaged:
            self._report(seconds, damaged, cut=self._extent.cut or not whole)

    def _decoded(self) -> Iterator[av.VideoFrame | None]:
        """Decoded frames, and None for each packet that could not be decoded."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                log.debug("%s cannot be read further: %s", self._path, error)
                packet = None
            try:
                if packet is None:
                    yield from self._stream.decode(None)
                    return
                if packet.is_corrupt:
                    yield None
                else:
                    yield from packet.decode()
            except EOFError:  # the decoder has been emptied already
                if packet is None:
                    return
            except av.FFmpegError as error:
                log.debug("%s has a damaged packet: %s", self._path, error)
                yield None
                if packet is None:
                    return

    def _stamp(self, decoded: av.VideoFrame) -> float | None:
        """Its presentation time in seconds, in the stream's unit: the frame's own can be unset."""
        if decoded.pts is None or not self._stream.time_base:
            return None
        return float(decoded.pts * self._stream.time_base)

    def _report(self, seconds: float, damaged: int, cut: bool) -> None:
        if cut:
            declared = self._duration > seconds + _JUMP_S  # else guessed from what is left
            of = f" of {self._duration:.2f} s" if declared else ""
            log.warning(
                "%s is cut off: it ends at %.2f s%s; everything before was read",
                self._path,
                seconds,
                of,
            )
        elif damaged:
            log.warning("%s is damaged: %d of its frames were left out", self._path, damaged)

    def _video_stream(self) -> av.VideoStream:
        """The first moving picture: no sound, and no cover of an album."""
        streams = [s for s in self._container.streams.video if not _is_cover(s)]
        if not streams:
            found = ", ".join(sorted({s.type for s in self._container.streams})) or "nothing"
            raise SourceError(f"{self._path} has no video in it: found {found}")
        if streams[0].codec_context is None:
            raise SourceError(f"{self._path} is a video of a kind that this PyAV cannot decode")
        return streams[0]

    def _declared_duration(self) -> float:
        """Seconds; 0 where the file does not say."""
        if self._stream.duration and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        return (self._container.duration or 0) / 1e6  # FFmpeg's own unit is the microsecond

    def _check_size(self, width: int, height: int) -> None:
        if width * height > self._max_pixels:
            raise SourceError(
                f"{self._path} is too large: {width} × {height} pixels, expected at most "
                f"{self._max_pixels / 1e6:g} million"
            )


class PresentationClock:
    """Seconds since the first frame, always rising, from stamps that may be missing or jump.

    A stamp that stands still or runs back a little is nudged on; one that jumps back (recordings
    strung together) continues after the last and opens a new `segment`.
    """

    def __init__(self, step: float) -> None:
        self._step = step
        self._start: float | None = None
        self._last = 0.0
        self.segment = 0

    def __call__(self, stamp: float | None) -> float:
        if self._start is None:
            self._start = stamp or 0.0
            return 0.0
        seconds = self._last + self._step if stamp is None else stamp - self._start
        if stamp is not None and seconds < self._last - _JUMP_S:
            seconds = self._last + self._step
            self._start = stamp - seconds
            self.segment += 1
        self._last = max(seconds, self._last + _NUDGE_S)
        return self._last


class _PictureMaker:
    """Decoded frames to BGR: all in the size of the first and upright as its matrix says."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        self._size: tuple[int, int] | None = None
        self._matrix = (1, 0, 0, 1)

    def __call__(self, decoded: av.VideoFrame) -> Image:
        if self._size is None:
            self._size = decoded.width, decoded.height
            self._matrix = display_matrix(decoded)
        width, height = self._size
        # Nothing is scaled, so the quickest filter loses nothing.
        bgr = self._reformatter.reformat(
            decoded, width, height, "bgr24", interpolation="FAST_BILINEAR"
        )
        plane = bgr.planes[0]
        rows = np.frombuffer(cast(Any, plane), np.uint8).reshape(-1, plane.line_size)
        image = np.ascontiguousarray(rows[:height, : 3 * width]).reshape(height, width, 3)
        return turn_upright(image, self._matrix)


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


def _open_container(path: Path, extent: Extent) -> av.container.InputContainer:
    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty: expected a video, found 0 bytes")
    if extent.index_missing:
        raise SourceError(
            f"{path} is cut off: its index (the moov box) was never written, so that nothing in it "
            "can be read"
        )
    # FFmpeg looks at every fragment of an MP4 first and refuses them all if the last is cut.
    options = {**_OPEN, "fflags": "+ignidx"} if extent.cut else _OPEN
    try:
        return av.open(str(path.absolute()), options=options)
    except (av.FFmpegError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise SourceError(f"{path} is not a video that can be read: {why}") from error


def _rate(stream: av.VideoStream) -> float:
    """Frames per second on average, or the nominal rate; cut files can claim nonsense."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate is not None and rate.denominator and 0.01 < float(rate) < 1000:
            return float(rate)
    return _FPS


def _is_cover(stream: av.VideoStream) -> bool:
    disposition = getattr(stream, "disposition", 0)  # PyAV 12 does not tell, 14 has an enum
    return bool(int(getattr(disposition, "value", disposition)) & _COVER)
