"""How this process gets its memory from the system, and when it gives it back."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

POOLS = 2
MIB = 1 << 20


class Setting(NamedTuple):
    """One of glibc's `mallopt`: its number in <malloc.h>, the value, and what it is called in
    GLIBC_TUNABLES and among the environment's variables."""

    number: int
    value: int
    name: str
    variable: str


# Left alone, glibc gives every thread a pool of its own, up to eight a core. Pictures that one
# thread makes and another lets go then leave holes in all of them, which on a small board is
# memory lost. And it returns what a frame's pictures have left to the system as soon as they are
# gone, to ask for it again, page by page, with the next frame: up to a thousand page faults a
# frame. So the pools are few, and keep the room of some pictures.
FEW = (Setting(-8, POOLS, "arena_max", "MALLOC_ARENA_MAX"),)
KEPT = (
    Setting(-3, 32 * MIB, "mmap_threshold", "MALLOC_MMAP_THRESHOLD_"),  # larger: outside of pools
    Setting(-1, 64 * MIB, "trim_threshold", "MALLOC_TRIM_THRESHOLD_"),  # free at a pool's end
    Setting(-2, 16 * MIB, "top_pad", "MALLOC_TOP_PAD_"),  # asked for at once, used page by page
)


def keep_memory() -> list[str]:
    """Let all threads share two pools that keep the room of pictures; the names of what took
    effect.

    A setting of the user's own goes first. Nothing happens where there is no glibc; on 32 bits
    the pools are few, but smaller than a picture.
    """
    if sys.platform != "linux":
        return []
    said = {word.partition("=")[0] for word in os.environ.get("GLIBC_TUNABLES", "").split(":")}
    with suppress(OSError, AttributeError):  # musl has no such function
        mallopt: Callable[[int, int], int] = ctypes.CDLL(None).mallopt
        return [
            each.name
            for each in (FEW + KEPT if sys.maxsize > 2**32 else FEW)
            if each.variable not in os.environ and f"glibc.malloc.{each.name}" not in said
            if mallopt(each.number, each.value)
        ]
    return []
