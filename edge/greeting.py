"""Keeps LiteRT's greeting off stderr: it comes from C++ and knows no log level."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2
GREETING = b"XNNPACK delegate"  # "INFO: Created TensorFlow Lite XNNPACK delegate for CPU."


@contextmanager
def without_greeting() -> Iterator[None]:
    """What is written to stderr in here comes out at the end, but for the greeting."""
    try:
        real = os.dup(STDERR)
    except OSError:  # a program without a console
        yield
        return
    if sys.stderr:
        sys.stderr.flush()
    reader, writer = os.pipe()
    os.dup2(writer, STDERR)
    os.close(writer)
    try:
        yield
    finally:
        if sys.stderr:
            sys.stderr.flush()
        os.dup2(real, STDERR)  # the pipe has no writer any more: reading it ends
        os.close(real)
        with open(reader, "rb") as heard:  # noqa: PTH123  a descriptor, not a path
            for text in heard:
                if GREETING not in text:
                    os.write(STDERR, text)
