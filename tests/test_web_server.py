"""The live picture for many, and a server that ends although people still watch."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import numpy as np
import pytest
from starlette.types import Receive, Scope, Send

from edge.core import Box, Frame
from edge.core import Scene as Seen
from edge.web import server
from edge.web.address import listen, parse_address
from edge.web.picture import LivePicture, Picture, shrunk
from edge.web.server import PageServer
from tests.pages import make_road_scene, page
from tests.scenes import grey, make_track

PATIENCE_S = 60.0


def test_a_wide_picture_shrinks_with_its_boxes() -> None:
    scene = Seen(Frame(grey(1920, 1080), 0, 0.0), (make_track(Box(200, 100, 400, 300)),))

    small = shrunk(scene, 960)

    assert small.frame.image.shape == (540, 960, 3)
    assert small.tracks[0].box == Box(100, 50, 200, 150)
    assert scene.frame.image.shape == (1080, 1920, 3)
    assert shrunk(small, 960) is small


def test_the_picture_of_a_scene_is_made_once_for_all() -> None:
    picture = LivePicture()
    picture.offer(1, make_road_scene(1))

    async def look() -> list[Picture | None]:
        return await asyncio.gather(*(picture.after(-1, PATIENCE_S) for _ in range(5)))

    found = asyncio.run(look())

    assert all(each is found[0] for each in found)
    assert found[0] is not None
    assert found[0].number == 1


def test_who_waits_gets_the_next_scene() -> None:
    picture = LivePicture()
    picture.offer(1, make_road_scene(1))

    async def look() -> Picture | None:
        waiting = asyncio.create_task(picture.after(1, PATIENCE_S))
        await asyncio.sleep(0)
        threading.Thread(target=picture.offer, args=(2, make_road_scene(2))).start()
        return await waiting

    found = asyncio.run(look())

    assert found is not None
    assert found.number == 2


def test_a_newcomer_need_not_wait_with_those_who_have_seen_all() -> None:
    picture = LivePicture()
    picture.offer(1, make_road_scene(1))

    async def look() -> Picture | None:
        waiting = [asyncio.create_task(picture.after(1, PATIENCE_S)) for _ in range(2)]
        await asyncio.sleep(0)
        newcomer = await picture.after(-1, PATIENCE_S / 10)
        picture.close()
        assert await asyncio.gather(*waiting) == [None, None]
        return newcomer

    found = asyncio.run(look())

    assert found is not None
    assert found.number == 1


def test_who_waits_in_vain_is_told() -> None:
    picture = LivePicture()

    async def look() -> tuple[Picture | None, Picture | None]:
        in_vain = await picture.after(-1, 0.01)
        waiting = asyncio.create_task(picture.after(-1, PATIENCE_S))
        await asyncio.sleep(0)
        picture.close()
        return in_vain, await waiting

    assert asyncio.run(look()) == (None, None)


def test_the_page_ends_with_the_run_whoever_watches(tmp_path: Path) -> None:
    started = threading.Barrier(4, timeout=PATIENCE_S)

    def watch(url: str) -> None:
        try:
            with httpx.stream("GET", url, headers={"host": "localhost"}, timeout=None) as answer:
                chunks = answer.iter_raw()
                next(chunks)
                started.wait()
                for _ in chunks:
                    pass
        except httpx.TransportError:
            pass

    with page(tmp_path) as (client, sink, _):
        sink.write(make_road_scene(0))
        url = str(client.base_url.join("/live.mjpg"))
        viewers = [threading.Thread(target=watch, args=(url,), daemon=True) for _ in range(3)]
        for viewer in viewers:
            viewer.start()
        started.wait()
    for viewer in viewers:
        viewer.join(PATIENCE_S)
    for thread in threading.enumerate():  # the server's, if it is not through yet
        if thread.name == "page server":
            thread.join(PATIENCE_S)

    assert not any(viewer.is_alive() for viewer in viewers)
    assert "page server" not in {thread.name for thread in threading.enumerate()}


def test_a_viewer_that_takes_nothing_holds_nobody_up() -> None:
    """A socket that is never read fills up; the server cuts it off when it ends."""
    listener = listen(parse_address("0"))

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            noise = np.zeros(1_000_000, np.uint8).tobytes()
            await send({"type": "http.response.body", "body": noise, "more_body": True})

    server = PageServer(app, listener)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    with httpx.stream("GET", url, timeout=PATIENCE_S):
        server.close()
        server._thread.join(PATIENCE_S)  # while the viewer is still there

    assert not server._thread.is_alive()


def test_a_connection_on_which_nobody_asks_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "KEEP_ALIVE_S", 3600)  # so that it is not uvicorn that closes
    with page(tmp_path) as (client, _, _), pytest.MonkeyPatch.context() as patch:
        place = client.base_url.host, client.base_url.port
        patch.setattr(server, "SILENT_S", 0.05)
        with socket.create_connection(place) as silent, socket.create_connection(place) as slow:
            slow.sendall(b"GET / HTTP/1.1\r\nHost: ")
            assert all_of(silent) == all_of(slow) == b""
        patch.setattr(server, "SILENT_S", 3.0)
        with socket.create_connection(place) as satisfied:
            satisfied.sendall(b"GET /icon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert all_of(satisfied).startswith(b"HTTP/1.1 200 OK")


def test_who_takes_an_answer_slowly_gets_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SILENT_S", 1.0)
    body = bytes(8_000_000)

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    listener = listen(parse_address("0"))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)  # else it empties in leaps
    port = listener.getsockname()[1]
    answering = PageServer(app, listener)
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert len(all_of(slow, pause_s=0.02)) > len(body)
    answering.close()


def test_there_are_never_more_sockets_than_so_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_SOCKETS", 3)
    with page(tmp_path) as (client, _, _), ExitStack() as stack:
        place = client.base_url.host, client.base_url.port
        sockets = [stack.enter_context(socket.create_connection(place)) for _ in range(4)]
        assert all_of(sockets[3]) == b""

        sockets[0].sendall(b"GET /icon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert sockets[0].recv(15) == b"HTTP/1.1 200 OK"


def all_of(connection: socket.socket, pause_s: float = 0.0) -> bytes:
    """What the server sends until it ends the connection, taken with pauses."""
    connection.settimeout(PATIENCE_S)
    found = bytearray()
    with suppress(ConnectionResetError):
        while more := connection.recv(65_536):
            found += more
            time.sleep(pause_s)
    return bytes(found)
