"""Measured figures as a JSON file that is whole or not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.sinks.files import write_whole


def write_json(path: Path, report: Mapping[str, Any]) -> None:
    """Write all of it or nothing. Raises OutputError."""
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(path, text.encode())
