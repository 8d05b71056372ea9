"""What the page answers: the state, the live picture, the history, and pictures sent to it."""

from __future__ import annotations

import asyncio
import io
import os
import socket
import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from PIL import Image as Pillow

from edge.classifier import SignClassifier
from edge.config import Config
from edge.core import Health, Image
from edge.reader import Reader
from edge.sinks.store import Store
from edge.web import reading
from edge.web.reading import MAX_BYTES, MAX_PICTURES, Busy, PictureReader
from edge.web.sink import PageSink
from tests.commands import TIMEOUT_S
from tests.pages import demo_frame, encoded, make_road_scene, page, upload_nets
from tests.scenes import SPEED_50, grey

Page = tuple[httpx.Client, PageSink, Store]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Page]:
    with page(tmp_path, events=30) as parts:
        yield parts


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """One page for all pictures, so that its nets are loaded once."""
    with page(tmp_path_factory.mktemp("page")) as (client, _, _):
        yield client


@pytest.fixture(scope="module")
def drive() -> Image:
    """A frame of the drive in which a sign stands close by."""
    return demo_frame(36)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/page.css", "text/css; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
        ("/signs/0.webp", "image/webp"),
        ("/signs/42.webp", "image/webp"),
    ],
)
def test_the_pages_files_are_there(client: httpx.Client, path: str, kind: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)


def test_before_the_first_frame_the_page_says_how_the_source_is(tmp_path: Path) -> None:
    health = Health("reconnecting", 0.0, dropped=3, reconnects=2, detail="no route to host")
    with page(tmp_path, health=health) as (client, _, _):
        state = client.get("/api/state").json()

    told = {name: state["source"][name] for name in ("state", "detail", "dropped", "reconnects")}
    assert told == {
        "state": "reconnecting",
        "detail": "no route to host",
        "dropped": 3,
        "reconnects": 2,
    }
    assert state["line"]["frames"] == 0
    assert (state["signs"], state["road"]) == ([], None)


def test_the_state_is_that_of_the_newest_scene(opened: Page) -> None:
    client, sink, _ = opened
    for index in range(3):
        sink.write(make_road_scene(index))

    state = client.get("/api/state").json()

    assert state["source"]["name"] == "camera 0"
    assert state["source"]["state"] == "online"
    assert (state["line"]["frames"], state["line"]["latency_ms"]) == (3, 20.0)
    assert state["road"]["limit"] == 50
    assert state["history"] == {"newest": 30, "kept": True}
    (sign,) = state["signs"]
    assert (sign["class_id"], sign["name"], sign["probability"]) == (2, "Speed limit 50", 0.97)


def test_the_live_picture_is_the_newest_and_small(opened: Page) -> None:
    client, sink, _ = opened
    sink.write(make_road_scene(0))
    first = client.get("/live.jpg")
    sink.write(make_road_scene(50))
    second = client.get("/live.jpg", params={"after": first.headers["x-picture"]})

    shades = []
    for answer in (first, second):
        picture = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape == (540, 960, 3)
        shades.append(float(picture[500, 100].mean()))
    assert shades == pytest.approx([60, 110], abs=3)
    assert second.headers["x-picture"] == "2"


def test_nothing_is_drawn_while_nobody_looks(opened: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    client, sink, _ = opened
    drawn: list[int] = []
    whole = sink.picture._overlay.draw
    monkeypatch.setattr(
        sink.picture._overlay, "draw", lambda scene: drawn.append(scene.frame.index) or whole(scene)
    )
    for index in range(20):
        sink.write(make_road_scene(index))
        client.get("/api/state")
    assert drawn == []
    client.get("/live.jpg")
    assert drawn == [19]


def test_other_programs_get_motion_jpeg(opened: Page) -> None:
    client, sink, _ = opened
    sink.write(make_road_scene(0))
    with client.stream("GET", "/live.mjpg") as answer:
        assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=frame"
        found = b""
        for number, chunk in enumerate(answer.iter_raw()):
            found += chunk
            sink.write(make_road_scene(number + 1))
            if found.count(b"--frame\r\n") >= 4:
                break
    sizes = [int(part.split(b"\r\n")[0]) for part in found.split(b"Content-Length: ")[1:4]]
    body = found.partition(b"\r\n\r\n")[2][: sizes[0]]
    assert cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR) is not None


