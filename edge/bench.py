"""Measure speed, memory and start-up: each stage alone, then the whole command as a user runs it.

The stages are timed one after the other on the same frames. Beside them stands what the models'
bare `invoke()` costs with each thread count, and which share of the CPU's int8 peak that is, as
far as the nets use its instructions (`edge.peak`). The whole command runs in a process of its own,
once with events only and once with annotated H.264 as well, so that threads, start-up and memory
are those of real use. It takes turns with the bare models, with which it is compared: twice a
second it is stopped, and they are called. So other work on the machine hits both alike.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from statistics import fmean
from threading import Timer
from typing import Any

from edge.app import DEMO, run
from edge.bare import CALLS, Bare, Turns, bare_table, best_rate
from edge.classifier import SignClassifier
from edge.config import SETTINGS, Config, load, meaning
from edge.core import Box, Event, Image, Reading, Scene
from edge.interrupt import Interrupted
from edge.line import build, load_models
from edge.machine import machine
from edge.measure import Stages, peak_memory
from edge.memory import MIB, keep_memory
from edge.overlay import Overlay
from edge.reports import write_json
from edge.sinks.files import prove_place
from edge.sinks.video import VideoSink
from edge.sources import open_source
from edge.sources.settings import source_options
from models.command import CommandParser
from models.errors import SourceError, UsageError, run_command
from models.spec import Spec

POINTS = (50, 95, 99)
FRAMES = 300
WARM_UP = 20  # frames: caches, clocks and the tracker's first tracks
CHILD_TIMEOUT_S = 600
TURN_S = 0.5  # of the whole command, then it is the bare models' turn
FIRST = "first"  # what the child says when its first frame is read
# The settings that are measured. Of a deployment's others none may be touched by a measurement:
# its store, its page, its voice.
MEASURED = (
    *("source", "detector", "classifier", "threads", "conf", "roi", "detect_every", "max_reads"),
    *("rotate", "flip"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse, measure, print."""
    flags = parse(arguments)
    if flags.whole:
        print(json.dumps(run_whole(Config(**json.loads(flags.whole)), flags.started)))
        return
    given = {
        name: value for name, value in vars(flags).items() if name in SETTINGS and value is not None
    }
    settings = load(flags.config, given)
    config = Config(**{name: getattr(settings, name) for name in MEASURED})
    config = replace(config, source=config.source or DEMO)
    if flags.frames < 1:
        raise UsageError(f"--frames: expected 1 or more, found {flags.frames}")
    if flags.json:
        prove_place(flags.json)
    keep_memory()
    signal.signal(signal.SIGTERM, _stop)  # else a child that waits for its turn would wait for ever
    result = measure(config, flags.frames)
    print(table(result))
    if flags.json:
        write_json(flags.json, result)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser("edge.bench", __doc__)
    parser.add_argument("--source", metavar="URI", help="a video or pictures; else the demo drive")
    for name in ("detector", "classifier"):
        parser.add_argument(f"--{name}", metavar="NAME", help=meaning(name))
    parser.add_argument("--threads", type=int, metavar="N", help=meaning("threads"))
    parser.add_argument(
        "--frames", type=int, metavar="N", default=FRAMES, help="frames to measure after warm-up"
    )
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="settings to measure with")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--whole", help=argparse.SUPPRESS)  # the child's own two
    parser.add_argument("--started", type=float, help=argparse.SUPPRESS)
    return parser.parse(arguments)


def _tell(what: str) -> None:
    """Where somebody waits at a terminal, what the minutes are for."""
    if sys.stderr.isatty():
        print(f"… {what}", file=sys.stderr)


def _stop(number: int, _frame: object) -> None:
    raise Interrupted(number)


