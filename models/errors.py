"""The errors a user can meet, each with its exit code, and the one place that prints them."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from models.redaction import redact_text

SIGNALLED = 128  # and a signal's number: what a shell calls the end by a signal
FLUSH_S = 1.0  # for the rest of stdout, where a command has failed or was stopped


class AppError(Exception):
    """A problem that is the user's to mend: one line with what was expected and what was found."""

    exit_code = 1


class UsageError(AppError):
    """A flag, a configuration key or an argument that makes no sense."""

    exit_code = 2


class SourceError(AppError):
    """A camera, a stream, a file or a data set that cannot be read."""

    exit_code = 3


class ModelError(AppError):
    """A model file, or its JSON, that is not what it claims to be."""

    exit_code = 4


class OutputError(AppError):
    """A place that cannot be written to."""

    exit_code = 5


def run_command(main: Callable[[], int | None]) -> None:
    """Run one `python -m` command and leave the process with its exit code.

    An `AppError` becomes one line on stderr and its exit code, and so does a stdout that takes no
    more; where it was closed before the start, nothing is missed. Ctrl-C becomes 130 and a stop
    that tells another signal's `number` 128 more than that; a reader that closes the pipe early
    (`… | head`) ends the command quietly, and one that does not read keeps no command that has
    failed or was stopped. Anything else is a bug of ours and keeps its traceback.
    """
    for name in ("stdout", "stderr"):  # closed: what is printed to neither must reach the other
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open to the end
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.INFO)
    try:
        try:
            code = main() or 0
        except SystemExit as end:  # after --help and --version
            code = int(end.code or 0)
        if code <= SIGNALLED:  # else nobody waits for whoever does not read
            sys.stdout.flush()
    except AppError as error:
        code = _tell(error)
    except KeyboardInterrupt as stop:
        code = SIGNALLED + int(getattr(stop, "number", signal.SIGINT))
    except BrokenPipeError:
        code = 0
    except OSError as error:
        if _stdout_takes("\n"):  # the error was another's
            raise
        code = _tell(OutputError(f"stdout: cannot be written: {error.strerror}"))
    last = threading.Thread(target=_flush_or_drop, daemon=True)
    last.start()
    last.join(FLUSH_S)
    if last.is_alive():  # Python would wait for ever
        os._exit(code)
    sys.exit(code)


def _tell(error: AppError) -> int:
    print(f"error: {redact_text(' '.join(str(error).split()))}", file=sys.stderr)
    return error.exit_code


def _flush_or_drop() -> None:
    """Leave nothing in stdout's buffer: Python would try once more to write it, and complain."""
    if not _stdout_takes(""):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _stdout_takes(text: str) -> bool:
    """Whether it can be written, with all that still waits in stdout's buffer."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError:
        return False
    return True
