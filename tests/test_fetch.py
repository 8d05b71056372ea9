import hashlib
import io
import re
import shutil
import threading
import zipfile
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from models.errors import OutputError, SourceError, UsageError
from training import datasets
from training.fetch import ATTEMPTS, ORIGINS, Archive, fetch

NAME = "set.zip"
Room = namedtuple("Room", "total used free")


def packed(seed: int = 0, size: int = 300_000) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as file:
        file.writestr("numbers.bin", hashlib.shake_128(bytes([seed])).digest(size))
    return data.getvalue()


CONTENT = packed()


class Server:
    """A web server of this machine that serves one content in the ways servers misbehave.

    `breaks`: how many answers stop half way; `ranges`: whether it knows Range; `status`: what it
    answers instead of a file, `refusals` times.
    """

    def __init__(self, content: bytes, breaks: int = 0, ranges: bool = True) -> None:
        self.content, self.breaks, self.ranges = content, breaks, ranges
        self.status, self.refusals, self.lengths = 503, 0, True
        self.asked: list[str] = []
        self.base = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range", "")
        self.asked.append(wanted)
        if self.refusals:
            self.refusals -= 1
            request.send_error(self.status)
            return
        start = 0
        found = re.fullmatch(r"bytes=(\d+)-", wanted)
        if found and self.ranges:
            start = int(found[1])
            if start >= len(self.content):
                request.send_response(416)
                request.send_header("Content-Range", f"bytes */{len(self.content)}")
                request.end_headers()
                return
            request.send_response(206)
            end = f"{len(self.content) - 1}/{len(self.content)}"
            request.send_header("Content-Range", f"bytes {start}-{end}")
        else:
            request.send_response(200)
        rest = self.content[start:]
        if self.lengths:
            request.send_header("Content-Length", str(len(rest)))
        request.end_headers()
        if self.breaks:
            self.breaks -= 1
            rest = rest[: len(rest) // 2]
        request.wfile.write(rest)


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.base = f"http://127.0.0.1:{web.server_port}/files"
        try:
            yield server
        finally:
            web.shutdown()
            thread.join()


@pytest.fixture
def pauses() -> list[float]:
    return []


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_under_its_name_with_its_record(tmp_path: Path) -> None:
    with serving(Server(CONTENT)) as server:
        path = fetch(Archive(NAME), server.base, tmp_path / "new/folder")
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == [NAME, f"{NAME}.sha256"]
    record = (path.parent / f"{NAME}.sha256").read_text()
    assert record == f"{hashlib.sha256(CONTENT).hexdigest()}  {NAME}\n"


def test_a_download_that_breaks_off_half_way_is_resumed(
    tmp_path: Path, pauses: list[float]
) -> None:
    with serving(Server(CONTENT, breaks=2)) as server:
        path = fetch(Archive(NAME), server.base, tmp_path, pauses.append)
    assert path.read_bytes() == CONTENT
    half, most = len(CONTENT) // 2, len(CONTENT) // 2 + (len(CONTENT) - len(CONTENT) // 2) // 2
    assert server.asked == ["", f"bytes={half}-", f"bytes={most}-"]
    assert pauses == [1, 1]  # each attempt brought something new


def test_the_next_run_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:1000])
    with serving(Server(CONTENT)) as server:
        path = fetch(Archive(NAME), server.base, tmp_path)
    assert server.asked == ["bytes=1000-"]
    assert path.read_bytes() == CONTENT


def test_a_part_that_is_complete_is_only_checked(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT)
    with serving(Server(CONTENT)) as server:
        path = fetch(Archive(NAME), server.base, tmp_path)
    assert server.asked == [f"bytes={len(CONTENT)}-"]
    assert path.read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_started_over(tmp_path: Path, pauses: list[float]) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT + b"more")
    with serving(Server(CONTENT)) as server:
        path = fetch(Archive(NAME), server.base, tmp_path, pauses.append)
    assert server.asked == [f"bytes={len(CONTENT) + 4}-", ""]
    assert path.read_bytes() == CONTENT


def test_a_server_that_ignores_ranges_sends_it_all_again(
    tmp_path: Path, pauses: list[float]
) -> None:
    with serving(Server(CONTENT, breaks=1, ranges=False)) as server:
        path = fetch(Archive(NAME), server.base, tmp_path, pauses.append)
    assert len(server.asked) == 2
    assert path.read_bytes() == CONTENT


def test_a_server_that_always_breaks_at_the_same_place_is_given_up(
    tmp_path: Path, pauses: list[float]
) -> None:
    with (
        serving(Server(CONTENT, breaks=99, ranges=False)) as server,
        pytest.raises(SourceError, match=f"gave up after {ATTEMPTS} attempts without a new byte"),
    ):
        fetch(Archive(NAME), server.base, tmp_path, pauses.append)
    assert len(server.asked) == ATTEMPTS + 1
    assert pauses == [1, 2, 4, 8, 16]
    assert names(tmp_path) == [f"{NAME}.part"]


def test_a_busy_server_is_asked_again(tmp_path: Path, pauses: list[float]) -> None:
    server = Server(CONTENT)
    server.refusals = 2
    with serving(server):
        path = fetch(Archive(NAME), server.base, tmp_path, pauses.append)
    assert path.read_bytes() == CONTENT
    assert pauses == [2, 4]


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_address_without_the_file_fails_at_once(
    tmp_path: Path, pauses: list[float], status: int
) -> None:
    server = Server(CONTENT)
    server.status, server.refusals = status, 99
    with serving(server), pytest.raises(SourceError, match=rf"/set.zip: expected .* {status}"):
        fetch(Archive(NAME), server.base, tmp_path, pauses.append)
    assert pauses == []
    assert names(tmp_path) == []


