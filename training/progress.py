"""How far a long job is, on stderr: a bar where tqdm is installed, else a plain line."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

REFRESH_S = 0.5


@contextmanager
def progress(
    label: str, total: int | None, unit: str, done: int = 0
) -> Iterator[Callable[[int], None]]:
    """A function to call with the number of units just done; silent where there is no terminal.

    `total` is None where nobody knows it; `done` is what an earlier run has done already.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    try:
        from tqdm import tqdm  # noqa: PLC0415 – optional, and only for terminals
    except ImportError:
        with _plain(label, total, unit, done) as advance:
            yield advance
        return
    scale = unit == "B"
    with tqdm(
        desc=label, total=total, unit=unit, initial=done, unit_scale=scale, leave=False
    ) as bar:
        yield lambda count: bar.update(count) and None


@contextmanager
def _plain(label: str, total: int | None, unit: str, done: int) -> Iterator[Callable[[int], None]]:
    shown = time.monotonic()

    def advance(count: int) -> None:
        nonlocal done, shown
        done += count
        if time.monotonic() - shown >= REFRESH_S:
            shown = time.monotonic()
            print(f"\r{line(label, done, total, unit)}", end="", file=sys.stderr, flush=True)

    try:
        yield advance
    finally:
        print(f"\r{line(label, done, total, unit)}", file=sys.stderr, flush=True)


def line(label: str, done: int, total: int | None, unit: str) -> str:
    """`check: 120 of 600 pictures (20 %)`; bytes are shown as megabytes."""
    if unit == "B":
        unit, done, total = "MB", done // 10**6, None if total is None else total // 10**6
    if not total:
        return f"{label}: {done} {unit}"
    return f"{label}: {done} of {total} {unit} ({100 * done // total} %)"