def measure(config: Config, frames: int) -> dict[str, Any]:
    """All figures by name, ready for JSON."""
    with tempfile.TemporaryDirectory() as folder:
        video = str(Path(folder, "bench.mp4"))
        _tell(f"the stages of the line, one after the other: {frames} frames")
        stages, models = time_stages(config, frames, video)
        limited = replace(config, max_frames=WARM_UP + frames)
        log_file = str(Path(folder, "bench.jsonl"))
        _tell("the bare nets, and the whole command twice in turn with them")
        nets = Bare(config.detector, config.classifier)
        batches = [nets.measure(calls := min(CALLS, frames))]
        whole, rates, reads = {}, [], models["reads_a_frame"]
        seen = ("events_and_video", video)
        if "encode" not in stages:  # still pictures
            seen = ("events_and_pictures", str(Path(folder, "seen")))
        for name, output in (("events", ""), seen):
            turns = nets.turns()
            figures = spawn_whole(replace(limited, events=log_file, output=output), turns)
            batches.append(nets.measure(calls))
            rate = turns.rate(reads) or best_rate(nets.figures(batches[-2:]), reads)
            figures["share_of_bare"] = round(figures["frames_per_second"] / rate, 3)
            whole[name] = figures
            rates.append(rate)
    bare = nets.figures(batches) | {
        "frames_per_second": round(fmean(rates), 2),
        "each": [round(rate, 2) for rate in rates],  # in turn with each of the whole runs
    }
    return {
        "source": config.source,
        "frames": frames,
        "warm_up": WARM_UP,
        **models,
        "stages_ms": stages,
        "bare": bare,
        "whole": whole,
        **machine(),
    }


