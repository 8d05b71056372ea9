"""What keeps the app from starting with its settings: run as a child, which says it in a line.

Looked at are the settings that make no sense and the packages that they need; nothing is opened.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from edge.announce import SPEAKER
from edge.app import check_outputs
from edge.config import Config, load
from edge.sources import parse_uri
from models.errors import AppError


def settings_problem(config: Config, which: Callable[[str], str | None] = shutil.which) -> str:
    """In words, without credentials; empty where there is none."""
    try:
        check_outputs(config)
        uri = parse_uri(config.source) if config.source else None
    except AppError as error:
        return str(error)
    if uri and uri.kind == "path" and not Path(uri.target).expanduser().exists():
        return f"source: {uri.target} does not exist"
    if config.announce == "voice" and not which(SPEAKER):
        return f"announce voice: {SPEAKER} is not installed"
    return ""


if __name__ == "__main__":
    print(settings_problem(load(Path(sys.argv[1]) if sys.argv[1:] else None, {})))
