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
    """Of glibc's `mallopt`: its number in <malloc.h>, the value, and the user's own way to say it.

    `MALLOC_TOP_PAD_` and its like end in an underscore, `MALLOC_ARENA_MAX` does not.
    """

    number: int
    value: int
    variable: str


# Left alone, glibc gives every thread a pool of its own, up to eight a core. Pictures that one
# thread makes and another lets go then leave holes in all of them, which on a small board is
# memory lost. And it returns what a frame's pictures have left to the system as soon as they are
# gone, to ask for it again, page by page, with the next frame: up to a thousand page faults a
# frame. So the pools are few, and keep what is as large as some pictures.
SETTINGS = (
    Setting(-8, POOLS, "MALLOC_ARENA_MAX"),
    Setting(-3, 32 * MIB, "MALLOC_MMAP_THRESHOLD_"),  # the most that it takes; larger: not pooled
    Setting(-1, 64 * MIB, "MALLOC_TRIM_THRESHOLD_"),  # free memory at the end of a pool
    Setting(-2, 16 * MIB, "MALLOC_TOP_PAD_"),  # asked for at once; a page counts when it is used
)


def keep_memory() -> list[str]:
    """Let all threads share two pools that keep the room of pictures; the settings that took
    effect, by the names of their variables.

    One that the user has set goes as it is said there. Nothing happens where there is no glibc.
    """
    if sys.platform != "linux":
        return []
    with suppress(OSError, AttributeError):  # musl has no such function
        mallopt: Callable[[int, int], int] = ctypes.CDLL(None).mallopt
        return [
            each.variable
            for each in SETTINGS
            if each.variable not in os.environ and mallopt(each.number, each.value)
        ]
    return []
