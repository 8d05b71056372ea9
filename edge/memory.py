"""How this process gets its memory from the system."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress

POOLS = 2
_M_ARENA_MAX = -8  # of glibc's <malloc.h>


def share_pools() -> bool:
    """Let all threads take memory from two pools; whether it took effect.

    Left alone, glibc gives every thread a pool of its own, up to eight a core. Pictures that one
    thread makes and another lets go then leave holes in all of them, which on a small board is
    memory lost. Nothing happens where `MALLOC_ARENA_MAX` says something else, and where there is
    no glibc.
    """
    if sys.platform != "linux" or "MALLOC_ARENA_MAX" in os.environ:
        return False
    with suppress(OSError, AttributeError):  # musl has no such function
        return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, POOLS))
    return False
