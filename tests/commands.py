"""Runs the project's commands as a user does: real processes, real exit codes, real stderr."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 300  # before a test that hangs gives up, on a machine that is busy


def command(module: str, *arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


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


def failure(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line on stderr of a command that failed with this exit code."""
    assert done.returncode == code, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    return lines[0]
