"""The first signal ends the work in good order and never in the middle of a frame."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge.interrupt import Interrupted, Interrupts
from tests.commands import environment


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_for_the_next_frame(number: signal.Signals) -> None:
    with pytest.raises(Interrupted) as error, Interrupts():
        signal.raise_signal(number)

    assert error.value.number == number


def test_a_held_stretch_is_finished_first() -> None:
    done = []
    with pytest.raises(Interrupted), Interrupts() as interrupts:
        with interrupts.hold():
            signal.raise_signal(signal.SIGTERM)
            done.append("frame")
        done.append("next frame")

    assert done == ["frame"]


def test_putting_things_in_order_is_finished_first() -> None:
    done = []
    with pytest.raises(Interrupted), Interrupts() as interrupts:
        interrupts.hold_to_the_end()
        signal.raise_signal(signal.SIGTERM)
        done.append("file closed")

    assert done == ["file closed"]


def test_an_error_in_a_held_stretch_is_not_hidden_by_the_signal() -> None:
    with pytest.raises(ZeroDivisionError), Interrupts() as interrupts, interrupts.hold():
        signal.raise_signal(signal.SIGTERM)
        raise ZeroDivisionError


def test_the_handlers_of_before_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    with Interrupts():
        assert signal.getsignal(signal.SIGTERM) not in before

    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
def test_a_hangup_asks_for_the_settings_where_they_can_be_read_again() -> None:
    with Interrupts(rereads=True) as interrupts:
        assert not interrupts.take_hangup()
        signal.raise_signal(signal.SIGHUP)
        assert interrupts.take_hangup()
        assert not interrupts.take_hangup()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
def test_a_closed_terminal_ends_the_work_and_one_more_hangup_changes_nothing() -> None:
    done = []
    with pytest.raises(Interrupted) as error, Interrupts() as interrupts:
        interrupts.hold_to_the_end()
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
        done.append("file closed")

    assert (error.value.number, done) == (signal.SIGHUP, ["file closed"])


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with Interrupts():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_another_thread_gets_no_handlers_and_no_error() -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            with Interrupts() as interrupts, interrupts.hold():
                pass
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert errors == []


TWICE = """
import signal
import subprocess
import sys
from edge.interrupt import Interrupts
with Interrupts() as interrupts:
    interrupts.hold_to_the_end()
    signal.raise_signal(signal.SIGTERM)
    print("the first one is waited for", flush=True)
    signal.raise_signal(signal.SIGTERM)
    print("never")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to die by")
def test_the_second_signal_quits_at_once(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWICE],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (-signal.SIGTERM, "")
    assert done.stdout == "the first one is waited for\n"
