"""How many threads serve a detector best on this machine: measured once, then remembered."""

from __future__ import annotations

import json
import logging
import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import cv2
import numpy as np

from edge import __version__
from edge.cache import cache_folder
from edge.machine import cpu_name
from edge.runtime import LiteRtRuntime, litert_version
from models.imaging import GREY
from models.processors import available_threads
from models.spec import find_model, load_spec

BUDGET_S = 0.8  # of measuring, loading the model for each count not included
LEAST_ROUNDS = 2  # of every count, where the budget is spent before: one busy moment is no verdict
MARGIN = 1.05  # more threads must be so much faster to be worth it
# So much slower are more interpreters worth it all the same: they also work while their answers
# are read and drawn, and none of them waits for a thread whose processor decodes. On two cores of a
# Xeon 600 frames took 12 to 15 % less time with two that were 14 % slower alone.
WORKERS_MARGIN = 1.2
MOST = 8  # threads, and interpreters: a frame of a small model has no work for more
FILE = "threads.json"

log = logging.getLogger(__name__)

Invoke = Callable[[], object]
Timed = Callable[[Sequence[Invoke]], float]


class Plan(NamedTuple):
    """How the work on a detector is spread.

    `threads`: of one interpreter, for the least time a frame. `workers`: one-thread interpreters
    at work at once, for the most frames a second; 1 where one with `threads` does more.
    """

    threads: int
    workers: int


def plan_for(model: str, patient: bool) -> Plan:
    """The plan for a detector by its name or the path of its JSON. Raises ModelError.

    Where the source is not `patient`, one interpreter is all that is tried: several at once need
    more memory than a small board that reads a camera may have.
    """
    path = find_model(model)
    spec = load_spec(path)
    grey = np.full((spec.input.height, spec.input.width, 3), GREY, np.uint8)

    def make(threads: int) -> Invoke:
        runtime = LiteRtRuntime(spec, path, threads)
        return lambda: runtime(grey)

    processors = available_threads()
    runs = f"edge {__version__}, {litert_version()}"
    key = f"{cpu_name()}, {processors} processors, {runs}, {spec.sha256}"
    key += "" if patient else ", one interpreter"
    return remembered(key, lambda: measure(make, processors, patient))


def counts(processors: int) -> list[int]:
    """The thread counts worth trying: all up to four, then doubling up to `MOST`."""
    most = min(processors, MOST)
    doubled = (1 << n for n in range(most.bit_length()))
    return sorted({*range(1, min(most, 4) + 1), *doubled, most})


def measure(
    make: Callable[[int], Invoke],
    processors: int,
    patient: bool = True,
    timed: Timed | None = None,
) -> Plan:
    """Try every count on the model itself, in turn until the budget is spent, and where the source
    is `patient` several interpreters at once.

    `make` gives a call of the model with so many threads; `timed` says how long calls take that
    are made at once. Each count is judged by its quickest call: what slows one down is other work
    on the machine.
    """
    timed = timed or timed_together
    invokes = {count: make(count) for count in counts(processors)}
    most = max(invokes) if patient else 1
    workers = [invokes[1], *(make(1) for _ in range(most - 1))]
    for invoke in (*invokes.values(), *workers[1:]):
        timed([invoke])  # the first call prepares what the others find ready
    best = dict.fromkeys(invokes, math.inf)  # seconds a frame by count
    together = math.inf  # … and with all workers at once
    spent, rounds = 0.0, 0
    while rounds < LEAST_ROUNDS or spent < BUDGET_S:
        for count, invoke in invokes.items():
            seconds = timed([invoke])
            best[count] = min(best[count], seconds)
            spent += seconds
        if most > 1:
            seconds = timed(workers)
            together = min(together, seconds / most)
            spent += seconds
        rounds += 1
    threads = 1
    for count, seconds in best.items():
        if seconds * MARGIN < best[threads]:
            threads = count
    log.debug("seconds a frame by threads: %s, %d workers: %s", best, most, together)
    return Plan(threads, most if together < best[threads] * WORKERS_MARGIN else 1)


@contextmanager
def opencv_beside(workers: int) -> Iterator[None]:
    """Let OpenCV start no threads where so many workers keep all processors busy."""
    before = cv2.getNumThreads()
    if workers >= available_threads():
        cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def timed_together(invokes: Sequence[Invoke]) -> float:
    """Seconds until all of them have run once, each on a thread of its own."""
    others = [threading.Thread(target=invoke) for invoke in invokes[1:]]
    start = perf_counter()
    for thread in others:
        thread.start()
    invokes[0]()
    for thread in others:
        thread.join()
    return perf_counter() - start


def remembered(key: str, find: Callable[[], Plan], folder: Path | None = None) -> Plan:
    """The plan kept under this key, else the one that `find` gives, kept for the next time.

    A file that cannot be read or written costs the measuring, and is no error.
    """
    try:
        file = (folder or cache_folder()) / FILE
    except RuntimeError as error:  # a user without a home
        log.debug("not remembered: %s", error)
        return find()
    plans = _read(file)
    if key in plans:
        return plans[key]
    plan = find()
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({**plans, key: plan}, indent=1) + "\n", encoding="utf-8")
        part.replace(file)
    except OSError as error:
        log.debug("%s: not remembered: %s", file, error)
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return plan


def _read(file: Path) -> Mapping[str, Plan]:
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
        return {str(key): _plan(*values) for key, values in entries.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        log.debug("%s: not used: %s", file, error)
        return {}


def _plan(threads: int, workers: int) -> Plan:
    if not all(type(count) is int and count > 0 for count in (threads, workers)):
        raise ValueError(f"expected counts of threads, found {threads!r}, {workers!r}")
    return Plan(threads, workers)
