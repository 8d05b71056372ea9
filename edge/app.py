"""The only place where concrete classes meet: `build` makes the line, `run` drives it.

Data goes one way: the source hands over frames, the line makes scenes of them, every sink gets
every scene. However it ends (end of file, Ctrl-C, SIGTERM, a camera that dies, a full disk), it
leaves by one `ExitStack`, and what was read until then is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from edge.config import Config
from edge.core import Event, Sink, Source
from edge.interrupt import Interrupted, Interrupts
from edge.line import Line, build, load_models, look_ahead
from edge.measure import Tally
from edge.overlay import Overlay
from edge.sinks.console import ConsoleSink
from edge.sinks.files import Part
from edge.sinks.jsonl import JsonlSink
from edge.sinks.pictures import PicturesSink
from edge.sinks.render import RenderOnce
from edge.sinks.threaded import Threaded
from edge.sinks.video import VideoSink
from edge.sinks.window import WindowClosed, WindowSink, window_problem
from edge.sources import SourceInfo, open_source
from edge.status import StatusLine, Watch
from models.errors import OutputError, SourceError, UsageError

log = logging.getLogger(__name__)

VIDEOS = (".mp4", ".mkv")
DEMO = "demo:"
STDOUT = "-"
WRITE_BEHIND = 4  # frames that wait for the encoder


class Result(NamedTuple):
    """How a run went. `signal`: the one that ended it early, else None."""

    tally: Tally
    seconds: float
    signal: int | None


def loop(
    source: Source, line: Line, sinks: Sequence[Sink], interrupts: Interrupts, max_frames: int = 0
) -> None:
    """Every frame down the line and into every sink, until the source ends; 0 is no limit.

    A source that fails, a sink that fails, a signal and the user closing the window end it like
    the end of the source does: what was read before is finished properly, then the first error
    goes on its way.
    """
    errors: list[BaseException] = []
    try:
        for frame in islice(source, max_frames or None):
            with interrupts.hold():
                scene = line(frame)
                for sink in sinks:
                    sink.write(scene)
    except WindowClosed:
        pass
    except (SourceError, OutputError, BrokenPipeError, Interrupted) as error:
        errors.append(error)
    interrupts.hold_to_the_end()
    events = line.finish()
    # One that fails keeps no other from its last events.
    errors += [failed for sink in sinks if (failed := _finish(sink, events))]
    if errors:
        raise errors[0]


def _finish(sink: Sink, events: Sequence[Event]) -> Exception | None:
    try:
        sink.finish(events)
    except (OutputError, BrokenPipeError) as error:
        return error
    return None


def check_outputs(config: Config) -> None:
    """UsageError for an output of no known kind, or one that would destroy something."""
    output = Path(config.output)
    if config.output == STDOUT:
        raise UsageError(f"output -: expected {', '.join(VIDEOS)} or a folder; only --events can -")
    if output.suffix and output.suffix.lower() not in VIDEOS and not output.is_dir():
        expected = f"expected {', '.join(VIDEOS)} or a folder"
        raise UsageError(f"output {config.output}: {expected}, found {output.suffix}")
    taken = {Path(config.source).expanduser().resolve(): "would overwrite the source"}
    for name in filter(None, (config.output, config.events)):
        place = Path(name).resolve()
        if place in taken and name != STDOUT:
            raise UsageError(f"{name} {taken[place]}")
        taken[place] = "is given twice"


def open_sinks(config: Config, info: SourceInfo, watch: Watch, stack: ExitStack) -> list[Sink]:
    """The outputs that were asked for; the console, or for a camera a window, where none was.

    All are proven to work before the first is opened, so that a bad one leaves nothing of a good
    one behind. The annotated picture is drawn once for all.
    """
    output = Path(config.output) if config.output else None
    to_video = output is not None and output.suffix.lower() in VIDEOS and not output.is_dir()
    if to_video and info.stills:
        raise UsageError(f"output {output}: expected a folder for pictures, found a video")
    problem = window_problem()
    if config.show and problem:
        raise UsageError(problem)
    none_asked = not (config.output or config.events or config.show)
    show = config.show or (none_asked and info.live and not problem)
    for file in (output if to_video else None, Path(config.events) if config.events else None):
        if file is not None and (file.is_dir() or not file.exists()) and str(file) != STDOUT:
            Part(file).discard()

    overlay = Overlay()
    draw = RenderOnce(lambda scene: overlay.draw(scene, watch.status), (output is not None) + show)
    sinks: list[Sink] = []

    def add(sink: Sink) -> None:
        sinks.append(sink)
        close_with(stack, sink)

    if output is not None:
        pictures = VideoSink(output, draw, info.fps) if to_video else PicturesSink(output, draw)
        add(Threaded(pictures, WRITE_BEHIND))
    if config.events:
        add(JsonlSink(config.events))
    if show:
        add(WindowSink(draw, info.name))
    if not sinks:
        why = problem if info.live else "no output was asked for"
        log.info("%s; events are printed here", why)
        add(ConsoleSink())
    return sinks


def close_with(stack: ExitStack, sink: Sink) -> None:
    """Close it when the stack unwinds; an error in that is told only where it is the first."""

    def leave(_kind: object, error: BaseException | None, _trace: object) -> None:
        try:
            sink.close()
        except (OutputError, BrokenPipeError):
            if error is None:
                raise
            log.debug("closing failed as well", exc_info=True)

    stack.push(leave)


def run(config: Config) -> Result:
    """Open what the configuration names, drive the line, close everything; raises AppError.

    Call it on the main thread: there are the signals and the window.
    """
    tally: Tally | None = None
    stopped_by: int | None = None
    try:
        with Interrupts() as interrupts, ExitStack() as stack:
            check_outputs(config)
            info, source = open_source(config.source)
            stack.callback(source.close)
            models = load_models(config, patient=not info.live)
            ahead = look_ahead(models, config, info.stills)
            if ahead:
                stack.callback(ahead.close)
            line = build(models, config, info.stills, ahead)
            counts = [count for count in (info.frames, config.max_frames) if count]
            status = StatusLine(min(counts, default=None))
            watch = Watch(status, models.words(), info.live)
            stack.callback(watch.close)
            sinks = open_sinks(config, info, watch, stack)
            tally = Tally(keep_events=config.source == DEMO)
            loop(
                ahead.feed(source) if ahead else source,
                line,
                [tally, watch, *sinks],
                interrupts,
                config.max_frames,
            )
    except Interrupted as stop:
        if tally is None:
            raise
        stopped_by = stop.number
    return Result(tally, tally.elapsed(), stopped_by)
