"""The real app for as long as you like, on a stream that drops out again and again.

  python -m tests.live.soak --minutes 10                          the demo drive as an RTSP stream
                                                                  that is killed every 20 seconds
  python -m tests.live.soak --minutes 120 --stream-fps 4          the same beside other work
  python -m tests.live.soak --minutes 1 --source 'test:?fps=120'  a camera faster than the line

It prints how memory, descriptors, threads, live objects and latency went, how old a picture is
when it has been read against what the line allows, and what each thread cost. Any further flags are
those of `edge.run`. The exit code is 1 if threads, descriptors or live objects grew.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from edge import run as command
from edge.app import run
from edge.config import Config, load
from edge.core import Array, Event, Health, Scene
from edge.measure import Latest
from edge.sources import SourceInfo, SourceOptions, open_source
from models.errors import SourceError, run_command
from tests.live.servers import Server, free_port, rtsp_missing, rtsp_server

SAMPLE_S = 2.0
AWAY_S = 3.0  # how long the server stays away
WARM_UP = 0.5  # of the whole time: caches fill, and the encoder settles after some 300 pictures
OBJECTS_GROWTH = 0.01  # of all live objects: memos of text and plates fill up slowly
KEPT = 200_000  # of the latest frames
KEPT_SAMPLES = 50_000
QUALITY = 85  # of the JPEGs that are streamed


class Sample(NamedTuple):
    """What the process holds at one moment; `time`: seconds since the start."""

    time: float
    memory: float  # MB
    descriptors: int
    threads: int
    objects: int


class Probe:
    """A sink that notes how old each picture is when it has been read, and what the line took."""

    lossless = True

    def __init__(self, info: SourceInfo) -> None:
        self.info = info
        self._rows = Latest(KEPT, 5, np.float64)

    def write(self, scene: Scene) -> None:
        frame = scene.frame
        age = time.monotonic() - frame.time
        self._rows.add(age, scene.timings["total"], frame.time, frame.index, frame.segment)

    @property
    def count(self) -> int:
        """Frames that were read."""
        return self._rows.count

    def rows(self) -> Array:
        """Age, time on the line, time, index, segment: (frames, 5), the oldest first."""
        return self._rows.rows()

    def finish(self, events: Sequence[Event]) -> None:
        pass

    def close(self) -> None:
        pass


class Soak:
    """One run: samples itself on a thread while the app runs on the main one."""

    def __init__(self, config: Config, seconds: float, server: Server | None, every_s: float):
        self._config = config
        self._seconds = seconds
        self._server = server
        self._every_s = every_s
        self._done = threading.Event()
        self.probe: Probe | None = None
        self.busy: dict[str, float] = {}  # by thread, share of one core after warm-up
        self.samples = Latest(KEPT_SAMPLES, len(Sample._fields), np.float64)  # rows of `Sample`
        self.health = Health("connecting", 0.0)
        self.stopped_in = 0.0

    def run(self) -> None:
        """Run the app for the whole time, then stop it as a service manager does."""
        watcher = threading.Thread(target=self._watch, name="soak", daemon=True)
        watcher.start()
        run(self._config, probe=self._make_probe)
        self.stopped_in = time.monotonic() - self.stopped_in
        self._done.set()
        watcher.join()

    def _make_probe(self, info: SourceInfo) -> Probe:
        self.probe = Probe(info)
        return self.probe

    def _watch(self) -> None:
        try:
            self._follow()
        finally:  # also where the server did not come back, of which this thread tells
            if not self._done.is_set():
                os.kill(os.getpid(), signal.SIGTERM)

    def _follow(self) -> None:
        started = time.monotonic()
        broken = started
        warm_at: float | None = None
        before: dict[str, float] = {}
        while (now := time.monotonic()) - started < self._seconds:
            if warm_at is None and now - started >= WARM_UP * self._seconds:
                warm_at, before = now, processor_time()
            if self._server and now - broken >= self._every_s:
                self._server.kill()
                self._done.wait(AWAY_S)
                self._server.start()
                broken = now
            if self.probe:
                self.health = self.probe.info.health()
                if self.health.state == "online":  # else a connection is missing or doubled
                    self.samples.add(*sample(now - started))
            if self._done.wait(SAMPLE_S):
                return
        self.stopped_in = time.monotonic()
        if warm_at is not None:
            spent = {name: used - before.get(name, 0) for name, used in processor_time().items()}
            self.busy = {k: v / (self.stopped_in - warm_at) for k, v in spent.items()}


def film(folder: Path, fps: int) -> None:
    """The demo drive as pictures at this rate: a stream of it has signs to be read."""
    _, source = open_source("demo:", SourceOptions())
    with closing(source):
        number, due = 0, 0.0
        for frame in source:
            if frame.time >= due:
                quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
                cv2.imwrite(str(folder / f"{number:05d}.jpg"), frame.image, quality)
                number, due = number + 1, due + 1 / fps


def sample(seconds: float) -> Sample:
    """This process now."""
    own = Path("/proc/self")
    pages = int((own / "statm").read_text().split()[1])
    return Sample(
        seconds,
        pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        len(list((own / "fd").iterdir())),
        len(list((own / "task").iterdir())),
        # In one go: another thread that saw a tuple of its own in such a list could not finish it.
        sum(map(len, map(gc.get_objects, range(3)))),
    )


def processor_time() -> dict[str, float]:
    """Seconds of CPU time that each Python thread has used, by its name; `proc(5)`, stat."""
    found: dict[str, float] = {}
    for thread in threading.enumerate():
        with suppress(OSError):  # it has just ended
            stat = Path(f"/proc/self/task/{thread.native_id}/stat").read_text()
            user, system = stat.rpartition(")")[2].split()[11:13]
            used = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
            found[thread.name] = found.get(thread.name, 0.0) + used
    return found


def report(soak: Soak) -> bool:
    """Print what came of it; whether nothing grew."""
    probe, samples = soak.probe, soak.samples.rows()
    if probe is None or len(samples) < 4:
        raise SourceError("the run was too short to say anything")
    times = samples[:, 0]
    warm = times >= WARM_UP * times[-1]
    rows = samples[warm, 1:]
    half = len(rows) // 2
    early, late = np.median(rows[:half], axis=0), np.median(rows[half:], axis=0)
    slope = np.polyfit(times[warm] / 3600, rows[:, 0], 1)[0]
    print(f"time        {times[-1] / 60:.1f} min, {probe.count} frames read")
    health = soak.health
    print(f"source      {health.frames} frames came, {health.dropped} dropped, ", end="")
    print(f"{health.reconnects} reconnects")
    print(f"memory      {late[0]:.1f} MB, {slope:+.2f} MB/h after warm-up")
    grown = []
    for column, (name, allowed) in enumerate(
        (("descriptors", 0.0), ("threads", 0.0), ("objects", OBJECTS_GROWTH)), start=1
    ):
        print(f"{name:<11} {early[column]:.0f} in the first half, {late[column]:.0f} in the second")
        if late[column] > early[column] * (1 + allowed):
            grown.append(name)
    print_latency(probe)
    shares = sorted(soak.busy.items(), key=lambda each: -each[1])
    print("of one core " + ", ".join(f"{name} {share:.2%}" for name, share in shares))
    print(f"stop        {soak.stopped_in:.2f} s after SIGTERM everything was closed")
    print(f"result      {'grew: ' + ', '.join(grown) if grown else 'nothing grew'}")
    return not grown


def print_latency(probe: Probe) -> None:
    """How old pictures are when they have been read, and what the line and the camera allow."""
    rows = probe.rows()
    rows = rows[round(WARM_UP * len(rows)) :]
    ages, line = 1000 * rows[:, 0], 1000 * rows[:, 1]
    half = len(ages) // 2
    drift = np.median(ages[half:]) - np.median(ages[:half])
    age, took = np.percentile(ages, 95), np.percentile(line, 95)
    print(f"latency     capture to result p50 {np.median(ages):.1f} ms, p95 {age:.1f} ms, ", end="")
    print(f"drift {drift:+.1f} ms")
    print(f"line        p50 {np.median(line):.1f} ms, p95 {took:.1f} ms")
    steps = np.diff(rows[:, 2:], axis=0)
    steps = steps[steps[:, 2] == 0]  # within a segment
    interval = 1000 * np.median(steps[:, 0] / steps[:, 1])
    allowed = took + interval + 10
    print(f"allowed     {allowed:.1f} ms: one pass of the line, a camera interval of ", end="")
    print(f"{interval:.1f} ms, 10 ms")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.live.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--drop-every", type=float, default=20.0, metavar="SECONDS")
    parser.add_argument("--stream-fps", type=int, default=25, metavar="RATE")
    flags, rest = parser.parse_known_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        given = command.settings(command.parse(rest))
        server = None
        if "source" not in given:
            if missing := rtsp_missing():
                raise SourceError(f"{missing}; or name a --source")
            port = free_port()
            film(folder, flags.stream_fps)
            pictures = "--pictures", str(folder)
            server = stack.enter_context(
                rtsp_server(port, "--fps", str(flags.stream_fps), *pictures)
            )
            given["source"] = f"rtsp://127.0.0.1:{port}/live"
        outputs = {"output": str(folder / "seen.mkv"), "events": str(folder / "seen.jsonl")}
        soak = Soak(load(None, {**outputs, **given}), 60 * flags.minutes, server, flags.drop_every)
        soak.run()
        return 0 if report(soak) else 1


if __name__ == "__main__":
    if sys.platform != "linux":
        sys.exit("the soak reads /proc: Linux only")
    run_command(main)
