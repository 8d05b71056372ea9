"""LiteRT's greeting is kept off stderr, and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from edge import greeting
from edge.greeting import without_greeting
from tests.waiting import PATIENCE_S


@pytest.fixture(autouse=True)
def not_greeted(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    event = threading.Event()
    monkeypatch.setattr(greeting, "_GREETED", event)
    return event


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


def test_many_threads_at_once_leave_stderr_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    together = threading.Barrier(8)

    def speak(number: int) -> None:
        together.wait()
        for turn in range(20):
            with without_greeting():
                os.write(2, f"{number} {turn}\n".encode())

    threads = [threading.Thread(target=speak, args=(n,), daemon=True) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not any(thread.is_alive() for thread in threads)
    os.write(2, b"and on\n")
    heard = capfd.readouterr().err.splitlines()
    assert sorted(heard[:-1]) == sorted(f"{n} {turn}" for n in range(8) for turn in range(20))
    assert heard[-1] == "and on"


def test_a_program_that_was_started_meanwhile_keeps_nobody_waiting(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with without_greeting():
        os.write(2, b"a warning\n")
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert child.poll() is None  # it still holds what was stderr when it started
    assert capfd.readouterr().err == "a warning\n"
    child.communicate(b"\n")


def test_after_the_greeting_stderr_is_left_alone(
    not_greeted: threading.Event, capfd: pytest.CaptureFixture[str]
) -> None:
    with without_greeting():
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n")
    assert not_greeted.is_set()
    with without_greeting():
        os.write(2, b"at once\n")
        assert capfd.readouterr().err == "at once\n"
