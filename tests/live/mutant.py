"""Reads broken inputs one after the other and says what came of each; run as a child process.

A line of stdin is a kind and a path, divided by a tab; the answer is a line of stdout: `clean`, or
the name of one of our errors and what it said, or `bug` and a traceback.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge.classifier import load_classifier
from edge.config import load
from edge.core import Box
from edge.sources import open_source
from models.errors import AppError

FRAMES = 40
BLANK = np.full((64, 64, 3), 90, np.uint8)


def read_source(path: str) -> None:
    """Every frame that can still be had."""
    _, source = open_source(path)
    try:
        for count, frame in enumerate(source, 1):
            assert frame.image.ndim == 3
            if count == FRAMES:
                break
    finally:
        source.close()


def run_model(path: str) -> None:
    """Load a classifier by its JSON and read one crop."""
    load_classifier(path, 1).classify(BLANK, [Box(8, 8, 56, 56)])


READ: dict[str, Callable[[str], None]] = {
    "mp4": read_source,
    "mkv": read_source,
    "jpg": read_source,
    "png": read_source,
    "tflite": run_model,
    "json": run_model,
    "toml": lambda path: void(load(Path(path), {})),
}


def void(_: object) -> None:
    """The result does not matter."""


def outcome(kind: str, path: str) -> str:
    try:
        READ[kind](path)
    except AppError as error:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return "bug: " + traceback.format_exc()
    return "clean"


if __name__ == "__main__":
    for line in sys.stdin:
        answer = outcome(*line.rstrip("\n").split("\t"))
        print(" ".join(answer.split()), flush=True)
