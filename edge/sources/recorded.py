"""Video files through PyAV: read ahead on a thread, timed by their own presentation stamps."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from pathlib import Path

import av

from edge.core import Frame
from edge.handover import Closed, Feed
from edge.sources.again import again
from edge.sources.containers import Extent, file_extent
from edge.sources.decoded import PictureMaker, decoding_threads, mean_rate, moving, pixel_shape
from edge.sources.info import OpenSource, SourceInfo, SourceOptions, info_of_file, waiting_room
from edge.sources.turn import turn_frames
from models.errors import SourceError

log = logging.getLogger(__name__)

# FFmpeg guesses from the content and would also follow play lists and draw text files as video.
_FORMATS = (
    "mov,mp4,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,h264,hevc,m4v,mjpeg,ivf,"
    "yuv4mpegpipe,gif,dv"
)
_OPEN = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}

_NUDGE_S = 0.001  # between frames whose stamps stand still or swap
_JUMP_S = 1.0  # further back than this, another recording begins


def open_video(path: Path, options: SourceOptions) -> tuple[SourceInfo, OpenSource]:
    """A source of every frame of a video file; SourceError if it has none that can be decoded.

    A file that is cut off gives what is before the cut, then a warning, then ends.
    """
    video = Video(path, options.max_pixels)
    frames = video.frames()
    if options.loop:
        frames = again(frames, lambda: Video(path, options.max_pixels).frames(), 1 / video.fps)
    feed = Feed(turn_frames(frames, options), waiting_room(options), str(path))
    try:
        first = feed.peek()
    except Closed:
        feed.close()
        raise SourceError(f"{path} holds no picture that can be decoded") from None
    except BaseException:
        feed.close()
        raise
    count = None if options.loop else video.count
    return info_of_file(str(path), False, count, first, video.fps), feed


class Video:
    """One open video file. `count`: the frames it should have, if it says; `fps`: its mean rate."""

    def __init__(self, path: Path, max_pixels: int) -> None:
        self._path = path
        self._max_pixels = max_pixels
        try:
            self._extent = file_extent(path)
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror}") from error
        self._container = _open_container(path, self._extent)
        try:
            self._stream = self._video_stream()
            self._check_size(self._stream.codec_context.width, self._stream.codec_context.height)
        except BaseException:
            self._container.close()
            raise
        self.fps = mean_rate(self._stream)
        self._duration = self._declared_duration()
        self.count: int | None = self._stream.frames or round(self._duration * self.fps) or None
        self._stream.thread_type = "AUTO"
        context = self._stream.codec_context
        context.thread_count = decoding_threads(context.width, context.height)

    def frames(self) -> Generator[Frame, None, None]:
        """Every frame that can be decoded, upright, in presentation order; closes the file."""
        clock = PresentationClock(1 / self.fps)
        picture = PictureMaker(pixel_shape(self._stream))
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
        streams = moving(self._container)
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
