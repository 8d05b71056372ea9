"""How a command ends: exit codes and lines of real processes."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from commands import ROOT, TIMEOUT_S, environment

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


def test_a_command_without_stdout_ends_well() -> None:
    program = PROGRAM.format(body="import sys; assert sys.stdout is None; print('nowhere')")
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-c", program]
    done = subprocess.run(closed, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, check=False)

    assert (done.returncode, done.stderr) == (0, b"")


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
