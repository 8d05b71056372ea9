"""The only place where concrete classes meet: `build` makes the line, `run` drives it.

Data goes one way: the source hands over frames, the line makes scenes of them, every sink gets
every scene. However it ends (end of file, Ctrl-C, SIGTERM, a camera that dies, a full disk), it
leaves by one `ExitStack`, and what was read until then is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from edge.announce import AnnounceSink, print_hint, spoken
from edge.classifier import SignClassifier, load_classifier
from edge.config import Config
from edge.core import Event, Line, Sink, Source
from edge.decision import Decision
from edge.detector import YoloDetector, load_detector
from edge.interrupt import Interrupted, Interrupts
from edge.measure import Tally
from edge.overlay import Overlay
from edge.pipeline import Pipeline, Stills
from edge.reader import Reader
from edge.reload import MODEL_SETTINGS, ReloadingLine, changed
from edge.road import RoadLine, RoadSettings
from edge.runtime import available_threads
from edge.service.notify import Notifier, Pulse
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
from edge.tracker import SignTracker, TrackerSettings
from models.errors import ModelError, OutputError, SourceError, UsageError
from models.spec import Spec

log = logging.getLogger(__name__)

VIDEOS = (".mp4", ".mkv")
DEMO = "demo:"
STDOUT = "-"
WRITE_BEHIND = 4  # frames that wait for the encoder


class Models(NamedTuple):
    """The two nets of a line."""

    detector: YoloDetector
    classifier: SignClassifier
    threads: int

    def words(self) -> str:
        """For the status line."""
        names = f"{self.detector.spec.name} + {self.classifier.spec.name}"
        return f"{names} · {self.threads} thread{'s' if self.threads > 1 else ''}"


class Result(NamedTuple):
    """How a run went. `signal`: the one that ended it early, else None."""

    tally: Tally
    seconds: float
    signal: int | None


def load_models(config: Config) -> Models:
    """Both models of the configuration; ModelError where one is not what it claims to be."""
    threads = config.threads or available_threads()
    return Models(
        load_detector(config.detector, threads, config.conf),
        load_classifier(config.classifier, threads),
        threads,
    )


def build(models: Models, config: Config, stills: bool) -> Line:
    """The line: for a moving picture, or for `stills`, where nothing is tracked.

    ModelError where the two models were not published as a pair. `conf` takes the place of every
    threshold on a score: of detections, of still readings, of the start of a track.
    """
    threshold = pair_threshold(models.detector.spec, models.classifier.spec)
    if stills:
        if config.conf is not None:
            threshold = config.conf
        return Stills(Reader(models.detector, models.classifier, threshold))
    tracker = TrackerSettings()
    if config.conf is not None:
        low = min(tracker.low_score, config.conf)
        tracker = replace(tracker, high_score=config.conf, low_score=low)
    line = Pipeline(
        models.detector, SignTracker(tracker), models.classifier, Decision(), config.max_reads
    )
    return RoadLine(line, RoadSettings(config.road_expiry_s))


def rebuilder(models: Models, config: Config, stills: bool) -> Callable[[Config], Line]:
    """A function that builds the line anew; the models are loaded again only if they changed."""
    kept = [(config, models)]

    def rebuild(new: Config) -> Line:
        config, models = kept[0]
        if changed(config, new) & MODEL_SETTINGS:
            models = load_models(new)
        line = build(models, new, stills)
        kept[0] = (new, models)
        return line

    return rebuild


def pair_threshold(detector: Spec, classifier: Spec) -> float:
    """The threshold of the fused score that was found for these two together.

    ModelError where neither names the other.
    """
    for one, other in ((detector, classifier), (classifier, detector)):
        if one.pair and one.pair.sha256 == other.sha256:
            return one.pair.score
    raise ModelError(
        f"{detector.name} and {classifier.name}: expected a pair published together, found no "
        "threshold in either for the other"
    )


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
    if config.announce:
        language = config.announce_language
        speaks = config.announce == "voice"
        add(spoken(language) if speaks else AnnounceSink(print_hint, language))
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


def run(config: Config, reread: Callable[[], Config] | None = None) -> Result:
    """Open what the configuration names, drive the line, close everything; raises AppError.

    Call it on the main thread: there are the signals and the window. SIGHUP reads the settings
    again with `reread`; where there is none, it ends the run like SIGTERM.
    """
    tally: Tally | None = None
    stopped_by: int | None = None
    try:
        with Interrupts(reread is not None) as interrupts, ExitStack() as stack:
            check_outputs(config)
            info, source = open_source(config.source)
            stack.callback(source.close)
            models = load_models(config)
            line = build(models, config, info.stills)
            if reread:
                rebuild = rebuilder(models, config, info.stills)
                line = ReloadingLine(line, config, interrupts.take_hangup, reread, rebuild)
            counts = [count for count in (info.frames, config.max_frames) if count]
            status = StatusLine(min(counts, default=None))
            watch = Watch(status, models.words(), info.live)
            stack.callback(watch.close)
            sinks = open_sinks(config, info, watch, stack)
            if (notifier := Notifier()).listening:
                sinks.append(Pulse(notifier, lambda: watch.status))
                close_with(stack, sinks[-1])
            tally = Tally(keep_events=config.source == DEMO)
            loop(source, line, [tally, watch, *sinks], interrupts, config.max_frames)
    except Interrupted as stop:
        if tally is None:
            raise
        stopped_by = stop.number
    return Result(tally, tally.elapsed(), stopped_by)
