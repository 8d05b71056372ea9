"""Where log records go: the console and, where asked for, files that never fill a disk."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any

from edge.config import Config
from edge.sinks.files import make_folder
from models.errors import OutputError
from models.redaction import redact_text, secrets_in

log = logging.getLogger(__name__)

CONSOLE = "%(levelname)s: %(message)s"
FILE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
LOG_BYTES = 2_000_000  # of one file; then it is renamed and a new one begun …
LOG_FILES = 4  # … and so many old ones are kept
SECRET_NAMES = ("token", "password", "secret")


class Redacting(logging.Formatter):
    """A formatter whose records, exceptions and stacks included, hold no credentials."""

    def __init__(self, style: str, secrets: Iterable[str] = ()) -> None:
        super().__init__(style)
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        return redact_text(super().format(record), self._secrets)


class RotatingLog(RotatingFileHandler):
    """A log file that is set aside when it is full. A full disk costs log lines, not the run."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class's name
        if isinstance(sys.exc_info()[1], OSError):
            self.close()  # the next record opens it again: there may be room by then
        else:
            super().handleError(record)

    def close(self) -> None:
        with suppress(OSError):  # what it could not write before
            super().close()


def set_up_logs(config: Config) -> None:
    """Redact what every handler of the root logger writes, and log to `log_file` where it is set.

    An exception that nobody catches, on any thread, is redacted and logged too. OutputError where
    the file cannot be written.
    """
    root, secrets = logging.getLogger(), secrets_of(config)
    for handler in root.handlers:
        handler.setFormatter(Redacting(CONSOLE, secrets))
    if config.log_file:
        root.addHandler(_log_file(Path(config.log_file), secrets))

    def uncaught(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        # On the console as Python itself would; with the level of a bug in the file.
        text = "".join(traceback.format_exception(kind, error, trace))
        if not root.handlers:
            print(redact_text(text, secrets), file=sys.stderr, end="")
        root.critical("this is a bug, please report it:\n%s", text.rstrip())

    def main_hook(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        uncaught(kind, error, trace)

    def thread_hook(failed: threading.ExceptHookArgs) -> None:
        if failed.exc_value is not None:
            uncaught(failed.exc_type, failed.exc_value, failed.exc_traceback)

    sys.excepthook, threading.excepthook = main_hook, thread_hook


def secrets_of(config: Config) -> list[str]:
    """Every password and token of the settings."""
    secrets: list[str] = []
    for name, value in asdict(config).items():
        if isinstance(value, str) and value:
            secrets += secrets_in(value)
            named = any(word in name for word in SECRET_NAMES) and not name.endswith("_file")
            if named and len(value) > 3:
                secrets.append(value)
    return secrets


def _log_file(path: Path, secrets: Iterable[str]) -> RotatingLog:
    make_folder(path.parent)
    try:
        handler = RotatingLog(
            path,
            maxBytes=LOG_BYTES,
            backupCount=LOG_FILES,
            encoding="utf-8",
            errors="backslashreplace",  # names need not be UTF-8
        )
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    handler.setFormatter(Redacting(FILE, secrets))
    return handler
