"""Sharing the pools of memory."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from edge import memory

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_info"), reason="needs glibc"
)

# glibc reports its pools as XML, one <heap> each.
COUNT = """
import ctypes, sys, threading
from edge.memory import share_pools
if sys.argv[2] == "shared":
    assert share_pools()
barrier = threading.Barrier(9)
def work():
    kept = [bytearray(2000) for _ in range(100)]
    barrier.wait(60); barrier.wait(60)
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
barrier.wait(60)
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = libc.fopen(sys.argv[1].encode(), b"w")
libc.malloc_info(0, ctypes.c_void_p(file)); libc.fclose(ctypes.c_void_p(file))
barrier.wait(60)
print(open(sys.argv[1]).read().count("<heap nr="))
"""


def pools(path: Path, how: str) -> int:
    """How many a process with eight busy threads has."""
    command = [sys.executable, "-c", COUNT, str(path), how]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return int(done.stdout)


def test_threads_share_two_pools(tmp_path: Path) -> None:
    assert pools(tmp_path / "shared.xml", "shared") == memory.POOLS
    assert pools(tmp_path / "own.xml", "own") > memory.POOLS


def test_what_the_user_says_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")

    assert not memory.share_pools()
