"""Where a model's time goes, operator by operator, and how far from the processor's peak.

    python -m calibration.layers detector
    python -m calibration.layers detector-fast --threads 2 --each

An operator alone in a file would be told apart from what it is joined with: LiteRT takes borders
into the convolution behind them, and x · sigmoid(x) is one pass. So the model is cut off behind
each operator in turn, and an operator costs what the cut behind it takes longer than the cut
before it. The quickest call of each counts: what slows others down is other work on the machine.
All cuts are gone through several times, so that no long disturbance hits every call of one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edge.config import Config
from edge.machine import machine
from edge.peak import operations, peak_model
from edge.reports import write_json
from edge.runtime import open_interpreter
from edge.sinks.files import prove_place
from edge.threads import timed_together
from models.command import CommandParser
from models.errors import UsageError, run_command
from models.spec import find_model, load_spec, model_bytes

ROUNDS = 8  # through all cuts
CALLS = 4  # of each cut in each round
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
BORDER = "PAD"  # taken into the convolution behind it
SILU = ("LOGISTIC", "MUL")  # one pass
COPIES = ("CONCATENATION", "SLICE", "QUANTIZE", "RESIZE_NEAREST_NEIGHBOR")  # and new scales


class Operator(NamedTuple):
    """One operator of a file: its kind, its output's shape, how many pixels of the input lie below
    one place of that (0 where it is no map), and its work, two operations for each weight's use."""

    kind: str
    shape: tuple[int, ...]
    stride: int
    operations: int


class Timed(NamedTuple):
    """Milliseconds of each operator and of the whole, and the peak in operations a millisecond."""

    each: list[tuple[Operator, float]]
    whole: float
    peak: float


def cuts(model: bytes) -> Iterator[tuple[Operator, bytes]]:
    """Each operator of a LiteRT file, with the file that ends behind it.

    What later operators would have read leaves such a file, lest it be left out as useless.
    ImportError where the installed LiteRT brings no schema, as `tflite-runtime` does not.
    """
    from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415 – not on old ARM
    from flatbuffers import Builder  # noqa: PLC0415

    root = schema.ModelT.InitFromPackedBuf(model, 0)
    names = {number: name for name, number in vars(schema.BuiltinOperator).items()}
    graph, every, last = root.subgraphs[0], root.subgraphs[0].operators, root.subgraphs[0].outputs
    width = int(graph.tensors[graph.inputs[0]].shape[2])
    root.signatureDefs = []
    before = 0
    for end in range(1, len(every) + 1):
        own = every[end - 1]
        wanted = {int(n) for later in every[end:] for n in later.inputs} | {int(n) for n in last}
        graph.operators = every[:end]
        graph.outputs = [int(n) for done in every[:end] for n in done.outputs if n in wanted]
        builder = Builder(len(model))
        builder.Finish(root.Pack(builder), b"TFL3")
        data = bytes(builder.Output())
        shape = tuple(int(side) for side in graph.tensors[own.outputs[0]].shape)
        code = root.operatorCodes[own.opcodeIndex]
        kind = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        so_far = operations(data)
        stride = round(width / shape[2]) if len(shape) == 4 else 0
        yield Operator(kind, shape, stride, so_far - before), data
        before = so_far


def measure(model: bytes, threads: int, calls: int = CALLS, rounds: int = ROUNDS) -> Timed:
    """The quickest of all calls of each cut, of the whole, and of the peak's operator."""
    peak, done = peak_model()
    operators, files = zip(*cuts(model), strict=True)
    quickest = np.full(len(files) + 2, np.inf)
    for _ in range(rounds):
        found = [_quickest(data, threads, calls) for data in (*files, model, peak)]
        quickest = np.minimum(quickest, found)
    *ends, whole, plainest = quickest.tolist()
    each = np.diff([0.0, *ends]).tolist()
    return Timed(list(zip(operators, each, strict=True)), whole, done / plainest)


def _quickest(model: bytes, threads: int, calls: int) -> float:
    """Milliseconds; the first call prepares what the others find ready."""
    invoke = open_interpreter(model, "a part", threads).invoke
    return 1000 * min([timed_together([invoke]) for _ in range(calls + 1)][1:])