def test_the_history_comes_by_page_and_by_class(opened: Page) -> None:
    client, _, _ = opened

    first = client.get("/api/signs").json()["signs"]
    rest = client.get("/api/signs", params={"before": first[-1]["number"]}).json()["signs"]
    none = client.get("/api/signs", params={"class": 14}).json()["signs"]
    odd = client.get("/api/signs", params={"limit": "many", "before": "1e9", "class": ""}).json()
    few = client.get("/api/signs", params={"limit": "-1"}).json()["signs"]

    assert [sign["number"] for sign in first] == list(range(30, 6, -1))
    assert [sign["number"] for sign in rest] == [6, 5, 4, 3, 2, 1]
    assert none == []
    assert odd["signs"] == first
    assert few == first[:1]
    assert first[0]["name"] == "Speed limit 50"


def test_a_sign_of_the_history_has_its_picture(opened: Page) -> None:
    client, _, _ = opened
    sign = client.get("/api/signs").json()["signs"][0]

    answer = client.get(sign["crop"])

    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content == encoded(grey(128, 128), ".jpg")


@pytest.mark.parametrize("number", ["999", "9" * 20, "9" * 5000, "-1", "x"])
def test_a_picture_of_no_sign_is_not_there(number: str, opened: Page) -> None:
    client, _, _ = opened

    assert client.get(f"/crops/{number}.jpg").status_code == 404


def test_the_classes_are_counted(opened: Page) -> None:
    client, _, _ = opened

    (counted,) = client.get("/api/counts").json()["classes"]

    assert (counted["class_id"], counted["count"]) == (SPEED_50, 30)


# --- pictures that are sent ---


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp"])
def test_a_scene_is_read(client: httpx.Client, drive: Image, suffix: str) -> None:
    answer = client.post("/api/read", content=encoded(drive, suffix))

    told = answer.json()
    assert (told["width"], told["height"], told["whole"]) == (1280, 720, False)
    found = {sign["name"]: sign["box"] for sign in told["signs"]}
    x1, y1, x2, y2 = found["Speed limit 50"]
    assert 800 < x1 < x2 < 1000
    assert 300 < y1 < y2 < 420


def test_a_cropped_sign_is_read_as_a_whole(client: httpx.Client) -> None:
    with Pillow.open(Path(__file__).parents[1] / "edge" / "web" / "signs" / "14.webp") as sign:
        crop = Pillow.new("RGB", (56, 56), (90, 110, 90))
        crop.paste(sign.resize((44, 44)), (6, 6), sign.resize((44, 44)))
    data = io.BytesIO()
    crop.save(data, "PNG")

    told = client.post("/api/read", content=data.getvalue()).json()

    assert [sign["name"] for sign in told["signs"]] == ["Stop"]


def test_a_picture_without_a_sign_has_none(client: httpx.Client) -> None:
    told = client.post("/api/read", content=encoded(grey(640, 360), ".png")).json()

    assert (told["signs"], told["whole"]) == ([], True)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims to be so large and has no more than its header."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    size, check = struct.pack(">I", 13), struct.pack(">I", zlib.crc32(head))
    return b"\x89PNG\r\n\x1a\n" + size + head + check + struct.pack(">I", 9) + b"IDAT"


