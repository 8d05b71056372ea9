"""The sound of a video file, copied packet by packet beside the annotated pictures."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
from av.bitstream import BitStreamFilterContext

from edge.sources.decoded import moving

log = logging.getLogger(__name__)

# What mp4 players know, by FFmpeg's names; Matroska takes everything.
IN_MP4 = frozenset({"aac", "mp3", "mp3float", "ac3", "eac3", "alac", "opus", "flac"})
_OPEN = {"protocol_whitelist": "file"}  # whatever the file says, nothing else is fetched
Failure = (av.error.FFmpegError, OSError, ValueError)


class Sound:
    """The first audio stream of a file, re-timed so that the first picture is at 0 s.

    Nothing is decoded. What comes before the first picture is left out. Where the sound is damaged,
    some or the rest of it is lost, with a warning; the pictures go on.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._container: Any = None
        self._packets: Iterator[Any] = iter(())
        self._next: Any = None
        self._stream: Any = None
        self._target: Any = None
        self._filter: BitStreamFilterContext | None = None
        self._damaged = False
        self._start = 0.0
        self._last = -1  # a decoding stamp of the output: they have to rise

    def add_to(self, output: Any, format_name: str) -> None:
        """Make room for it in an output that has no packet yet; without any sound, nothing."""
        try:
            self._container = av.open(str(self._path.absolute()), options=_OPEN)
            streams = self._container.streams.audio
            # PyAV gives those that it has no decoder for no context, and cannot copy them.
            known = (stream for stream in streams if stream.codec_context is not None)
            self._stream = next(known, None)
            if self._stream is None:
                if streams:
                    log.warning("%s: its sound is of a kind that PyAV does not know", self._path)
                self.close()
                return
            codec = self._stream.codec_context.name
            if format_name == "mp4" and codec not in IN_MP4:
                log.warning(
                    "%s: sound of the kind %s does not go into an mp4 and is left out; an .mkv "
                    "keeps it",
                    self._path,
                    codec,
                )
                self.close()
                return
            self._start = _first_picture(self._path)
            self._packets = self._container.demux(self._stream)
            if codec == "aac" and not self._stream.codec_context.extradata:
                # A transport stream's packets have headers of their own, from which the one of the
                # file is made. FFmpeg does so itself, but not for an mp4 in fragments, and where a
                # packet is damaged it gives the whole file up.
                self._filter = BitStreamFilterContext("aac_adtstoasc", self._stream)
            self._step()
            if self._next is None:
                return
            self._target = output.add_stream_from_template(self._stream)
            if self._filter and self._next.has_sidedata("new_extradata"):
                header = bytes(self._next.get_sidedata("new_extradata"))
                self._target.codec_context.extradata = header
        except Failure as error:
            self._stop(error)

    def until(self, seconds: float) -> Iterator[Any]:
        """The packets that begin before this second of the output, ready to be muxed."""
        while self._next is not None:
            packet = self._next
            begin = float(packet.pts * packet.time_base) - self._start
            if begin >= seconds:
                return
            shift = round(self._start / packet.time_base)
            packet.pts -= shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            packet.stream = self._target
            self._step()
            if begin >= 0 and packet.dts > self._last:
                self._last = packet.dts
                yield packet

    def close(self) -> None:
        """Let go of the file; no packet comes after this."""
        self._next = None
        container, self._container = self._container, None
        if container is not None:
            container.close()

    def _step(self) -> None:
        try:
            self._next = next(self._whole(), None)
        except Failure as error:
            self._stop(error)

    def _whole(self) -> Iterator[Any]:
        for packet in self._packets:
            if packet.pts is None or not packet.size:
                continue
            if not self._filter:
                yield packet
                continue
            try:
                found = self._filter.filter(packet)
            except av.error.FFmpegError as error:
                level = logging.DEBUG if self._damaged else logging.WARNING
                self._damaged = True
                log.log(level, "%s: some of its sound is damaged, left out: %s", self._path, error)
            else:
                yield from found

    def _stop(self, error: Exception) -> None:
        log.warning("%s: its sound cannot be read further and ends here: %s", self._path, error)
        self.close()


def _first_picture(path: Path) -> float:
    """The stamp in seconds of the first picture that can be decoded, which is the run's first.

    A recording that begins between key frames has packets before it.
    """
    with av.open(str(path.absolute()), options=_OPEN) as container:
        for packet in container.demux(moving(container)[0]):
            if packet.is_corrupt:
                continue
            with suppress(av.error.FFmpegError):
                for picture in packet.decode():
                    if picture.time is not None and not picture.is_corrupt:
                        return float(picture.time)
    return 0.0
