"""A look at something that may crash, from a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

PATIENCE_S = 120.0  # loading LiteRT from an SD card takes half a minute on a small board

Child = Callable[[Sequence[str]], "Answer"]  # the arguments of Python → what came of it


class Answer(NamedTuple):
    """What a child said; `failure` says in words why it did not end well, empty if it did."""

    output: str
    failure: str


def run_python(arguments: Sequence[str]) -> Answer:
    """This Python with these arguments, waited for."""
    try:
        done = subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer("", f"it hangs: no answer within {PATIENCE_S:g} s")
    except OSError as error:
        return Answer("", f"it cannot be started: {error}")
    return Answer(done.stdout, failure_of(done.returncode, done.stderr))


def failure_of(code: int, stderr: str) -> str:
    """A process's end in words: the signal that killed it, or the last line it said."""
    if code == 0:
        return ""
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"it crashes ({name})"
    said = stderr.strip().splitlines()
    return said[-1] if said else f"exit code {code}"
