"""The errors a user can meet, each with its exit code, and the one place that prints them."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable

from models.redaction import redact_text


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

    An `AppError` becomes one line on stderr and its exit code; Ctrl-C becomes 130 and a stop that
    tells another signal's `number` 128 more than that; a reader that closes the pipe early
    (`… | head`) ends the command quietly. Anything else is a bug of ours and keeps its traceback.
    """
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.INFO)
    try:
        code = main() or 0
        if sys.stdout:  # none where it was closed before the start
            sys.stdout.flush()
    except AppError as error:
        print(f"error: {redact_text(' '.join(str(error).split()))}", file=sys.stderr)
        code = error.exit_code
    except KeyboardInterrupt as stop:
        code = 128 + int(getattr(stop, "number", signal.SIGINT))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)
