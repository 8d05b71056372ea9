"""Sharing the pools of memory, and keeping what is in them."""

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
from edge.memory import keep_memory
if sys.argv[2] == "shared":
    assert "arena_max" in keep_memory()
barrier = threading.Barrier(9)
def work():
    kept = [bytearray(2000) for _ in range(100)]
    barrier.wait(300); barrier.wait(300)
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
barrier.wait(300)
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = libc.fopen(sys.argv[1].encode(), b"w")
libc.malloc_info(0, ctypes.c_void_p(file)); libc.fclose(ctypes.c_void_p(file))
barrier.wait(300)
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


# Eight pictures of 3 MB a frame, on a thread as a source's are: the page faults of 20 frames.
FAULTS = """
import ctypes, resource, sys, threading
import numpy as np
from edge.memory import keep_memory
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: a fault brings one page, not 512
if sys.argv[1] == "kept":
    assert len(keep_memory()) == 4
def frame():
    pictures = [np.empty(3 << 20, np.uint8) for _ in range(8)]
    for picture in pictures:
        picture[::4096] = 1
def work():
    for number in range(25):
        if number == 5:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        frame()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
thread = threading.Thread(target=work)
thread.start(); thread.join()
"""


@pytest.mark.skipif(sys.maxsize < 2**32, reason="there a pool is smaller than a picture")
def test_the_room_of_pictures_is_kept_for_the_next_frame() -> None:
    def faults(how: str) -> int:
        command = [sys.executable, "-c", FAULTS, how]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
        return int(done.stdout)

    pages = 20 * 8 * (3 << 20) // 4096
    assert faults("left") > pages / 4
    assert faults("kept") < pages / 40


@pytest.mark.skipif(sys.maxsize < 2**32, reason="there some do not apply")
@pytest.mark.parametrize("own", [*memory.FEW, *memory.KEPT], ids=lambda each: each.name)
@pytest.mark.parametrize("how", ["variable", "tunable"])
def test_what_the_user_says_goes_first(
    own: memory.Setting, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "variable":
        monkeypatch.setenv(own.variable, "4")
    else:
        monkeypatch.setenv("GLIBC_TUNABLES", f"glibc.rtld.nns=2:glibc.malloc.{own.name}=4")

    others = [each.name for each in (*memory.FEW, *memory.KEPT) if each != own]
    assert memory.keep_memory() == others
