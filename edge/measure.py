"""What a run cost: frames per second, time per stage, peak memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from edge.core import Array, Event, Scene

MAX_TIMINGS = 20_000  # of the latest frames, so that a camera can run for years

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes
else:
    import resource


class Latest:
    """The latest `size` rows of `width` numbers. All of their room is taken at once, and no more.

    What fills up row by row looks like a leak for hours, and on a small board is one.
    """

    def __init__(self, size: int, width: int = 1, dtype: type[np.floating] = np.float32) -> None:
        self._rows = np.full((size, width), np.nan, dtype)
        self.count = 0  # of all rows ever added

    def add(self, *row: float) -> None:
        self._rows[self.count % len(self._rows)] = row
        self.count += 1

    def rows(self) -> Array:
        """(at most `size`, `width`), the oldest first."""
        split = self.count % len(self._rows)
        found = np.concatenate([self._rows[split:], self._rows[:split]])
        return found[len(found) - min(self.count, len(found)) :]


class Stages:
    """How long each stage took, frame by frame."""

    def __init__(self) -> None:
        self._seconds: dict[str, Latest] = {}

    def add(self, timings: Mapping[str, float]) -> None:
        """Take one frame's `stage → seconds`."""
        for stage, seconds in timings.items():
            if stage not in self._seconds:
                self._seconds[stage] = Latest(MAX_TIMINGS)
            self._seconds[stage].add(seconds)

    def percentiles(self, points: Sequence[float]) -> dict[str, dict[str, float]]:
        """Stage → {"p50": milliseconds, …}, in the order in which the stages were first seen."""
        return {
            stage: {
                f"p{point:g}": round(1000 * float(value), 3)
                for point, value in zip(points, np.percentile(latest.rows(), points), strict=True)
            }
            for stage, latest in self._seconds.items()
        }

    def table(self, points: Sequence[float]) -> str:
        """The percentiles, one line a stage."""
        names = [f"p{point:g}" for point in points]
        rows = [f"{'ms':<10}" + "".join(f"{name:>9}" for name in names)]
        rows += [
            f"{stage:<10}" + "".join(f"{values[name]:9.2f}" for name in names)
            for stage, values in self.percentiles(points).items()
        ]
        return "\n".join(rows)


class Tally:
    """A sink that counts: frames, signs, the cost of the stages, and the time of it all.

    `events` are only kept where `keep_events` asks for it: a camera has no end.
    """

    lossless = True

    def __init__(
        self, keep_events: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.frames = 0
        self.signs = 0
        self.stages = Stages()
        self.events: list[Event] = []
        self.first_result: float | None = None  # when the first scene was there, by `clock`
        self._keep_events = keep_events
        self._clock = clock
        self._started = clock()

    def write(self, scene: Scene) -> None:
        if self.first_result is None:
            self.first_result = self._clock()
        self.frames += 1
        self.stages.add(scene.timings)
        self._take(scene.events)

    def finish(self, events: Sequence[Event]) -> None:
        self._take(events)

    def close(self) -> None:
        pass

    def elapsed(self) -> float:
        """Seconds since the tally was made."""
        return self._clock() - self._started

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            self.signs += event.kind == "new"
            if self._keep_events:
                self.events.append(event)


if sys.platform == "win32":

    class _Counters(ctypes.Structure):  # PROCESS_MEMORY_COUNTERS of psapi.h
        _fields_ = [
            ("cb", wintypes.DWORD),
            ("PageFaultCount", wintypes.DWORD),
            *((name, ctypes.c_size_t) for name in ("PeakWorkingSetSize", "WorkingSetSize")),
            *((f"quota{number}", ctypes.c_size_t) for number in range(6)),
        ]


def peak_memory() -> int:
    """The most memory this process has held at once, in bytes."""
    if sys.platform == "win32":
        counters = _Counters(cb=ctypes.sizeof(_Counters))
        ctypes.windll.kernel32.GetCurrentProcess.restype = wintypes.HANDLE
        process = wintypes.HANDLE(ctypes.windll.kernel32.GetCurrentProcess())
        ctypes.windll.psapi.GetProcessMemoryInfo(process, ctypes.byref(counters), counters.cb)
        return int(counters.PeakWorkingSetSize)
    else:
        status = Path("/proc/self/status")
        if status.is_file():
            # Not ru_maxrss: Linux hands that one down from the process that started this one.
            for line in status.read_text(encoding="ascii", errors="replace").splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
