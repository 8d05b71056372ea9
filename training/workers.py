"""How many processes prepare a training's pictures beside it."""

from __future__ import annotations

import os

MOST = 12  # more than that wait for the training


def helpers() -> int:
    """One for every processor that this process may use, but for its own; one at least."""
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    return min(max(processors - 1, 1), MOST)