def other_format(name: str) -> bytes:
    data = io.BytesIO()
    Pillow.new("RGB", (64, 64)).save(data, name)
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 415, "this file is empty"),
        (b"hello", 415, "not a picture: expected JPEG, PNG, WEBP, BMP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "not a picture"),
        (other_format("GIF"), 415, "not a picture"),
        (other_format("TIFF"), 415, "not a picture"),
        (other_format("PDF"), 415, "not a picture"),
        (png_header(100_000, 100_000), 415, "too large"),
        (png_header(6000, 9000), 415, "too large: 6000 × 9000 pixels"),
        (png_header(64, 64), 415, "damaged or cut off"),
        (b"\xff\xd8\xff" + bytes(100), 415, "this file"),
        (bytes(MAX_BYTES + 1), 413, "over 24 MB"),
    ],
    ids=["empty", "text", "svg", "gif", "tiff", "pdf", "bomb", "large", "cut", "jpeg", "bytes"],
)
def test_what_is_no_fitting_picture_is_refused_in_words(
    client: httpx.Client, data: bytes, status: int, words: str
) -> None:
    answer = client.post("/api/read", content=data)

    assert answer.status_code == status
    assert words in answer.json()["error"]


def test_a_body_without_a_length_is_capped_as_well(client: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(MAX_BYTES // 1_000_000 + 3):
            yield bytes(1_000_000)

    assert client.post("/api/read", content=endless()).status_code == 413


def test_pictures_on_their_way_are_bounded_together() -> None:
    reader = PictureReader(upload_nets)
    with ExitStack() as held:
        for _ in range(MAX_PICTURES):
            held.enter_context(reader.place())
        with pytest.raises(Busy), reader.place():
            pass
    with reader.place():  # who goes gives the place back
        pass


def test_pictures_are_read_by_the_settings_of_now() -> None:
    settings = [Config()]
    made: list[Config] = []

    def load() -> tuple[Reader, SignClassifier]:
        made.append(settings[0])
        return upload_nets()

    reader = PictureReader(load, lambda: settings[0])
    sent = encoded(demo_frame(0), ".jpg")
    for _ in range(2):
        asyncio.run(reader.read(sent))
    settings[0] = Config(conf=0.9)
    asyncio.run(reader.read(sent))

    assert made == [Config(), Config(conf=0.9)]


def test_a_picture_without_a_place_is_refused_before_it_is_sent(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_PICTURES", 0)
    head = f"POST /api/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MAX_BYTES}\r\n\r\n"
    address = (client.base_url.host, client.base_url.port)
    with socket.create_connection(address, timeout=60) as slow:
        slow.sendall(head.encode() + bytes(1000))
        assert slow.recv(1000).startswith(b"HTTP/1.1 503 ")
    answer = client.post("/api/read", content=b"x")
    assert answer.status_code == 503
    assert "try again" in answer.json()["error"]


def test_a_form_is_told_how_to_send(client: httpx.Client) -> None:
    answer = client.post("/api/read", files={"picture": b"x"})

    assert answer.status_code == 415
    assert "curl --data-binary" in answer.json()["error"]


def test_mutated_pictures_are_answered(client: httpx.Client, drive: Image) -> None:
    random = np.random.default_rng(5)
    small = cv2.resize(drive, (320, 180))
    statuses = set()
    for suffix in (".jpg", ".png", ".webp", ".bmp"):
        for _ in range(10):
            data = bytearray(encoded(small, suffix))
            for place in random.integers(0, len(data), 20):
                data[place] ^= 1 << int(random.integers(8))
            cut = int(random.integers(1, len(data) + 1))
            statuses.add(client.post("/api/read", content=bytes(data[:cut])).status_code)
    assert statuses <= {200, 415}


def test_a_program_that_is_nicer_already_reads_pictures_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refused)
    reader = PictureReader(upload_nets)
    data = cv2.imencode(".png", np.zeros((40, 40, 3), np.uint8))[1].tobytes()

    found = asyncio.run(asyncio.wait_for(reader.read(data), TIMEOUT_S))

    assert (found["width"], found["height"]) == (40, 40)
