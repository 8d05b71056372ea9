"""Streams of real servers that are killed, frozen, broken and changed, and the app that goes on."""

from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import av
import pytest

from edge.core import Frame
from edge.sources import OpenSource, SourceInfo, SourceOptions, arrivals, open_source
from models.errors import SourceError
from tests.commands import environment, patient_command
from tests.live.servers import (
    H264,
    PICTURE,
    Server,
    body_server,
    ffmpeg,
    ffmpeg_missing,
    folder_server,
    free_port,
    make,
    make_ts,
    mjpeg_server,
    paced,
    rtsp_missing,
    rtsp_server,
    udp_sender,
)
from tests.waiting import eventually

PATIENCE_S = 90.0  # for what takes seconds, on a machine that is busy
OPTIONS = SourceOptions(timeout_s=3.0)
PATIENT = SourceOptions(timeout_s=PATIENCE_S)  # where it is not silence that is tested

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(bool(ffmpeg_missing()), reason=ffmpeg_missing() or "ffmpeg is there"),
]
with_rtsp = pytest.mark.skipif(bool(rtsp_missing()), reason=rtsp_missing() or "RTSP is there")


class Viewer:
    """Takes frames, as the main loop does, until something is seen."""

    def __init__(self, address: str, options: SourceOptions = OPTIONS) -> None:
        self.info: SourceInfo
        self._source: OpenSource
        self.info, self._source = open_source(address, options)
        self._arrivals = arrivals(self._source)

    def until(self, seen: Callable[[Frame | None], bool]) -> Frame | None:
        """What came when that was true; None is a second without a frame."""
        deadline = time.monotonic() + PATIENCE_S
        for frame in self._arrivals:
            if seen(frame):
                return frame
            assert time.monotonic() < deadline, f"it never came to that: {self.info.health()}"
        raise AssertionError("the stream ended")

    def frame(self, segment: int | None = None) -> Frame:
        """The next frame, of that segment if it is named."""
        found = self.until(lambda f: f is not None and segment in (None, f.segment))
        assert found is not None
        return found

    def after(self, last: Frame) -> Frame:
        """The next frame of a later segment."""
        found = self.until(lambda f: f is not None and f.segment > last.segment)
        assert found is not None
        return found

    def state(self, *states: str) -> None:
        """Wait for one of these states."""
        self.until(lambda _: self.info.health().state in states)

    def close(self) -> None:
        self._source.close()


@contextmanager
def watching(address: str, options: SourceOptions = OPTIONS) -> Iterator[Viewer]:
    viewer = Viewer(address, options)
    try:
        yield viewer
    finally:
        viewer.close()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


# --- what each kind of stream gives ---


@with_rtsp
def test_rtsp_gives_pictures() -> None:
    port = free_port()
    with rtsp_server(port), watching(f"rtsp://127.0.0.1:{port}/live") as viewer:
        first, second = viewer.frame(), viewer.frame()

    assert first.image.shape == (360, 640, 3)
    assert second.time > first.time
    assert viewer.info.live


def test_mjpeg_over_http_gives_pictures() -> None:
    port = free_port()
    with mjpeg_server(port), watching(f"http://127.0.0.1:{port}/") as viewer:
        assert viewer.frame().image.shape == (240, 320, 3)


def test_mpegts_over_udp_gives_pictures() -> None:
    port = free_port(socket.SOCK_DGRAM)
    with udp_sender(port), watching(f"udp://127.0.0.1:{port}") as viewer:
        assert viewer.frame().image.shape == (240, 320, 3)


def test_a_file_on_a_web_server_is_played_at_its_speed_and_ends(tmp_path: Path) -> None:
    make("-f", "lavfi", "-i", PICTURE, "-t", "2", *H264, str(tmp_path / "a.mp4"))

    with folder_server(tmp_path) as address:
        info, source = open_source(f"{address}a.mp4", PATIENT)
        frames = list(source)

    assert info.health().frames == 50
    assert info.health().state == "ended"
    assert frames[-1].index == 49
    first = frames[0]
    places = [(each.time - first.time) * 25 - (each.index - first.index) for each in frames]
    assert max(map(abs, places)) < 0.01  # each where it belongs, 1/25 s after the one before


def picture_steps(frames: Sequence[Frame]) -> list[float]:
    """Seconds from one picture to the next, in each step; some may have been left out between."""
    return [(b.time - a.time) / (b.index - a.index) for a, b in pairwise(frames)]


