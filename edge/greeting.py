"""Keeps LiteRT's greeting off stderr: it comes from C++ and knows no log level."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2
GREETING = b"XNNPACK delegate"  # "INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
_TURN = threading.Lock()  # stderr belongs to the whole process
_GREETED = threading.Event()  # it comes once; from then on stderr is left alone


@contextmanager
def without_greeting() -> Iterator[None]:
    """What is written to stderr in here comes out at the end, but for the greeting.

    Threads wait for each other: detectors that take turns are opened by several at once.
    """
    with _TURN:
        if _GREETED.is_set():
            yield
        else:
            yield from _filtered()


def _filtered() -> Iterator[None]:
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
        os.dup2(real, STDERR)
        os.close(real)
        os.set_blocking(reader, False)  # a program started meanwhile may hold the other end open
        with open(reader, "rb") as heard:  # noqa: PTH123  a descriptor, not a path
            for text in (heard.read() or b"").splitlines(keepends=True):
                if GREETING in text:
                    _GREETED.set()
                else:
                    os.write(STDERR, text)
