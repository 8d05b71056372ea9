"""Waiting for what another thread or process does: for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 120.0  # before a test that hangs gives up, on a machine that is busy
LOOK_S = 0.005


def eventually(what: Callable[[], bool]) -> bool:
    """Whether it comes true, waited for; once is enough, were it only for a moment."""
    end = time.monotonic() + PATIENCE_S
    while not (seen := what()) and time.monotonic() < end:
        time.sleep(LOOK_S)
    return seen
