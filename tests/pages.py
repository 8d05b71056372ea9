"""A page without a camera: real parts around a small store, for the tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from edge.classifier import SignClassifier
from edge.config import Config
from edge.core import Box, Event, Frame, Health, Image, Road, Scene
from edge.history import History
from edge.reader import Reader
from edge.sinks.store import Retention, Store, Stored
from edge.web.address import listen, parse_address
from edge.web.guard import Rules
from edge.web.reading import PictureReader
from edge.web.routes import Parts, build_app
from edge.web.server import PageServer
from edge.web.sink import About, PageSink
from tests.scenes import SPEED_50, grey, make_event, make_track

TOKEN = "correct-horse-battery"
HOSTS = frozenset({"localhost"})
ONLINE = Health("online", 0.0)
ABOUT = About("camera 0", True, lambda: "detector + classifier")


def upload_nets() -> tuple[Reader, SignClassifier]:
    """The published models, as the app gives them to the page."""
    from edge.line import upload_nets  # noqa: PLC0415 - loads LiteRT, which most tests do without

    return upload_nets(Config())


def make_road_scene(index: int = 0, time: float = 0.0) -> Scene:
    """A grey picture with one sign in it, on a road with a limit."""
    image = grey(1280, 720, 60 + index % 100)
    track = make_track(Box(600, 300, 660, 360), SPEED_50)
    return Scene(Frame(image, index, time), (track,), (), {"total": 0.02}, Road(limit=50))


@contextmanager
def page(
    folder: Path, token: str = "", events: int = 0, loopback: bool = True, health: Health = ONLINE
) -> Iterator[tuple[httpx.Client, PageSink, Store]]:
    """The page on a port of its own, asked as `http://localhost`; patient on a busy machine."""
    store = Store(folder / "page.sqlite", "camera 0", Retention(30, 20))
    jpeg = encoded(grey(128, 128), ".jpg")
    store.add([Stored(numbered(number), jpeg) for number in range(events)])
    history = History(folder / "page.sqlite")
    sink = PageSink(ABOUT, lambda: health)
    parts = Parts(sink, history, PictureReader(upload_nets), kept=True)
    app = build_app(parts, lambda login: Rules(HOSTS, loopback, token, login, wrong_s=0.0))
    listener = listen(parse_address("0"))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = PageServer(app, listener)
    try:
        with (
            pytest.MonkeyPatch.context() as patch,
            httpx.Client(base_url=url, headers={"host": "localhost"}, timeout=60) as client,
        ):
            patch.setattr("edge.web.server.SILENT_S", 600)
            yield client, sink, store
    finally:
        sink.close()
        server.close()
        history.close()
        store.close()


def numbered(number: int) -> Event:
    """The first event of a sign of its own."""
    return replace(make_event(), id=f"e{number}", sign_id=f"s{number}")


def encoded(picture: Image, suffix: str) -> bytes:
    """The picture as the content of a file with this suffix."""
    return cv2.imencode(suffix, picture)[1].tobytes()


def demo_frame(index: int) -> Image:
    """One frame of the bundled drive."""
    video = cv2.VideoCapture(str(Path(__file__).parents[1] / "edge" / "demo" / "drive.mp4"))
    video.set(cv2.CAP_PROP_POS_FRAMES, index)
    ok, image = video.read()
    video.release()
    assert ok
    return np.asarray(image, np.uint8)
