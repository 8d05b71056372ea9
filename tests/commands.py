"""Runs the project's commands as a user does: real processes, real exit codes, real stderr."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 300  # before a test that hangs gives up, on a machine that is busy


def command(module: str, *arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


# A command that gives up nothing after a signal, however busy the machine is.
PATIENT = """
import importlib, sys
from edge import handover, patience
from models.errors import run_command
handover.ABANDON_S = patience.HURRY_S = patience.ROOM_S = 60
run_command(importlib.import_module(sys.argv.pop(1)).main)
"""


def patient_command(module: str, *arguments: str | Path) -> list[str]:
    """`command`, whose outputs are whole whenever it is stopped."""
    return [sys.executable, "-c", PATIENT, module, *map(str, arguments)]


def environment() -> dict[str, str]:
    """This one, with the project on the path wherever the process is started."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}


def execute(
    module: str, *arguments: str | Path, cwd: Path, limit_s: float = TIMEOUT_S
) -> subprocess.CompletedProcess[str]:
    """Run to the end. `cwd` keeps a stray `edge.toml` out."""
    return subprocess.run(
        command(module, *arguments),
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=limit_s,
        check=False,
    )


@contextmanager
def page_run(*flags: str | Path, cwd: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A run on the drive with a page: its process, and the page's address once it is served."""
    with subprocess.Popen(
        patient_command("edge.run", "--source", "demo:", "--loop", "--web", "0", *flags),
        cwd=cwd,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            yield process, next(line for line in process.stderr if "page: " in line).split()[-1]
        finally:
            process.kill()  # if it has not ended


def end(process: subprocess.Popen[str], number: int) -> str:
    """Send it a signal; what it had still to say, when it has ended by that."""
    assert process.stderr is not None
    process.send_signal(number)
    late = Timer(TIMEOUT_S, process.kill)
    late.start()
    said = process.stderr.read()
    late.cancel()
    assert process.wait(TIMEOUT_S) == 128 + number, said
    return said


def failure(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line on stderr of a command that failed with this exit code."""
    assert done.returncode == code, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    return lines[0]