def test_hls_that_goes_on_is_played_at_its_speed(tmp_path: Path) -> None:
    """Its pieces of a second come in bursts of 25 pictures: without a pace, 24 would be lost."""
    playlist = tmp_path / "live.m3u8"
    hls = ("-f", "hls", "-hls_time", "1", "-hls_list_size", "4", "-hls_flags", "delete_segments")
    with (
        ffmpeg("-re", "-f", "lavfi", "-i", PICTURE, *H264, *hls, str(playlist)),
        folder_server(tmp_path) as address,
    ):
        assert eventually(playlist.exists)
        with watching(f"{address}live.m3u8") as viewer:
            steps = picture_steps([viewer.frame() for _ in range(100)])

    assert sorted(steps)[len(steps) // 2] == pytest.approx(1 / 25, abs=0.002)


# --- what cannot be opened ---


@with_rtsp
def test_a_wrong_password_or_path_is_an_error_that_shows_no_password(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    port = free_port()
    place = f"127.0.0.1:{port}"
    with rtsp_server(port, "--user", "me", "--password", "geheim"):
        with pytest.raises(SourceError, match="401") as wrong:
            open_source(f"rtsp://me:falsch@{place}/live", PATIENT)
        with pytest.raises(SourceError, match="404") as nowhere:
            open_source(f"rtsp://me:geheim@{place}/nowhere?token=geheim", PATIENT)
        with watching(f"rtsp://me:geheim@{place}/live") as viewer:
            viewer.frame()

    told = f"{wrong.value} {nowhere.value} {viewer.info} {caplog.text}"
    assert "geheim" not in told
    assert "falsch" not in told
    assert place in told


def test_a_page_that_is_no_video_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>hello</html>")

    with folder_server(tmp_path) as address, pytest.raises(SourceError, match="not a video"):
        open_source(f"{address}page.html", PATIENT)


def test_a_playlist_cannot_name_files_of_this_machine(tmp_path: Path) -> None:
    make_ts(tmp_path / "secret.ts", "320x240", 1)
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{tmp_path}/secret.ts\n"
    (tmp_path / "list.m3u8").write_text(playlist + "#EXT-X-ENDLIST\n")

    with folder_server(tmp_path) as address, pytest.raises(SourceError):
        open_source(f"{address}list.m3u8", PATIENT)


def test_a_server_that_comes_later_is_waited_for() -> None:
    port = free_port()
    with watching(f"http://127.0.0.1:{port}/") as viewer:
        assert viewer.info.size is None
        assert viewer.info.health().state == "connecting"
        assert viewer.info.health().detail == "Connection refused"
        with mjpeg_server(port):
            assert viewer.frame().segment == 0


# --- what breaks ---


every_kind = pytest.mark.parametrize("kind", [pytest.param("rtsp", marks=with_rtsp), "http", "udp"])


def serve(kind: str) -> tuple[Server, str]:
    """A server of that kind of stream, and its address."""
    if kind == "udp":
        port = free_port(socket.SOCK_DGRAM)
        return udp_sender(port), f"udp://127.0.0.1:{port}"
    port = free_port()
    if kind == "http":
        return mjpeg_server(port), f"http://127.0.0.1:{port}/"
    return rtsp_server(port), f"rtsp://127.0.0.1:{port}/live"


@every_kind
def test_a_server_that_is_killed_and_restarted_ten_times_is_found_ten_times(kind: str) -> None:
    server, address = serve(kind)
    with server, watching(address) as viewer:
        last = viewer.frame()
        before = threads(), descriptors()
        for _ in range(10):
            server.kill()
            viewer.state("reconnecting")
            server.start()
            frame = viewer.after(last)
            assert frame.index > last.index
            last = frame
        # A reader that was given up on a busy machine takes a while to end.
        viewer.until(lambda _: threads() <= before[0] and descriptors() <= before[1])

    assert viewer.info.health().reconnects >= 10
    assert viewer.info.health().frames > 10


@every_kind
def test_a_server_that_freezes_without_closing_is_noticed_and_found_again(kind: str) -> None:
    server, address = serve(kind)
    # It is stalled for eight seconds before it is lost: whoever looks once a second sees both.
    with server, watching(address, SourceOptions(timeout_s=10.0)) as viewer:
        last = viewer.frame()
        server.freeze()
        viewer.state("stalled")
        viewer.state("reconnecting")
        assert viewer.info.health().detail
        server.thaw()
        if kind == "http":
            server.restart()  # ffmpeg serves one viewer only, and that one has gone

        viewer.after(last)
        assert viewer.info.health().state == "online"


@with_rtsp
def test_a_server_that_changes_the_resolution_half_way_is_followed() -> None:
    port = free_port()
    flags = ("--size", "640x360", "--then", "320x240")
    address = f"rtsp://127.0.0.1:{port}/live"
    with rtsp_server(port, *flags) as server, watching(address, PATIENT) as viewer:
        first = viewer.frame(segment=0)
        server.change()
        second = viewer.frame(segment=1)

    assert (first.image.shape, second.image.shape) == ((360, 640, 3), (240, 320, 3))
    assert viewer.info.health().reconnects == 0


def test_another_resolution_in_the_same_mpegts_is_followed(tmp_path: Path) -> None:
    small = make_ts(tmp_path / "small.ts", "320x240", 2)
    large = make_ts(tmp_path / "large.ts", "640x360", 2)

    def body() -> Iterator[bytes]:
        yield from paced(small, 2)
        yield from paced(large, 2)

    with body_server("video/mp2t", body) as address, watching(address) as viewer:
        assert viewer.frame(segment=0).image.shape == (240, 320, 3)
        assert viewer.frame(segment=1).image.shape == (360, 640, 3)


def test_garbage_in_the_middle_of_a_stream_is_survived(tmp_path: Path) -> None:
    good = make_ts(tmp_path / "good.ts", "320x240", 2)
    garbage = random.Random(4).randbytes(200_000)

    def body() -> Iterator[bytes]:
        while True:
            yield from paced(good, 2)
            yield from paced(garbage, 1)

    with body_server("video/mp2t", body) as address, watching(address) as viewer:
        viewer.until(lambda _: viewer.info.health().frames > 120)  # well into a third round

        assert viewer.info.health().state == "online"


def test_garbage_that_never_ends_is_lost_and_tried_again(tmp_path: Path) -> None:
    good = make_ts(tmp_path / "good.ts", "320x240", 2)
    healthy = threading.Event()
    healthy.set()
    noise = random.Random(5)

    def body() -> Iterator[bytes]:
        if healthy.is_set():
            yield from paced(good, 1)
        for _ in range(60):
            yield from paced(noise.randbytes(20_000), 0.5, 5)

    with body_server("video/mp2t", body) as address, watching(address) as viewer:
        last = viewer.frame()
        healthy.clear()
        viewer.state("reconnecting")
        healthy.set()

        assert viewer.after(last).segment == last.segment + 1


def test_a_server_that_answers_rtsp_with_garbage_is_tried_again() -> None:
    garbage = random.Random(6).randbytes(5000)
    asked = []

    def answer(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # the test is over
                return
            with connection:
                asked.append(connection.recv(1000))
                connection.sendall(garbage)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, args=(listener,), daemon=True).start()
        port = listener.getsockname()[1]
        with watching(f"rtsp://127.0.0.1:{port}/live") as viewer:
            viewer.until(lambda _: len(asked) >= 2)

            assert viewer.info.health().state == "connecting"
            assert viewer.info.health().detail
        listener.shutdown(socket.SHUT_RDWR)


# --- the whole app ---


@with_rtsp
def test_a_signal_while_the_stream_is_frozen_ends_the_app_with_whole_outputs(
    tmp_path: Path,
) -> None:
    port = free_port()
    with rtsp_server(port) as server:
        address = f"rtsp://127.0.0.1:{port}/live"
        with subprocess.Popen(
            patient_command(
                "edge.run", "--source", address, "-o", "seen.mkv", "--events", "seen.jsonl"
            ),
            cwd=tmp_path,
            env=environment(),
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            wait_for_video(tmp_path)
            server.freeze()
            time.sleep(3)  # long enough to be stalled
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 128 + signal.SIGTERM, errors
    assert "Traceback" not in errors
    with av.open(str(tmp_path / "seen.mkv")) as container:
        assert sum(1 for _ in container.decode(video=0)) > 0
    for line in (tmp_path / "seen.jsonl").read_text().splitlines():
        json.loads(line)


def wait_for_video(folder: Path) -> None:
    """Until something of the video is on the disk, under the name that it has meanwhile."""
    part = folder / "seen.part.mkv"
    assert eventually(lambda: part.exists() and part.stat().st_size > 0), "no picture was written"