def grouped(timed: Timed) -> list[dict[str, Any]]:
    """What belongs together as one row: convolutions by stride, with their borders; the rest by
    what it does."""
    rows: dict[str, dict[str, Any]] = {}
    for number, (operator, ms) in enumerate(timed.each):
        its = operator
        if operator.kind == BORDER and number + 1 < len(timed.each):
            its = timed.each[number + 1][0]
        row = rows.setdefault(_group(its), {"n": 0, "ms": 0.0, "operations": 0})
        row["n"] += 1
        row["ms"] += ms
        row["operations"] += operator.operations
    order = sorted(rows.items(), key=lambda item: (not item[1]["operations"], item[0]))
    return [{"what": name, **row, **_shares(row, timed)} for name, row in order]


def _group(operator: Operator) -> str:
    if operator.kind in CONVOLUTIONS:
        return f"convolutions, stride {operator.stride:2}" if operator.stride else "dense layers"
    if operator.kind in SILU:
        return "SiLU (LOGISTIC, MUL)"
    return "copies and new scales" if operator.kind in COPIES else operator.kind


def _shares(row: Mapping[str, Any], timed: Timed) -> dict[str, float]:
    """The row's share of the whole; its work's share of the peak; and what it takes beyond that
    work at the peak, again of the whole."""
    ideal = row["operations"] / timed.peak
    return {
        "of_whole": row["ms"] / timed.whole,
        "of_peak": ideal / row["ms"] if row["ms"] else 0.0,
        "beyond_peak": (row["ms"] - ideal) / timed.whole,
    }


def table(timed: Timed) -> list[str]:
    """The groups as Markdown; `beyond` is the share of the whole that the peak would not need."""
    heads = ("what", "operators", "ms", "of the whole", "M operations", "of the peak", "beyond")
    rows = [(row["what"], str(row["n"]), *_cells(row)) for row in grouped(timed)]
    work = sum(operator.operations for operator, _ in timed.each)
    for what, ms in (("all of them", sum(ms for _, ms in timed.each)), ("the model", timed.whole)):
        row = {"ms": ms, "operations": work}
        rows.append((what, str(len(timed.each)), *_cells({**row, **_shares(row, timed)})))
    return [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows)]


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    work = f"{row['operations'] / 1e6:.0f}" if row["operations"] else ""
    share = f"{row['of_peak']:.0%}" if row["operations"] else ""
    return f"{row['ms']:.2f}", f"{row['of_whole']:.1%}", work, share, f"{row['beyond_peak']:.1%}"


def every(timed: Timed) -> list[str]:
    """Each operator, a line."""
    lines = []
    for operator, ms in timed.each:
        row = {"ms": ms, "operations": operator.operations}
        share = f"{_shares(row, timed)['of_peak']:5.0%}" if operator.operations else ""
        shape = "x".join(map(str, operator.shape[1:]))
        lines.append(f"{operator.kind:<26}{shape:>14}{ms:9.3f} ms {share}")
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    parser = CommandParser("calibration.layers", __doc__)
    parser.add_argument("model", nargs="?", default=Config().detector, help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="(%(default)s)")
    parser.add_argument(
        "--calls", type=int, default=CALLS, help="of each cut in each round (%(default)s)"
    )
    parser.add_argument("--each", action="store_true", help="list every operator too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    flags = parser.parse(arguments)
    _refuse_nonsense(flags)
    path = find_model(flags.model)
    try:
        timed = measure(model_bytes(load_spec(path), path), flags.threads, flags.calls)
    except ImportError as error:
        raise UsageError(f"this LiteRT cannot take a model apart: {error}") from error
    print("\n".join([*table(timed), *(["", *every(timed)] if flags.each else [])]))
    if flags.json:
        figures = {"whole_ms": timed.whole, "peak_gops": timed.peak / 1e6, "threads": flags.threads}
        write_json(flags.json, {"rows": grouped(timed), **figures, **machine()})


def _refuse_nonsense(flags: argparse.Namespace) -> None:
    for name in ("threads", "calls"):
        if (found := getattr(flags, name)) < 1:
            raise UsageError(f"--{name}: expected 1 or more, found {found}")
    if flags.json:
        prove_place(flags.json)


if __name__ == "__main__":
    run_command(main)
