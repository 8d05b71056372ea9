"""Keeps XNNPACK off Intel's AMX, which takes longer for nets of few channels than AVX-512 does.

A tile of AMX multiplies 64 channels at a time, so that for the 3 to 32 channels of a detector's
first layers most of it is padding. XNNPACK has no switch for it, but it asks Linux for the tiles
when its first net is opened, and goes without where it gets none. Linux refuses them while any
thread's stack for signals is too small for a frame that holds them (kernel documentation,
arch/x86/xstate.rst), which is what a thread of ours has meanwhile.
"""

from __future__ import annotations

import ctypes
import functools
import platform
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FLAG = "amx_int8"  # in /proc/cpuinfo
SMALLEST = 2048  # bytes: <asm/signal.h>, MINSIGSTKSZ of x86-64; a frame with tiles needs 11,000


class _Stack(ctypes.Structure):
    """<asm/signal.h>, stack_t."""

    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def without_amx() -> Iterator[None]:
    """XNNPACK, if it is first used in here, leaves AMX alone from then on.

    Nothing happens on other processors and systems, nor where something else in the process has
    been given the tiles before.
    """
    if not has_amx():
        yield
        return
    small, done = threading.Event(), threading.Event()
    holder = threading.Thread(target=_hold_small_stack, args=(small, done), daemon=True)
    holder.start()
    small.wait()
    try:
        yield
    finally:
        done.set()
        holder.join()


@functools.cache
def has_amx() -> bool:
    """Whether this is Linux on an x86-64 that multiplies int8 in tiles."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return False
    try:
        return FLAG in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False


def _hold_small_stack(small: threading.Event, done: threading.Event) -> None:
    """Takes no signals, which would find no room on that stack."""
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        room, before = ctypes.create_string_buffer(SMALLEST), _Stack()
        stack = _Stack(ctypes.addressof(room), 0, SMALLEST)
        with suppress(OSError, AttributeError):  # a Python without the C library's functions
            change = ctypes.CDLL(None).sigaltstack
            held = change(ctypes.byref(stack), ctypes.byref(before)) == 0
            small.set()
            done.wait()
            if held:
                change(ctypes.byref(before), None)
    finally:
        small.set()
