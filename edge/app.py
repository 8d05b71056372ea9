"""Where everything meets: `run` opens source, line and outputs, `loop` drives them.

Data goes one way: the source hands over frames, the line makes scenes of them, every sink gets
every scene. However it ends (end of file, Ctrl-C, SIGTERM, a camera that dies, a full disk), it
leaves by one `ExitStack`, and what was read until then is kept. The line is made in
`edge/line.py`, outputs are in `edge/outputs.py` and `edge/web/opening.py` besides here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from edge.announce import AnnounceSink, print_hint, spoken
from edge.config import Config
from edge.core import Event, Frame, Idler, Line, Sink
from edge.interrupt import Interrupted, Interrupts
from edge.line import Rebuilder, load_models, look_ahead, upload_nets
from edge.measure import Tally
from edge.memory import keep_memory
from edge.outputs import (
    Runners,
    check_more,
    check_places,
    more_outputs,
    open_metrics,
    prove_outputs,
    sound_of,
)
from edge.overlay import Overlay
from edge.patience import Ending, Patience
from edge.reload import ReloadingLine
from edge.service.notify import Notifier, Pulse
from edge.sinks.console import ConsoleSink
from edge.sinks.csv import CsvSink
from edge.sinks.growing import STDOUT
from edge.sinks.jsonl import JsonlSink
from edge.sinks.pictures import PicturesSink
from edge.sinks.render import RenderOnce
from edge.sinks.together import FAILURES, Together
from edge.sinks.video import FORMATS, VideoSink
from edge.sinks.window import WindowClosed, WindowSink, window_problem
from edge.sources import SourceInfo, arrivals, open_source, source_options
from edge.status import StatusLine, Watch
from edge.threads import opencv_beside
from edge.web.opening import Nets, check_web, open_store_and_page
from models.errors import OutputError, SourceError, UsageError

log = logging.getLogger(__name__)

DEMO = "demo:"


class Result(NamedTuple):
    """How a run went. `signal`: the one that ended it early, else None."""

    tally: Tally
    seconds: float
    signal: int | None


def loop(
    source: Iterator[Frame | None],
    line: Line,
    sinks: Sequence[Sink],
    interrupts: Interrupts,
    max_frames: int = 0,
) -> None:
    """Every frame down the line and into every sink, until the source ends; 0 is no limit.

    A source gives None where no frame came for a second: line and sinks that want to know are told.

    A source that fails, a sink that fails, a signal and the user closing the window end it like
    the end of the source does: what was read before is finished properly, then the first error
    goes on its way.
    """
    errors: list[BaseException] = []
    try:
        for frame in _up_to(max_frames, source):
            with interrupts.hold():
                if frame is None:
                    for idler in (line, *sinks):
                        if isinstance(idler, Idler):
                            idler.idle()
                    continue
                scene = line(frame)
                for sink in sinks:
                    sink.write(scene)
    except WindowClosed:
        pass
    except (SourceError, *FAILURES, Interrupted) as error:
        errors.append(error)
    interrupts.hold_to_the_end()
    events = line.finish()
    # One that fails keeps no other from its last events.
    errors += [failed for sink in sinks if (failed := _finish(sink, events))]
    if errors:
        raise errors[0]


def _up_to(count: int, source: Iterator[Frame | None]) -> Iterator[Frame | None]:
    """So many frames, and the pauses between them; 0 is no limit."""
    done = 0
    for frame in source:
        yield frame
        done += frame is not None
        if done == count and count:
            return


def _finish(sink: Sink, events: Sequence[Event]) -> Exception | None:
    try:
        sink.finish(events)
    except FAILURES as error:
        return error
    return None


def check_outputs(config: Config) -> None:
    """UsageError for an output of no known kind, or one that would destroy something."""
    check_more(config)
    check_places(config)
    check_web(config)
    output = Path(config.output)
    expected = f"expected {', '.join(FORMATS)} or a folder"
    if config.output == STDOUT:
        raise UsageError(f"output -: {expected}; only --events can -")
    if output.suffix and output.suffix.lower() not in FORMATS and not output.is_dir():
        raise UsageError(f"output {config.output}: {expected}, found {output.suffix}")


def open_sinks(
    config: Config,
    info: SourceInfo,
    watch: Watch,
    ending: Ending,
    remember: Callable[[], Iterable[Sink]] = tuple,
) -> list[Sink]:
    """The outputs that were asked for; the console, or for a camera a window, where none was.

    All are proven to work before the first is made, so that a bad one leaves nothing of a good
    one behind. `remember` opens the store and the page. The annotated picture is drawn once for
    all.
    """
    output = Path(config.output) if config.output else None
    to_video = output is not None and output.suffix.lower() in FORMATS and not output.is_dir()
    if to_video and info.stills:
        raise UsageError(f"output {output}: expected a folder for pictures, found a video")
    problem = window_problem()
    if config.show and problem:
        raise UsageError(problem)
    others = (config.csv, config.crops, config.snapshots, config.mqtt, config.store, config.web)
    none_asked = not (config.output or config.events or config.show or any(others))
    show = config.show or (none_asked and info.live and not problem)
    prove_outputs(config, to_video)

    overlay = Overlay()
    draw = RenderOnce(lambda scene: overlay.draw(scene, watch.status), (output is not None) + show)
    runners = Runners(info.live, ending.patience)
    sinks: list[Sink] = []

    def add(sink: Sink) -> None:
        sinks.append(sink)
        close_with(ending.stack, sink)

    if config.announce:  # first what leaves nothing behind where it, or another, cannot be
        language = config.announce_language
        speaks = config.announce == "voice"
        add(spoken(language) if speaks else AnnounceSink(print_hint, language))
    if config.metrics:
        add(open_metrics(config, info, runners, sinks))
    for sink in chain(remember(), more_outputs(config, info, runners)):
        add(sink)
    if output is not None:
        sound = sound_of(config.source, info) if to_video else None
        video = VideoSink(output, draw, info.fps, sound, info.live) if to_video else None
        add(runners.pictures(video or PicturesSink(output, draw), config.output))
    if config.events:
        add(runners.events(JsonlSink(config.events), config.events))
    if config.csv:
        add(runners.events(CsvSink(config.csv), config.csv))
    if show:
        add(WindowSink(draw, info.name, redraw=lambda scene: Overlay().draw(scene, watch.status)))
    if none_asked and not show:
        why = problem if info.live else "no output was asked for"
        log.info("%s; events are printed here", why)
        add(runners.events(ConsoleSink(), "stdout"))
    return sinks


def close_with(stack: ExitStack, sink: Sink) -> None:
    """Close it when the stack unwinds; an error in that is told only where it is the first."""

    def leave(_kind: object, error: BaseException | None, _trace: object) -> None:
        try:
            sink.close()
        except BrokenPipeError:
            if error is None:
                raise
        except OutputError as failed:
            if error is None:
                raise
            log.warning("%s", failed)

    stack.push(leave)


def run(
    config: Config,
    reread: Callable[[], Config] | None = None,
    probe: Callable[[SourceInfo], Sink] | None = None,
) -> Result:
    """Open what the configuration names, drive the line, close everything; raises AppError.

    Call it on the main thread: there are the signals and the window. SIGHUP reads the settings
    again with `reread`; where there is none, it ends the run like SIGTERM. A `probe` is one more
    sink, first in line, for whoever measures the app.
    """
    keep_memory()
    tally: Tally | None = None
    stopped_by: int | None = None
    try:
        with Interrupts(reread is not None) as interrupts, ExitStack() as stack:
            check_outputs(config)
            info, source = open_source(config.source, source_options(config))
            stack.callback(source.close)
            models = load_models(config, patient=not info.live)
            ahead = look_ahead(models, config, info.stills)
            if ahead:
                stack.callback(ahead.close)
                stack.enter_context(opencv_beside(1 + len(models.others)))
            rebuild = Rebuilder(models, config, info.stills, ahead)
            line = rebuild(config)
            if reread:
                line = ReloadingLine(line, config, interrupts.take_hangup, reread, rebuild)
            counts = [count for count in (info.frames, config.max_frames) if count]
            status = StatusLine(min(counts, default=None))
            watch = Watch(status, rebuild.words, info.live, info.health)
            stack.callback(watch.close)
            ending = Ending(stack, Patience(lambda: interrupts.asked_at))
            nets = Nets(rebuild.words, lambda: upload_nets(rebuild.config), lambda: rebuild.config)
            remember = partial(open_store_and_page, config, info, nets, ending)
            sinks = open_sinks(config, info, watch, ending, remember)
            tally = Tally(keep_events=config.source == DEMO)
            sinks = [*([probe(info)] if probe else []), tally, watch, Together(sinks)]
            if (notifier := Notifier()).listening:
                sinks.insert(0, Pulse(notifier, lambda: watch.status))
                close_with(stack, sinks[0])
            frames = ahead.feed(arrivals(source)) if ahead else arrivals(source)
            loop(frames, line, sinks, interrupts, config.max_frames)
    except Interrupted as stop:
        if tally is None:
            raise
        stopped_by = stop.number
    return Result(tally, tally.elapsed(), stopped_by)
