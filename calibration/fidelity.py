"""How faithfully an int8 detector does what its float net does, picture by picture.

    python -m calibration.fidelity runs/detector --model detector

Both look at the same held-out pictures through the code of the device. Nothing is published:
`python -m calibration.publish` measures the same and refuses a file that lost too much.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from calibration import metrics
from calibration.finding import SMALL, look, precision_figures
from calibration.matching import EVERY, IOU, pool
from calibration.metrics import UNMATCHED, Counts, Floats, Ints
from calibration.quantize_detector import raw_head
from calibration.seen import WHOLE_CURVE, Seen, see_detector
from calibration.walk import Walk
from edge.core import Image, Tensor
from edge.detector import YoloDetector, load_detector
from edge.reports import write_json
from edge.sinks.files import prove_place
from edge.status import StatusLine
from models.command import CommandParser
from models.errors import ModelError, UsageError, run_command
from models.processors import available_threads
from models.spec import Spec, find_model
from training import datasets

MAX_LOSS = {"ap50": 0.01, "ap50_95": 0.02}  # of all signs, and of the small ones by themselves
SHOWN = 10  # pictures in the table; the JSON has all that differ


class FloatRuntime:
    """The float net behind the edge code's Runtime protocol, to compare like with like."""

    def __init__(self, net: Any) -> None:
        self._net = net

    def __call__(self, image: Image) -> tuple[Tensor, ...]:
        import torch  # noqa: PLC0415 – only where a float net is measured

        with torch.inference_mode():
            outputs = self._net(torch.from_numpy(image[None].astype(np.float32)))
        return tuple(Tensor(output.numpy()) for output in outputs)


def float_detector(spec: Spec, net: Any) -> YoloDetector:
    """The net of `raw_head` as the device would run it, down to the end of the curve.

    ModelError where it has another head than the published model.
    """
    if (net.strides, net.bins) != (spec.output.strides, spec.output.bins):
        raise ModelError(
            f"{spec.name}: expected a float net with the strides {spec.output.strides} and "
            f"{spec.output.bins} bins, found {net.strides} and {net.bins}"
        )
    runtime = FloatRuntime(net)
    return YoloDetector(spec, runtime, WHOLE_CURVE, lambda _: runtime)


class Agreement(NamedTuple):
    """One picture: the IoUs of the boxes that both give, and how many one of them gives alone."""

    ious: Floats
    only_float: int
    only_int8: int


def compare(whole: Sequence[Seen], int8: Sequence[Seen], threshold: float) -> dict[str, Any]:
    """Both models' answers of the same pictures, each to its very end.

    `ap50` and `ap50_95` of all signs and under `small` of those below 32 px, float and int8, and
    the `difference` (int8 − float) with its paired interval over pictures. `boxes` are the answers
    from `threshold` on: of those that `both` give (at an IoU of 0.5) the mean and 5th percentile of
    the IoU and the mean difference of the scores. `differing` names the pictures in which one has
    an answer that the other has not.
    """
    pairs = list(zip(whole, int8, strict=True))
    both = [agreement(*pair, threshold) for pair in pairs]
    ious = np.concatenate([each.ious for each in both])
    result = {
        **_precision(whole, int8, EVERY),
        "boxes": {
            "both": len(ious),
            "only_float": sum(each.only_float for each in both),
            "only_int8": sum(each.only_int8 for each in both),
            "iou_mean": float(ious.mean()) if len(ious) else None,
            "iou_p5": float(np.percentile(ious, 5)) if len(ious) else None,
            "threshold": threshold,
        },
        "n_images": len(pairs),
        "differing": [
            {
                "picture": seen.example.name,
                "only_float": each.only_float,
                "only_int8": each.only_int8,
            }
            for (seen, _), each in zip(pairs, both, strict=True)
            if each.only_float or each.only_int8
        ],
    }
    low, high = SMALL
    if any(((s.heights >= low) & (s.heights < high)).any() for s in whole):
        result["small"] = _precision(whole, int8, SMALL)
    return result


def refuse_loss(found: Mapping[str, Any]) -> None:
    """ModelError where int8 lost more than MAX_LOSS, over all signs or over the small ones."""
    for where, figures in (("", found), ("small signs' ", found.get("small", {}))):
        for key, limit in MAX_LOSS.items():
            if key in figures and figures[key]["int8"] < figures[key]["float"] - limit:
                raise ModelError(
                    f"not published: expected int8 {where}{key} within {limit} of float's "
                    f"{figures[key]['float']:.4f}, found {figures[key]['int8']:.4f}"
                )


