"""The log: redacted, set aside when it is full, and no reason to stop."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.config import Config
from edge.logs import LOG_FILES, secrets_of, set_up_logs
from models.errors import OutputError
from tests.commands import execute, failure
from tests.disks import mounted

SOURCE = "rtsp://me:my word@cam/1"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Whatever a test sets up is taken down."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    formatters = [handler.formatter for handler in handlers]
    hooks = sys.excepthook, threading.excepthook
    root.setLevel(logging.INFO)
    yield
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
        handler.close()
    for handler, formatter in zip(handlers, formatters, strict=True):
        handler.setFormatter(formatter)
    root.setLevel(level)
    sys.excepthook, threading.excepthook = hooks


def logged(tmp_path: Path) -> Path:
    path = tmp_path / "logs" / "edge.log"
    set_up_logs(Config(source=SOURCE, log_file=str(path)))
    return path


def test_records_are_in_the_file_without_credentials(tmp_path: Path) -> None:
    path = logged(tmp_path)
    logging.getLogger("edge.x").warning("cannot open %s: %s", SOURCE, "bad my word")

    (line,) = path.read_text().splitlines()
    assert line.endswith("WARNING edge.x: cannot open rtsp://***@cam/1: bad ***")


def test_a_name_that_is_no_utf8_is_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = logged(tmp_path)
    logging.getLogger("edge.x").warning("skipped: %s", os.fsdecode(b"stra\xdfe.png"))

    assert path.read_text().endswith("skipped: stra\\udcdfe.png\n")
    assert "Traceback" not in capsys.readouterr().err


def test_exceptions_are_redacted_as_well(tmp_path: Path) -> None:
    path = logged(tmp_path)
    try:
        raise ValueError(f"no route to {SOURCE}")
    except ValueError:
        logging.getLogger("edge.x").exception("failed")

    assert "ValueError: no route to rtsp://***@cam/1" in path.read_text()
    assert "word" not in path.read_text()


def test_a_bug_on_any_thread_is_in_the_file_and_redacted(tmp_path: Path) -> None:
    path = logged(tmp_path)

    def fail() -> None:
        raise ZeroDivisionError(SOURCE)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    try:
        fail()
    except ZeroDivisionError as error:
        sys.excepthook(type(error), error, error.__traceback__)

    text = path.read_text()
    assert text.count("this is a bug") == text.count("ZeroDivisionError: rtsp://***@cam/1") == 2
    assert "word" not in text


def test_the_file_is_set_aside_when_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.logs.LOG_BYTES", 1000)
    path = logged(tmp_path)
    for number in range(2 * LOG_FILES + 10):
        logging.getLogger("edge.x").info("%d %s", number, "x" * 500)

    sizes = {file.name: file.stat().st_size for file in path.parent.iterdir()}
    assert set(sizes) == {"edge.log", *(f"edge.log.{n}" for n in range(1, LOG_FILES + 1))}
    assert max(sizes.values()) <= 1000


def test_a_full_disk_costs_log_lines_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with mounted(tmp_path / "disk", "size=16k") as disk:
        set_up_logs(Config(log_file=str(disk / "edge.log")))
        for _ in range(100):
            logging.getLogger("edge.x").info("x" * 1000)
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.FileHandler):
                handler.close()

    assert "Traceback" not in capsys.readouterr().err


def test_a_file_that_cannot_be_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        set_up_logs(Config(log_file=str(tmp_path)))


def test_the_secrets_of_the_settings() -> None:
    assert secrets_of(Config(source=SOURCE)) == ["me:my word", "my word"]
    assert secrets_of(Config(source="demo:", mqtt_password_file="/etc/word")) == []
    assert secrets_of(Config(web_token="very secret")) == ["very secret"]


def test_a_source_that_cannot_be_opened_is_told_without_its_password(tmp_path: Path) -> None:
    done = execute("edge.run", "--source", "gopher://me:word@host/1?key=x", cwd=tmp_path)

    assert "***@host/1?***" in failure(done, 2)
    assert "word" not in done.stderr
