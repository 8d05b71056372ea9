"""The store and the page as a user starts them: flags, mistakes, and the end."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from edge.history import History
from tests.commands import ROOT, TIMEOUT_S, end, environment, execute, failure, page_run


def test_a_run_leaves_its_history(tmp_path: Path) -> None:
    done = execute(
        "edge.run", "--source", "demo:", "--max-frames", 30, "--store", "s.sqlite", cwd=tmp_path
    )

    assert done.returncode == 0, done.stderr
    assert "wrote s.sqlite" in done.stderr
    history = History(tmp_path / "s.sqlite")
    first = history.signs(10)[-1]
    assert (first.label, first.ended, first.has_crop) == (2, True, True)
    assert history.crop(first.number)
    history.close()


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (("--web", "0.0.0.0:0"), 2, "0.0.0.0 can be reached by others, so the page needs a token"),
        (("--web", "0.0.0.0:0", "--web-token", "short"), 2, "at least 12"),
        (("--web", "somewhere:x"), 2, "expected HOST:PORT such as 127.0.0.1:8080"),
        (("--web", "no.such.host.invalid:1"), 5, "there is no host"),
        (("--web", "no..host:1"), 2, "there is no host"),
        (("--metrics", "no..host:1"), 2, "there is no host"),
        (("--web", "0", "--web-token", "@nowhere"), 2, "cannot read nowhere"),
        (("--web", "192.0.2.1:0", "--web-token", "x" * 20), 5, "cannot be served at 192.0.2.1:0"),
        (("--store", "."), 5, "found a folder"),
        (("--store", "edge.sqlite", "--store-mb", "1"), 2, "store_mb: expected 2 or more, found 1"),
        (("--store", "edge.sqlite", "--store-days", "-1"), 2, "store_days: expected 0 or more"),
        (("--store", "s.sqlite", "--events", "s.sqlite"), 2, "is given twice"),
    ],
)
def test_wrong_use_is_one_line(
    tmp_path: Path, flags: tuple[str, ...], code: int, words: str
) -> None:
    line = failure(execute("edge.run", "--source", "demo:", *flags, cwd=tmp_path), code)

    assert words in line
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        flags = ("--web", port, "--store", "s.sqlite", "-o", "seen.mp4")
        line = failure(execute("edge.run", "--source", "demo:", *flags, cwd=tmp_path), 5)

    assert f"127.0.0.1:{port}: Address already in use" in line
    assert list(tmp_path.iterdir()) == []


def test_without_its_packages_the_page_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['starlette'] = None\n"
        "from edge.run import main; from models.errors import run_command\n"
        "run_command(lambda: main(['--source', 'demo:', '--web', '0']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert 'the page needs starlette: pip install -e ".[web]"' in failure(done, 2)


def test_a_token_is_never_printed(tmp_path: Path) -> None:
    done = execute("edge.run", "--web-token", "secret-secret", "--print-config", cwd=tmp_path)

    assert "# web_token is set and not shown" in done.stdout
    assert "secret-secret" not in done.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_and_its_viewers(tmp_path: Path, number: int) -> None:
    with page_run("--store", "s.sqlite", cwd=tmp_path) as (process, url):
        assert httpx.get(f"{url}live.jpg", timeout=TIMEOUT_S).status_code == 200

        def watch() -> None:
            with (
                contextlib.suppress(httpx.TransportError),
                httpx.stream("GET", f"{url}live.mjpg", timeout=None) as answer,
            ):
                for _ in answer.iter_raw():
                    watching.set()

        watching = threading.Event()
        viewer = threading.Thread(target=watch, daemon=True)
        viewer.start()
        assert watching.wait(TIMEOUT_S)
        said = end(process, number)
        viewer.join(TIMEOUT_S)

    assert not viewer.is_alive()
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["s.sqlite"]
    History(tmp_path / "s.sqlite").close()


def test_the_packages_of_the_page_are_those_of_its_extra() -> None:
    extra = (ROOT / "setup.cfg").read_text().partition("\nweb =\n")[2].partition("\nmqtt")[0]

    assert [line.split(">")[0].strip() for line in extra.splitlines()] == ["starlette", "uvicorn"]
