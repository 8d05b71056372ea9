"""How a command ends: exit codes and lines of real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT, TIMEOUT_S, environment

FULL = Path("/dev/full")
PROGRAM = """
import logging, sys
from models.errors import *
def main():
    {body}
run_command(main)
"""


def run(body: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body=body)],
        cwd=ROOT,
        env=environment() | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("AppError", 1),
        ("UsageError", 2),
        ("SourceError", 3),
        ("ModelError", 4),
        ("OutputError", 5),
    ],
)
def test_a_problem_of_the_users_is_one_line_and_its_exit_code(error: str, code: int) -> None:
    done = run(f"raise {error}('expected a – dash\\n  found\\ttwo lines')")
    assert done.returncode == code
    assert done.stderr == "error: expected a – dash found two lines\n"
    assert done.stdout == ""


@pytest.mark.parametrize(("answer", "code"), [("None", 0), ("0", 0), ("7", 7)])
def test_the_answer_of_the_command_is_the_exit_code(answer: str, code: int) -> None:
    done = run(f"print('said'); return {answer}")
    assert (done.returncode, done.stdout, done.stderr) == (code, "said\n", "")


def test_a_bug_of_ours_keeps_its_traceback() -> None:
    done = run("raise KeyError('boxes')")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "KeyError: 'boxes'" in done.stderr


def test_ctrl_c_ends_quietly_with_130() -> None:
    done = run("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    assert (done.returncode, done.stderr) == (128 + signal.SIGINT, "")


def test_a_stop_by_another_signal_says_which() -> None:
    done = run("from edge.interrupt import Interrupted; raise Interrupted(15)")
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, "")


def shell(redirected: str, body: str, **variables: str) -> tuple[int, str]:
    """Exit code and stderr of a command whose stdout a shell has redirected."""
    program = PROGRAM.format(body=body)
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirected}', "sh", sys.executable, "-c", program],
        cwd=ROOT,
        env=environment() | variables,
        stderr=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.returncode, done.stderr


def test_a_command_without_stdout_ends_well() -> None:
    assert shell(">&-", "print('nowhere'); sys.stdout.write('nowhere')") == (0, "")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param("print('said')", id="at the end"),
        pytest.param("[print('said') for _ in range(100_000)]", id="in the middle"),
        pytest.param("print('said'); sys.exit(0)", id="as after --help"),
        pytest.param("print('said', end=''); return 1", id="with an exit code"),
    ],
)
def test_a_stdout_that_takes_no_more_is_one_line(body: str, unbuffered: str) -> None:
    assert shell(f">{FULL}", body, PYTHONUNBUFFERED=unbuffered) == (
        5,
        "error: stdout: cannot be written: No space left on device\n",
    )


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    ("body", "ending"),
    [
        ("print('said'); raise SourceError('no road')", (3, "error: no road\n")),
        ("print('said'); raise KeyboardInterrupt", (130, "")),
    ],
)
def test_what_ended_the_command_before_its_stdout_failed_is_told(
    body: str, ending: tuple[int, str]
) -> None:
    assert shell(f">{FULL}", body, PYTHONUNBUFFERED="") == ending


def test_another_error_of_the_system_keeps_its_traceback() -> None:
    done = run("print('said'); raise OSError(28, 'No space left on device')")

    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stdout.startswith("said\n")


def test_warnings_go_to_stderr_with_their_level() -> None:
    done = run("logging.getLogger('a').warning('mind the gap'); logging.getLogger('a').debug('no')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "WARNING: mind the gap\n")


@pytest.mark.parametrize("lines", [1, 100_000], ids=["at the end", "in the middle"])
def test_a_reader_that_closes_the_pipe_ends_the_command_quietly(lines: int) -> None:
    body = f"input(); [print('line', n) for n in range({lines})]"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(body=body)],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdout.close()  # before the first line is written
        process.stdin.write("go\n")
        process.stdin.flush()
        said = process.stderr.read()
        code = process.wait(TIMEOUT_S)
    assert (code, said) == (0, "")


STUCK = """
import logging, select, sys, threading, time
from models.errors import *
count = 0
def write():
    global count
    while True:
        print('line')
        count += 1
def main():
    threading.Thread(target=write, daemon=True).start()
    before = -1
    while before < count or select.select([], [1], [], 0)[1]:  # until the pipe is full
        before = count
        time.sleep(0.2)
    {body}
run_command(main)
"""


@pytest.mark.parametrize(
    ("body", "ending"),
    [
        ("return 143", (143, "")),
        ("raise KeyboardInterrupt", (130, "")),
        ("raise OutputError('not written')", (5, "error: not written\n")),
    ],
)
def test_a_reader_that_does_not_read_keeps_no_command_that_failed_or_was_stopped(
    body: str, ending: tuple[int, str]
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STUCK.format(body=body)],
        cwd=ROOT,
        env=environment() | {"PYTHONUNBUFFERED": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        try:
            code = process.wait(TIMEOUT_S)
        finally:
            process.kill()
        assert (code, process.stderr.read()) == ending


def test_with_stderr_closed_an_error_does_not_come_among_the_output(tmp_path: Path) -> None:
    out = tmp_path / "out"
    # Nobody else writes there, so the command need not be quick about what it has said.
    program = "import models.errors\nmodels.errors.FLUSH_S = 60\n" + PROGRAM.format(
        body="print('said'); raise SourceError('gone')"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(
        ["sh", "-c", '"$@" > "$0" 2>&-', str(out), *words],
        cwd=ROOT,
        env=environment(),
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode, out.read_text()) == (3, "said\n")
