"""XNNPACK is kept off AMX, and the thread that does it leaves nothing behind."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import threading

import pytest

from edge.amx import has_amx, without_amx

# Whether the process has been given the tiles: arch_prctl(ARCH_GET_XCOMP_PERM), XTILEDATA.
TILES = """
import ctypes
def tiles():
    given = ctypes.c_uint64()
    assert ctypes.CDLL(None).syscall(158, 0x1022, ctypes.byref(given)) == 0
    return bool(given.value >> 18 & 1)
def ask():
    return ctypes.CDLL(None).syscall(158, 0x1023, 18) == 0
"""
NEEDS_AMX = pytest.mark.skipif(not has_amx(), reason="a processor with AMX is needed")


def answers(code: str) -> list[str]:
    """The words that a fresh process prints."""
    command = [sys.executable, "-c", TILES + code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@NEEDS_AMX
def test_linux_refuses_the_tiles_inside_only() -> None:
    said = answers(
        "from edge.amx import without_amx\n"
        "with without_amx():\n    print(ask())\n"
        "print(tiles(), ask(), tiles())\n"
    )
    assert said == ["False", "False", "True", "True"]


@NEEDS_AMX
def test_a_published_model_is_opened_without_tiles() -> None:
    found = (
        "from edge.runtime import Interpreter, open_interpreter\n"
        "from models.spec import find_model, load_spec, model_bytes\n"
        "path = find_model('classifier')\n"
        "data = model_bytes(load_spec(path), path)\n"
    )
    ours = "open_interpreter(data, path, 1)\n"
    assert answers(f"{found}{ours}print(tiles())\n") == ["False"]
    bare = "Interpreter(model_content=data).allocate_tensors()\n"
    assert answers(f"{found}{bare}print(tiles())\n") == ["True"]  # else there is nothing to do


def test_an_error_inside_goes_on_its_way_and_the_thread_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge.amx.has_amx", lambda: sys.platform == "linux")
    before = set(threading.enumerate())
    with pytest.raises(ZeroDivisionError), without_amx():
        raise ZeroDivisionError
    assert set(threading.enumerate()) <= before


def test_without_a_c_library_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: object) -> None:
        raise OSError

    monkeypatch.setattr("edge.amx.has_amx", lambda: True)
    monkeypatch.setattr(ctypes, "CDLL", missing)
    with without_amx():
        entered = True
    assert entered