def time_stages(config: Config, frames: int, video: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Percentiles of each stage, and what the models call themselves; SourceError if too short.

    `end_to_end` is what one decoded frame costs until it is encoded, one stage after the other.
    """
    stages = Stages()
    info, source = open_source(config.source, source_options(config))
    with closing(source):
        if info.live:
            raise UsageError(f"{config.source}: expected a file to measure with, found a camera")
        found = 0
        before = time.perf_counter()
        for found, _ in enumerate(islice(source, WARM_UP + frames), start=1):
            now = time.perf_counter()
            if found > WARM_UP:
                stages.add({"decode": now - before})
            before = now
    if found <= WARM_UP:
        expected = f"expected more than {WARM_UP} frames, found {found}"
        raise SourceError(f"{config.source}: {expected}")
    models = load_models(config)
    counter = _Counter(models.classifier)
    models = models._replace(classifier=counter)
    line = build(models, config, info.stills)
    overlay = Overlay()
    drawn: dict[int, Image] = {}
    writer = None if info.stills else VideoSink(Path(video), lambda scene: drawn[scene.frame.index])
    info, source = open_source(config.source, source_options(config))
    with closing(source):
        for count, frame in enumerate(islice(source, WARM_UP + frames)):
            if count == WARM_UP:
                counter.reads = 0
            start = time.perf_counter()
            scene = line(frame)
            read = time.perf_counter()
            drawn = {frame.index: overlay.draw(scene, models.words())}
            done = time.perf_counter()
            timings = {k: v for k, v in scene.timings.items() if k != "total"}
            timings["draw"] = done - read
            if writer:
                writer.write(scene)
                timings["encode"] = time.perf_counter() - done
            timings["end_to_end"] = time.perf_counter() - start
            if count >= WARM_UP:
                stages.add(timings)
    if writer:
        writer.finish(line.finish())
        writer.close()
    described = {
        "detector": identity(models.detector.spec),
        "classifier": identity(models.classifier.spec),
        "threads": models.threads,
        "reads_a_frame": round(counter.reads / (found - WARM_UP), 3),
    }
    return stages.percentiles(POINTS), described


class _Counter(SignClassifier):
    """The same classifier; `reads` counts the crops it has read."""

    def __init__(self, classifier: SignClassifier) -> None:
        super().__init__(classifier.spec, classifier.runtime)
        self.reads = 0

    def classify(self, image: Image, boxes: Sequence[Box]) -> list[Reading]:
        self.reads += len(boxes)
        return super().classify(image, boxes)


def run_whole(config: Config, started: float) -> dict[str, float]:
    """Run the command in this process, which was started at the UTC second `started`."""
    result = run(config, probe=lambda _: _First())
    tally = result.tally
    first = time.time() - (time.monotonic() - (tally.first_result or 0.0))
    return {
        "frames": tally.frames,
        "seconds": result.seconds,
        "first_result_s": round(first - started, 3),
        "peak_memory_mib": round(peak_memory() / MIB, 1),
    }


class _First:
    """A sink that says when the first frame is read: until then nothing may take turns."""

    lossless = True

    def __init__(self) -> None:
        self._said = False

    def write(self, scene: Scene) -> None:  # noqa: ARG002
        if not self._said:
            print(FIRST, flush=True)
            self._said = True

    def finish(self, events: Sequence[Event]) -> None:
        pass

    def close(self) -> None:
        pass


def spawn_whole(config: Config, turns: Turns | None = None) -> dict[str, float]:
    """`run_whole` in a fresh process, in turn with any bare models; its errors are ours."""
    command = [sys.executable, "-m", "edge.bench", "--whole", json.dumps(asdict(config))]
    command += ["--started", repr(time.time())]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        late = Timer(CHILD_TIMEOUT_S, child.kill)
        late.start()
        try:
            assert child.stdout
            first = child.stdout.readline()
            paused = take_turns(child, turns) if first and turns else 0.0
            out, complaints = child.communicate()
        except BaseException:
            child.kill()
            raise
        finally:
            late.cancel()
    if child.returncode:
        last = (complaints.strip().splitlines() or ["no message"])[-1]
        raise SourceError(f"the measured command failed: {last.removeprefix('error: ')}")
    figures = dict(json.loads(out.splitlines()[-1]))
    figures["seconds"] = round(figures["seconds"] - paused, 3)
    figures["frames_per_second"] = round(figures["frames"] / figures["seconds"], 2)
    return figures


def take_turns(child: subprocess.Popen[str], turns: Turns) -> float:
    """Stop the child now and then for a turn until it ends; for how many seconds it was stopped.

    Where a process cannot be stopped (Windows) nothing is.
    """
    paused = 0.0
    while sys.platform != "win32" and not _ends(child, TURN_S):
        child.send_signal(signal.SIGSTOP)
        state = os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if state is not None and state.si_code == os.CLD_STOPPED:  # else it has ended meanwhile
            start = time.perf_counter()
            turns.take()
            paused += time.perf_counter() - start
            child.send_signal(signal.SIGCONT)
    return paused


def _ends(child: subprocess.Popen[str], within_s: float) -> bool:
    try:
        child.wait(within_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def identity(spec: Spec) -> dict[str, str]:
    """Which model it was."""
    return {"name": spec.name, "version": spec.version, "sha256": spec.sha256}


def table(result: Mapping[str, Any]) -> str:
    """The figures for people."""
    points = [f"p{point}" for point in POINTS]
    lines = [
        f"cpu         {result['cpu']}, {result['processors']} processors",
        f"models      {result['detector']['name']} + {result['classifier']['name']}, "
        f"{result['threads']} threads",
        f"source      {result['source']}, {result['frames']} frames after "
        f"{result['warm_up']} of warm-up",
        "",
        f"{'stage, ms':<12}" + "".join(f"{point:>9}" for point in points),
    ]
    lines += [
        f"{stage:<12}" + "".join(f"{values[point]:9.2f}" for point in points)
        for stage, values in result["stages_ms"].items()
    ]
    bare = result["bare"]
    lines += ["", *bare_table(bare)]
    lines.append(
        f"{bare['frames_per_second']:.1f} frames/s at best of one interpreter a model and "
        f"{result['reads_a_frame']:.2f} crops a frame"
    )
    heading = (
        f"{'whole command':<22}{'frames/s':>9}{'of bare':>9}{'start-up':>10}{'peak memory':>13}"
    )
    lines += ["", heading]
    lines += [
        f"{name.replace('_', ' '):<22}{figures['frames_per_second']:9.1f}"
        f"{figures['share_of_bare']:9.0%}"
        f"{figures['first_result_s']:8.2f} s{figures['peak_memory_mib']:9.0f} MiB"
        for name, figures in result["whole"].items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    run_command(main)
