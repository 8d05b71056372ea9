"""Refuses a training that would not fit into memory, before anything is read."""

from __future__ import annotations

import os
from pathlib import Path

from models.errors import UsageError

BASE = 2_500_000_000  # bytes for the frameworks and a batch, besides the pictures


def refuse_too_little(needed: int, what: str) -> None:
    """UsageError where `needed` bytes for `what`, and BASE beside them, are not free now."""
    needed += BASE
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = max(free, *(int(x.split()[1]) * 1024 for x in lines if x.startswith("MemAvail")))
    except (AttributeError, OSError, ValueError):
        return  # a system that does not say: the training itself will
    if free < needed:
        raise UsageError(
            f"expected {needed / 1e9:.1f} GB of free memory for {what}, "
            f"found {free / 1e9:.1f} GB: --limit N trains on fewer"
        )