def agreement(whole: Seen, int8: Seen, threshold: float) -> Agreement:
    """The answers of one picture from a score on, matched with each other."""
    theirs, ours = (each.boxes[each.scores >= threshold] for each in (whole, int8))
    overlap = metrics.ious(ours, theirs)
    found = metrics.match(overlap, IOU)
    hit = np.flatnonzero(found != UNMATCHED)
    return Agreement(overlap[hit, found[hit]], len(theirs) - len(hit), len(ours) - len(hit))


def _precision(
    whole: Sequence[Seen], int8: Sequence[Seen], heights: tuple[float, float]
) -> dict[str, Any]:
    def answers_of(seen: Sequence[Seen]) -> Any:
        looks = [look(each, np.zeros(len(each.scores))) for each in seen]
        return pool(looks, metrics.COCO_IOUS, heights)

    theirs, ours = answers_of(whole), answers_of(int8)

    def difference(counts: Counts) -> dict[str, float]:
        one, other = precision_figures(theirs, counts), precision_figures(ours, counts)
        return {key: other[key] - value for key, value in one.items()}

    once: Ints = np.ones(len(whole), dtype=np.int64)
    drawn = metrics.intervals(difference, len(whole))
    first, second = precision_figures(theirs, once), precision_figures(ours, once)
    return {
        **{key: {"float": first[key], "int8": second[key]} for key in first},
        "n_boxes": int(theirs.truths.sum()),
        "difference": drawn,
    }


def table(found: Mapping[str, Any]) -> str:
    """The figures to read."""
    lines = [f"{'':<22}{'float':>8}{'int8':>9}   difference, 95 %"]
    for where, figures in (("", found), ("small, ", found.get("small", {}))):
        for key in (key for key in MAX_LOSS if key in figures):
            low, high = figures["difference"][key]
            values = figures[key]
            lines.append(
                f"  {where + key:<20}{values['float']:8.4f}{values['int8']:9.4f}   "
                f"{low:+.4f} … {high:+.4f}"
            )
    boxes = found["boxes"]
    lines.append(
        f"answers from {boxes['threshold']} on: {boxes['both']} of both, {boxes['only_float']} of "
        f"float alone, {boxes['only_int8']} of int8 alone"
    )
    if boxes["both"]:
        lines.append(f"IoU of both: mean {boxes['iou_mean']:.4f}, 5th % {boxes['iou_p5']:.4f}")
    for row in found["differing"][:SHOWN]:
        only = f"{row['only_float']} of float alone, {row['only_int8']} of int8 alone"
        lines.append(f"  {row['picture']}: {only}")
    left = len(found["differing"]) - SHOWN
    return "\n".join([*lines, *([f"  … and {left} more pictures"] if left > 0 else [])])


def main(arguments: Sequence[str] | None = None) -> None:
    given = list(sys.argv[1:] if arguments is None else arguments)
    flags = _parse(given)
    if flags.json:
        prove_place(flags.json)
    int8 = load_detector(flags.model, flags.threads, WHOLE_CURVE)
    whole = float_detector(int8.spec, raw_head(flags.run / "final.pt"))
    gtsdb = datasets.gtsdb()
    examples = datasets.part(gtsdb, flags.part)
    status = StatusLine(2 * len(examples)) if flags.progress else None
    try:
        walk = Walk(gtsdb, examples, status)
        whole_seen, int8_seen = (see_detector(each, walk)[0] for each in (whole, int8))
    finally:
        if status:
            status.close()
    found = compare(whole_seen, int8_seen, int8.spec.thresholds["score"])
    print(table(found))
    if flags.json:
        command = shlex.join(["python", "-m", "calibration.fidelity", *given])
        write_json(flags.json, {**found, "part": flags.part, "command": command})


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = CommandParser("calibration.fidelity", __doc__)
    parser.add_argument("run", type=Path, help="the training run of the float net")
    parser.add_argument("--model", default="detector", help="the int8 model: a name or its JSON")
    parser.add_argument("--part", default="judge", help="of GTSDB, to measure on")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--threads", type=int, default=available_threads(), help="of the int8 one")
    parser.add_argument("--progress", action="store_true", help="show how far it is")
    flags = parser.parse(arguments)
    if flags.threads < 1:
        raise UsageError(f"--threads: expected 1 or more, found {flags.threads}")
    find_model(flags.model)
    return flags


if __name__ == "__main__":
    run_command(main)
