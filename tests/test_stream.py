"""Streams from a web server next door: what they give, and how each failure is called."""

from __future__ import annotations

import gc
import socket
from pathlib import Path

import av
import pytest
from media import HEIGHT, WIDTH, cut, noise, steady, write_video

from edge.sources import SourceOptions, open_source
from edge.sources.device import Lost, Shot
from edge.sources.stream import Stream
from models.errors import SourceError
from tests.live.servers import body_server, folder_server, free_port

OPTIONS = SourceOptions(timeout_s=30.0)


def no_pause(_: float) -> bool:
    return False


def test_a_recording_is_played_to_its_end_and_turned(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", steady(10, 50), rate=50)

    with folder_server(tmp_path) as address:
        shots = list(Stream(f"{address}a.mp4", OPTIONS)(no_pause))
        info, source = open_source(f"{address}a.mp4", SourceOptions(rotate=90))
        source.close()

    assert len(shots) == 10
    assert shots[0].image.shape == (HEIGHT, WIDTH, 3)
    assert info.size == (HEIGHT, WIDTH)
    assert info.live


def until_lost(stream: Stream) -> list[Shot]:
    """What it gives before it is lost."""
    shots = []
    with pytest.raises(Lost):
        shots.extend(shot for shot in stream(no_pause))
    return shots


def test_what_goes_on_for_ever_and_stops_is_lost(tmp_path: Path) -> None:
    data = write_video(tmp_path / "a.ts", steady(10)).read_bytes()

    with body_server("video/mp2t", lambda: [data]) as address:
        assert 5 <= len(until_lost(Stream(address, OPTIONS))) <= 10


def test_a_stream_that_was_lost_leaves_nothing_behind_for_the_garbage_collector(
    tmp_path: Path,
) -> None:
    data = write_video(tmp_path / "a.ts", steady(10)).read_bytes()
    gc.collect()
    gc.disable()
    try:
        with body_server("video/mp2t", lambda: [data]) as address:
            assert until_lost(Stream(address, OPTIONS))
        left = sum(isinstance(thing, av.VideoFrame) for thing in gc.get_objects())
    finally:
        gc.enable()

    assert left == 0


def test_damage_in_the_middle_costs_only_what_is_damaged(tmp_path: Path) -> None:
    data = bytearray(write_video(tmp_path / "a.ts", steady(50), picture=noise).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)

    with body_server("video/mp2t", lambda: [bytes(data)]) as address:
        assert 30 <= len(until_lost(Stream(address, OPTIONS))) < 50


def test_it_ends_when_nobody_wants_more(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", steady(10))

    with folder_server(tmp_path) as address:
        assert list(Stream(f"{address}a.mp4", OPTIONS)(lambda _: True)) == []


def test_a_page_is_no_video_and_never_will_be(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>hello</html>")

    with (
        folder_server(tmp_path) as address,
        pytest.raises(SourceError, match="not a video") as error,
    ):
        next(Stream(f"{address}page.html", OPTIONS)(no_pause))

    assert not isinstance(error.value, Lost)


def test_what_is_not_there_is_said_once_and_for_all(tmp_path: Path) -> None:
    with folder_server(tmp_path) as address, pytest.raises(SourceError, match="404") as error:
        next(Stream(f"{address}none.mp4", OPTIONS)(no_pause))

    assert not isinstance(error.value, Lost)


def test_a_server_that_is_not_there_may_come() -> None:
    with pytest.raises(Lost, match="Connection refused"):
        next(Stream(f"http://127.0.0.1:{free_port()}/x", OPTIONS)(no_pause))


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_server_that_never_answers_is_given_up_in_time(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"{scheme}://me:geheim@127.0.0.1:{silent.getsockname()[1]}/live"
        with pytest.raises(Lost, match=r"no answer for 0\.3 s") as error:
            next(Stream(address, SourceOptions(timeout_s=0.3))(no_pause))

    assert "geheim" not in str(error.value)
    assert "***@127.0.0.1" in str(error.value)


def test_a_picture_that_is_too_large_is_refused(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", steady(3))

    with folder_server(tmp_path) as address, pytest.raises(SourceError, match="too large: 64 × 48"):
        open_source(f"{address}a.mp4", SourceOptions(max_pixels=WIDTH * HEIGHT - 1))


def test_a_recording_that_is_cut_off_before_its_index_is_no_video(tmp_path: Path) -> None:
    cut(write_video(tmp_path / "a.mp4", steady(3)), 0.3)

    with folder_server(tmp_path) as address, pytest.raises(SourceError, match="not a video"):
        open_source(f"{address}a.mp4", OPTIONS)
