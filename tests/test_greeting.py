"""LiteRT's greeting is kept off stderr, and nothing else is."""

from __future__ import annotations

import os
import sys

import pytest

from edge.greeting import without_greeting


def test_only_the_greeting_is_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    with without_greeting():
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n")
        print("a warning of ours", file=sys.stderr)
        os.write(2, b"ERROR: something native\n")
    print("afterwards", file=sys.stderr)

    heard = capfd.readouterr().err
    assert heard == "a warning of ours\nERROR: something native\nafterwards\n"


def test_an_error_inside_goes_on_its_way(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), without_greeting():
        os.write(2, b"before\n")
        raise ZeroDivisionError

    assert capfd.readouterr().err == "before\n"


def test_a_program_without_stderr_is_left_alone() -> None:
    saved = os.dup(2)
    os.close(2)
    try:
        with without_greeting():
            pass
    finally:
        os.dup2(saved, 2)
        os.close(saved)
