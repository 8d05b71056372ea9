"""The models' bare `invoke()` by thread count: what no line around them can beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

from edge.peak import operations, peak_model
from edge.runtime import open_interpreter
from edge.threads import Invoke, counts, timed_together
from models.processors import available_threads
from models.spec import find_model, load_spec, model_bytes

CALLS = 10  # at a time of every model with every thread count, for a median that can be trusted
PEAK = "peak"


Batch = Mapping[tuple[str, int], Sequence[float]]  # (model, thread count) → seconds of each call
TOGETHER = "together"  # all workers at once, a frame of theirs


class Bare:
    """Both models, and what a processor can do at most, called with every thread count.

    `measure` gives a batch of calls and leaves nothing in memory. A machine that others share is
    not equally quick for a minute: what is compared with the models takes turns with `turns`.
    """

    def __init__(self, detector: str, classifier: str) -> None:
        self._data = {"detector": _data(detector), "classifier": _data(classifier)}
        self._asked = {}
        try:
            peak, done = peak_model()
            found = {name: operations(model) for name, model in self._data.items()}
            self._asked = found | {PEAK: done}
            self._data[PEAK] = peak
        except ImportError:
            pass  # `tflite-runtime` cannot tell; a bench without it is still one
        self._counts = counts(available_threads())

    def measure(self, calls: int) -> Batch:
        """So many calls of everything, in turns, so that a busy moment hits all alike."""
        invokes: dict[tuple[str, int], list[Invoke]] = {
            (name, count): [open_interpreter(model, name, count).invoke]
            for name, model in self._data.items()
            for count in self._counts
        }
        most = self._counts[-1]
        invokes[TOGETHER, most] = [
            open_interpreter(self._data["detector"], "detector", 1).invoke for _ in range(most)
        ]
        seconds: dict[tuple[str, int], list[float]] = {key: [] for key in invokes}
        for call in range(calls + 1):
            turn = {key: timed_together(each) for key, each in invokes.items()}
            if call:  # the first prepares what the others find ready
                for key, spent in turn.items():
                    seconds[key].append(spent / len(invokes[key]))
        return seconds

    def turns(self) -> Turns:
        """The two models with every thread count, to be called now and then."""
        return Turns(
            {
                (name, count): open_interpreter(self._data[name], name, count).invoke
                for name in ("detector", "classifier")
                for count in self._counts
            }
        )

    def figures(self, batches: Sequence[Batch]) -> dict[str, Any]:
        """For each model its milliseconds a call by thread count, operations and share of the peak.

        Beside them `workers` with `workers_ms`: one-thread interpreters of the detector at work at
        once, one for each processor, and the time a frame then takes on average; and `peak_gops`,
        the most int8 operations a second by thread count. Where LiteRT brings no schema, the peak
        and what follows from it are empty. Medians of all calls.
        """
        seconds = {
            key: median(spent for batch in batches for spent in batch[key]) for key in batches[0]
        }
        together = seconds.pop((TOGETHER, self._counts[-1]))
        return _figures(self._counts, seconds, self._asked) | {
            "workers": self._counts[-1],
            "workers_ms": round(1000 * together, 3),
        }


class Turns:
    """Calls that take turns with something else, which then had the same machine."""

    def __init__(self, invokes: Mapping[tuple[str, int], Invoke]) -> None:
        self._invokes = invokes
        self._seconds: dict[tuple[str, int], list[float]] = {key: [] for key in invokes}

    def take(self) -> None:
        """Call each once, after a call that brings it back into the caches."""
        for key, invoke in self._invokes.items():
            invoke()
            self._seconds[key].append(timed_together([invoke]))

    def rate(self, reads: float) -> float | None:
        """`best_rate` of the mean calls, because what takes turns with them is told by its mean,
        too; None before the first turn."""
        if not all(self._seconds.values()):
            return None
        means: dict[str, dict[str, dict[str, float]]] = {}
        for (name, count), seconds in self._seconds.items():
            means.setdefault(name, {"ms": {}})["ms"][str(count)] = 1000 * fmean(seconds)
        return best_rate(means, reads)


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
