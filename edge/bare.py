"""The models' bare `invoke()` by thread count: what no line around them can beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from edge.peak import operations, peak_model
from edge.runtime import open_interpreter
from edge.threads import Invoke, counts, timed_together
from models.processors import available_threads
from models.spec import find_model, load_spec, model_bytes

CALLS = 10  # at a time of every model with every thread count, for a median that can be trusted
PEAK = "peak"


class Bare:
    """Both models, and what a processor can do at most, ready to be called with every thread count.

    `measure` as often as the figures are wanted: a machine that others share is not equally quick
    for a minute, so what is compared with them belongs between two measurements.
    """

    def __init__(self, detector: str, classifier: str) -> None:
        data = {"detector": _data(detector), "classifier": _data(classifier)}
        self._asked = {}
        try:
            peak, done = peak_model()
            self._asked = {name: operations(model) for name, model in data.items()} | {PEAK: done}
            data[PEAK] = peak
        except ImportError:
            pass  # `tflite-runtime` cannot tell; a bench without it is still one
        self._counts = counts(available_threads())
        self._invokes: dict[tuple[str, int], Invoke] = {
            (name, count): open_interpreter(model, name, count).invoke
            for name, model in data.items()
            for count in self._counts
        }
        self._workers = [
            open_interpreter(data["detector"], "detector", 1).invoke
            for _ in range(self._counts[-1])
        ]
        self._seconds: dict[tuple[str, int], list[float]] = {key: [] for key in self._invokes}
        self._together: list[float] = []

    def measure(self, calls: int) -> None:
        """So many calls more of everything, in turns, so that a busy moment hits all alike."""
        for call in range(calls + 1):
            turn = {key: timed_together([invoke]) for key, invoke in self._invokes.items()}
            all_at_once = timed_together(self._workers)
            if call:  # the first prepares what the others find ready
                self._together.append(all_at_once / len(self._workers))
                for key, spent in turn.items():
                    self._seconds[key].append(spent)

    def figures(self) -> dict[str, Any]:
        """For each model its milliseconds a call by thread count, operations and share of the peak.

        Beside them `workers` with `workers_ms`: one-thread interpreters of the detector at work at
        once, one for each processor, and the time a frame then takes on average; and `peak_gops`,
        the most int8 operations a second by thread count. Where LiteRT brings no schema, the peak
        and what follows from it are empty. Medians of all calls so far.
        """
        seconds = {key: median(each) for key, each in self._seconds.items()}
        return _figures(self._counts, seconds, self._asked) | {
            "workers": len(self._workers),
            "workers_ms": round(1000 * median(self._together), 3),
        }


def _figures(
    tried: Sequence[int], seconds: Mapping[tuple[str, int], float], asked: Mapping[str, int]
) -> dict[str, Any]:
    peak = {count: asked[PEAK] / seconds[PEAK, count] / 1e9 for count in tried if asked}
    result: dict[str, Any] = {"peak_gops": {str(n): round(rate, 1) for n, rate in peak.items()}}
    for name in ("detector", "classifier"):
        share = {
            str(count): round(asked[name] / seconds[name, count] / 1e9 / rate, 3)
            for count, rate in peak.items()
        }
        result[name] = {
            "ms": {str(count): round(1000 * seconds[name, count], 3) for count in tried},
            "operations": asked.get(name),
            "share_of_peak": share,
        }
    return result


def best_rate(bare: Mapping[str, Any], reads: float) -> float:
    """Frames a second of nothing but `invoke()`, with so many crops read in a frame on average.

    The best over all thread counts of one interpreter for each model.
    """
    detector, classifier = bare["detector"]["ms"], bare["classifier"]["ms"]
    return max(1000 / float(detector[n] + reads * classifier[n]) for n in detector)


def bare_table(bare: Mapping[str, Any]) -> list[str]:
    """The figures for people, a line each."""
    counts_tried = list(bare["detector"]["ms"])
    head = "".join(f"{n + (' thread' if n == '1' else ' threads'):>18}" for n in counts_tried)
    lines = [f"{'bare invoke()':<14}{'MOP':>8}{head}"]
    for name in ("detector", "classifier"):
        figures = bare[name]
        cells = ""
        for count, ms in figures["ms"].items():
            share = figures["share_of_peak"].get(count)
            cells += f"{f'{ms:.2f} ms' + (f' {share:5.0%}' if share else ''):>18}"
        asked = figures["operations"]
        lines.append(f"{name:<14}{f'{asked / 1e6:.0f}' if asked else '–':>8}{cells}")
    if bare["peak_gops"]:
        cells = "".join(f"{f'{rate:.0f} GOP/s 100%':>18}" for rate in bare["peak_gops"].values())
        lines.append(f"{'int8 peak':<22}{cells}")
    each = "one-thread detectors at once"
    lines.append(f"{bare['workers']} {each}: {bare['workers_ms']:.2f} ms a frame")
    return lines


def _data(model: str) -> bytes:
    path = find_model(model)
    return model_bytes(load_spec(path), path)
