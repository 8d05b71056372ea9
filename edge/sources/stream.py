"""Streams over the network through PyAV: RTSP, HTTP (MJPEG, MPEG-TS, HLS, MP4) and UDP.

PyAV and not OpenCV's FFmpeg, measured on a stream of 1280x720 at 30 frames/s, one decoding thread:
a frame costs 3.1 ms of CPU against 2.5 ms and the first one comes as soon (1.8 s against 1.7 s
with the same options). For those 0.6 ms it tells why a stream cannot be opened (refused, 401, 404;
OpenCV says no and writes the address to stderr), takes its options by stream and not by an
environment variable, and gives the presentation times without which HLS cannot be played at its
speed. Timeouts hold in both, as long as OpenCV's FFmpeg is asked for by name.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any
from urllib.parse import urlsplit

import av

from edge.sources.decoded import PictureMaker, decoding_threads, moving, pixel_shape
from edge.sources.device import Lost, Pause, Shot
from edge.sources.info import SourceOptions
from edge.sources.pace import Backlog, Pace
from edge.sources.uri import redact
from models.errors import SourceError

log = logging.getLogger(__name__)

# What each kind of address may lead to. HTTP can name further addresses (HLS, redirects): never
# files of this machine. FFmpeg looks at what comes for five seconds, as long as the timeout, where
# a stream is silent that was announced, such as the sound of many cameras. And it counts frames to
# learn a rate that nobody asks for: without, RTSP is there after 0.8 s, not 1.6.
_LOOK = {"analyzeduration": "2000000", "fpsprobesize": "0"}  # microseconds, frames
_RTSP = {
    **_LOOK,
    "rtsp_transport": "tcp",  # over UDP every lost packet smears the picture up to the next key
    "protocol_whitelist": "rtp,udp,tcp,tls",
    "format_whitelist": "rtsp",
}
_HTTP = {
    **_LOOK,
    "protocol_whitelist": "http,https,tcp,tls,crypto",
    "format_whitelist": "mpjpeg,mpegts,hls,mov,matroska,webm,flv,avi,mpeg,h264,hevc,mjpeg",
}
_UDP = {
    **_LOOK,
    "protocol_whitelist": "udp",
    "format_whitelist": "mpegts",
    "overrun_nonfatal": "1",  # a reader that was held up loses packets, not the stream
}
_OPTIONS = {"rtsp": _RTSP, "rtsps": _RTSP, "http": _HTTP, "https": _HTTP, "udp": _UDP}

_LOW_DELAY = 1 << 19  # AV_CODEC_FLAG_LOW_DELAY: a picture is out as soon as it is decoded

# What another try will not mend. FFmpeg also calls an answer that never came invalid data, so
# that only a web server, which has answered by then, can be taken at its word.
_HOPELESS = (
    av.error.HTTPBadRequestError,
    av.error.HTTPUnauthorizedError,
    av.error.HTTPForbiddenError,
    av.error.HTTPNotFoundError,
    av.error.ProtocolNotFoundError,
    av.error.DemuxerNotFoundError,
    av.error.DecoderNotFoundError,
)


class Stream:
    """A device of the pictures at an address.

    Cameras give each picture as it is made. What a web server gives in pieces (HLS) or as fast as
    it can (a file) is played at its own speed; a file ends, all else is `Lost` when it stops. A
    file that breaks off starts from its beginning when it is opened again.
    """

    def __init__(
        self, address: str, options: SourceOptions, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = redact(address)
        self._address = address
        self._scheme = urlsplit(address).scheme
        self._options = options
        self._clock = clock

    def __call__(self, pause: Pause) -> Generator[Shot, None, None]:
        container = self._open()
        try:
            yield from self._shots(container, pause)
            finite = container.duration is not None
        finally:
            container.close()
        if not finite:
            raise Lost(f"{self.name}: the stream has ended")

    def _open(self) -> av.container.InputContainer:
        timeout_s = self._options.timeout_s
        began = self._clock()
        try:
            return av.open(
                self._address,
                format="mpegts" if self._scheme == "udp" else None,
                options=_OPTIONS[self._scheme],
                timeout=(timeout_s, timeout_s),
            )
        except av.FFmpegError as error:
            why = self._why(error)
            late = self._clock() - began >= timeout_s
            if late:
                why = f"no answer for {timeout_s:g} s"
            web = self._scheme in ("http", "https")
            hopeless = isinstance(error, _HOPELESS) or (
                web and isinstance(error, av.error.InvalidDataError)
            )
            kind = SourceError if hopeless and not late else Lost
            raise kind(f"{self.name}: {why}") from error

    def _shots(
        self, container: av.container.InputContainer, pause: Pause
    ) -> Generator[Shot, None, None]:
        stream = self._video(container)
        recorded = container.duration is not None
        picture, size = PictureMaker(1.0, recorded), (0, 0)
        pace = Pace() if recorded or container.format.name == "hls" else None
        backlog = Backlog()
        patience_s = 2 * self._options.timeout_s  # the first key frame can be far away
        heard = self._clock()
        packets = self._packets(container)
        while True:
            asked = self._clock()
            packet = next(packets, None)
            if packet is None:
                return
            arrived = self._clock()
            if arrived - heard > patience_s:
                raise Lost(f"{self.name}: no picture for {patience_s:g} s")
            if pause(0.0):
                return
            if packet.stream_index != stream.index:
                continue
            stamp = None if packet.dts is None else float(packet.dts * packet.time_base)
            if not pace and backlog.skip(stamp, asked, arrived, packet.is_keyframe):
                continue
            for decoded in self._decoded(packet):
                if (decoded.width, decoded.height) != size:
                    size = decoded.width, decoded.height
                    self._check_size(*size)
                    picture = PictureMaker(pixel_shape(stream), recorded)
                image = picture(decoded)
                if pace:
                    due = pace(decoded.time, self._clock())
                    wait = due - self._clock()
                    if wait > 0 and pause(wait):
                        return
                    arrived = due
                yield Shot(image, arrived)
                heard, patience_s = self._clock(), self._options.timeout_s

    def _video(self, container: av.container.InputContainer) -> av.VideoStream:
        streams = [s for s in moving(container) if s.codec_context is not None]
        if not streams:
            found = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
            raise Lost(f"{self.name}: no video that can be decoded: found {found}")
        context = streams[0].codec_context
        self._check_size(context.width, context.height)
        streams[0].thread_type = "SLICE"  # by frames, each thread would hold one back
        context.thread_count = decoding_threads(context.width, context.height)
        context.flags |= _LOW_DELAY
        return streams[0]

    def _packets(self, container: av.container.InputContainer) -> Iterator[Any]:
        """Every packet, also those of the sound: a stream of sound alone must not go unnoticed."""
        try:
            yield from container.demux()
        except av.FFmpegError as error:
            why = self._why(error)
            if isinstance(error, av.error.ExitError):
                why = f"no data for {self._options.timeout_s:g} s"
            raise Lost(f"{self.name}: {why}") from error

    def _decoded(self, packet: Any) -> Iterator[av.VideoFrame]:
        """The whole pictures of a packet; a damaged one gives none."""
        try:
            for decoded in packet.decode():
                if isinstance(decoded, av.VideoFrame) and not decoded.is_corrupt:
                    yield decoded
        except EOFError:  # the decoder has been emptied already
            pass
        except av.FFmpegError as error:
            log.debug("%s: a damaged packet was left out: %s", self.name, error.strerror)

    def _check_size(self, width: int, height: int) -> None:
        most = self._options.max_pixels
        if width * height > most:
            raise SourceError(
                f"{self.name}: too large: {width} × {height} pixels, expected at most "
                f"{most / 1e6:g} million"
            )

    def _why(self, error: Exception) -> str:
        """FFmpeg's words without its address, which holds the password."""
        if isinstance(error, av.error.InvalidDataError):
            return "the answer is not a video"
        if isinstance(error, av.error.ExitError):
            return f"no answer for {self._options.timeout_s:g} s"
        words = getattr(error, "strerror", None) or type(error).__name__
        return str(words).replace(self._address, self.name)
