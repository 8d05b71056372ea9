"""Measured figures as a JSON file that is whole or not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from models.errors import OutputError


def prove_writable(path: Path) -> None:
    """Fail before the measuring, not after it. Raises OutputError; leaves nothing behind."""
    if path.is_dir():
        raise OutputError(f"{path}: expected a file name, found a folder")
    part = _part(path)
    try:
        part.touch()
        part.unlink()
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def write_json(path: Path, report: Mapping[str, Any]) -> None:
    """Write all of it under another name, then rename. Raises OutputError."""
    part = _part(path)
    try:
        part.write_text(
            json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
            encoding="utf-8",
        )
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")