def test_a_server_that_is_not_there_is_given_up(tmp_path: Path, pauses: list[float]) -> None:
    with serving(Server(CONTENT)) as server:
        pass
    with pytest.raises(SourceError, match="gave up after"):
        fetch(Archive(NAME), server.base, tmp_path, pauses.append)
    assert len(pauses) == ATTEMPTS - 1
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CONTENT[:1000] + b"wrong" + CONTENT[1005:], "found numbers.bin damaged in it"),
        (b"<html>Please log in</html>", "expected a whole zip, found none"),
        (CONTENT[:-100], "expected a whole zip, found none"),
    ],
    ids=["flipped", "page", "short"],
)
def test_wrong_bytes_never_get_the_final_name(tmp_path: Path, content: bytes, message: str) -> None:
    with serving(Server(content)) as server, pytest.raises(SourceError, match=message):
        fetch(Archive(NAME), server.base, tmp_path)
    assert names(tmp_path) == []


def test_a_part_of_another_file_is_noticed(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(packed(seed=1)[:5000])
    with serving(Server(CONTENT)) as server, pytest.raises(SourceError, match="damaged in it"):
        fetch(Archive(NAME), server.base, tmp_path)
    assert names(tmp_path) == []


def test_a_published_checksum_is_compared(tmp_path: Path) -> None:
    right = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    with serving(Server(CONTENT)) as server:
        with pytest.raises(SourceError, match=r"expected the published md5 0123, found"):
            fetch(Archive(NAME, "0123"), server.base, tmp_path)
        assert fetch(Archive(NAME, right), server.base, tmp_path).read_bytes() == CONTENT


def test_an_answer_without_a_length_is_checked_all_the_same(tmp_path: Path) -> None:
    server = Server(CONTENT)
    server.lengths = False
    with serving(server):
        assert fetch(Archive(NAME), server.base, tmp_path).read_bytes() == CONTENT


def test_a_file_that_is_there_is_checked_and_not_fetched_again(tmp_path: Path) -> None:
    with serving(Server(CONTENT)) as server:
        fetch(Archive(NAME), server.base, tmp_path)
        fetch(Archive(NAME), server.base, tmp_path)
    assert server.asked == [""]


def test_a_file_that_has_changed_since_is_reported(tmp_path: Path) -> None:
    with serving(Server(CONTENT)) as server:
        fetch(Archive(NAME), server.base, tmp_path)
    (tmp_path / NAME).write_bytes(packed(seed=1))
    with pytest.raises(SourceError, match=r"expected sha256 \w+ \(set.zip.sha256\), found"):
        fetch(Archive(NAME), "http://127.0.0.1:9", tmp_path)
    assert (tmp_path / NAME).read_bytes() == packed(seed=1)  # not ours to delete


def test_an_annotation_file_is_known_by_its_lines(tmp_path: Path) -> None:
    lines = b"00600.ppm;1;2;3;4;5\n00601.ppm;1;2;3;4;5\n"
    with serving(Server(lines)) as server:
        assert fetch(Archive("gt.txt"), server.base, tmp_path / "a").read_bytes() == lines
    with (
        serving(Server(b"<html>Please log in</html>")) as server,
        pytest.raises(SourceError, match=r"expected lines like 00600\.ppm"),
    ):
        fetch(Archive("gt.txt"), server.base, tmp_path / "b")


def test_a_folder_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write into"):
        fetch(Archive(NAME), "http://127.0.0.1:9", tmp_path / "file/folder")


def test_too_little_room_is_said_before_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Room(9, 9, 1000))
    expected = rf"expected {len(CONTENT)} bytes of free space, found 1000"
    with serving(Server(CONTENT)) as server, pytest.raises(OutputError, match=expected):
        fetch(Archive(NAME), server.base, tmp_path)


@pytest.mark.parametrize("base", ["file:///etc", "ftp://host", "host"])
def test_only_web_addresses_are_taken(tmp_path: Path, base: str) -> None:
    with pytest.raises(UsageError, match="expected an address with http"):
        fetch(Archive(NAME), base, tmp_path)


def test_the_test_part_is_fetched_only_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    training = packed(seed=3)
    md5 = hashlib.md5(training, usedforsecurity=False).hexdigest()
    origin = ORIGINS["gtsrb"]._replace(
        archives=(Archive("a.zip", md5), Archive("b.zip", md5, test=True))
    )
    monkeypatch.setitem(ORIGINS, "gtsrb", origin)
    with serving(Server(training)) as server:
        command = ["fetch", "gtsrb", "--to", str(tmp_path), "--base", server.base]
        datasets.main(command)
        assert capsys.readouterr().out == f"{tmp_path / 'gtsrb/a.zip'}\n"
        assert names(tmp_path / "gtsrb") == ["a.zip", "a.zip.sha256"]
        datasets.main([*command, "--test"])
    assert (tmp_path / "gtsrb/b.zip").read_bytes() == training


def test_official_addresses_are_encrypted() -> None:
    assert all(origin.base.startswith("https://") for origin in ORIGINS.values())
