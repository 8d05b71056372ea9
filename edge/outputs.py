"""The outputs beside video, event log and window: which there are, on which threads they run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge.address import split_address
from edge.config import PLACES, Config
from edge.core import Sink
from edge.database import prove_store
from edge.patience import Patience
from edge.sinks.best import HELD_FRAMES, BestFrames
from edge.sinks.broker import Broker, parse_broker
from edge.sinks.changes import Changes
from edge.sinks.files import part_of, prove_folder, prove_lasting
from edge.sinks.growing import STDOUT, is_device
from edge.sinks.quota import Quota
from edge.sinks.shots import Shots, crop_of, snapshot_of
from edge.sinks.sound import Sound
from edge.sinks.spool import prove_spool
from edge.sinks.store import StoreFigures, StoreSink
from edge.sinks.threaded import Threaded
from edge.sinks.video import FORMATS
from edge.sources import SourceInfo, parse_uri
from edge.sources.pictures import glob_pictures
from models.errors import OutputError, SourceError, UsageError

if TYPE_CHECKING:
    from edge.sinks.mqtt import MqttSink

METRICS = "127.0.0.1:9464"  # where `--metrics` listens when it does not say
WRITE_BEHIND = 4  # scenes that wait for an encoder, each with its picture
FILE_PATIENCE_S = 20.0  # for MQTT at the end of a file, which may have been faster than the broker
HURRIED_S = 0.7  # for MQTT where a signal ends the run, or a live source does
EVENTS_BEHIND = 1000  # scenes that wait for an event log, without pictures

MISSING = '{flag} needs {package}, which is not installed: pip install -e ".[{extra}]"'


class Runners:
    """Makes the thread of each output, and knows them all."""

    def __init__(self, live: bool, patience: Patience | None = None) -> None:
        self._live = live
        self.patience = patience or Patience()
        self._threads: list[Threaded] = []

    def pictures(self, sink: Sink, name: str) -> Sink:
        """For an output that wants every picture."""
        return self._run(sink, WRITE_BEHIND, name)

    def events(self, sink: Sink, name: str) -> Sink:
        """For an output that only wants what was read; it may lag far behind."""
        return Changes(self._run(sink, EVENTS_BEHIND, name))

    def best(self, sink: Sink, name: str) -> Sink:
        """For an output that wants one picture a sign."""
        return BestFrames(self._run(sink, HELD_FRAMES, name))

    def figures(self) -> list[tuple[str, int, bool]]:
        """Name, scenes dropped, failed, of each."""
        return [(each.name, each.dropped, each.failed) for each in self._threads]

    def _run(self, sink: Sink, depth: int, name: str) -> Threaded:
        self._threads.append(Threaded(sink, depth, self._live, name, self.patience))
        return self._threads[-1]


def prove_outputs(config: Config, is_video: bool) -> None:
    """OutputError for an output that cannot be written; everything is left as it was found.

    `is_video`: `output` is one, else a folder. So that a bad output leaves nothing of a good one,
    this comes before the first of them is made.
    """
    for file in (config.output if is_video else "", config.events, config.csv):
        if file and file != STDOUT and not is_device(Path(file)):
            prove_lasting(Path(file))
    for folder in ("" if is_video else config.output, config.crops, config.snapshots):
        if folder:
            prove_folder(Path(folder))
    if config.store:
        prove_store(Path(config.store))
    if config.mqtt:
        prove_spool(spool_of(config))


def more_outputs(config: Config, info: SourceInfo, runners: Runners) -> Iterator[Sink]:
    """Each output that was asked for, opened when it is taken, so that it can be closed again.

    The metrics are none of these: they are opened before, because they leave nothing behind.
    """
    quota = partial(Quota, megabytes=config.pictures_mb, hours=config.pictures_hours)
    for name, picture_of in ((config.crops, crop_of), (config.snapshots, snapshot_of)):
        if name:
            yield runners.best(Shots(Path(name), picture_of, quota), name)
    if config.mqtt:
        yield runners.events(open_mqtt(config, info, runners.patience), "mqtt")


def check_more(config: Config) -> None:
    """UsageError for an output that makes no sense, before anything is opened."""
    if config.events.lower().endswith(".csv"):
        raise UsageError(f"events {config.events}: JSON lines go there; CSV is --csv FILE")
    if config.mqtt:
        broker_of(config)
        mqtt_sink()
    if config.metrics:
        split_address(config.metrics, METRICS, "metrics")


def check_places(config: Config) -> None:
    """UsageError where two outputs would write to one place, or one to where the source is.

    Where a file grows until it has its name is a place, too. OutputError where the system does not
    even know what is at a place.
    """
    taken = dict.fromkeys(_source_places(config.source), "would overwrite the source")
    is_video = Path(config.output).suffix.lower() in FORMATS
    growing = {config.output if is_video else "", config.events, config.csv}
    for name in filter(None, (getattr(config, setting) for setting in PLACES)):
        try:
            place = Path(name).resolve()
            place.exists()
            part = part_of(Path(name)).resolve() if name in growing else None
        except (OSError, RuntimeError, ValueError) as error:  # too long, a loop; a NUL in it
            why = getattr(error, "strerror", None) or error
            raise OutputError(f"{name!r}: cannot be written: {why}") from error
        if place in taken:
            raise UsageError(f"{name} {taken[place]}")
        taken[place] = "is given twice"
        if part is None:
            continue
        if part in taken:
            raise UsageError(f"{name} grows as {part.name}, which {taken[part]}")
        taken[part] = f"is where {name} grows"


def _source_places(source: str) -> list[Path]:
    """Where the source is: its file or folder, or the folders that its pattern finds pictures in.

    Nothing for what cannot be named or found: `open_source` says so.
    """
    with suppress(RuntimeError, ValueError, OSError, UsageError, SourceError):
        path = Path(source).expanduser()
        if parse_uri(source).kind == "glob":
            return [folder.resolve() for folder in {p.parent for p in glob_pictures(str(path))}]
        return [path.resolve()]
    return []


def sound_of(source: str, info: SourceInfo) -> Sound | None:
    """The sound that belongs to the pictures: of a video file, else none."""
    uri = parse_uri(source)
    if uri.kind != "path" or info.live or info.stills:
        return None
    return Sound(Path(uri.target).expanduser())


def broker_of(config: Config) -> Broker:
    """The broker that the settings name; UsageError where they make no sense."""
    return parse_broker(config.mqtt, config.mqtt_password_file, config.mqtt_ca)


@contextmanager
def extra(setting: str, module: str, package: str) -> Iterator[None]:
    """UsageError where this package of an extra, the one called like the setting, is missing."""
    try:
        yield
    except ImportError as error:
        if not (error.name or "").startswith(module):
            raise
        text = MISSING.format(flag=f"--{setting}", package=package, extra=setting)
        raise UsageError(text) from error


def mqtt_sink() -> type[MqttSink]:
    """The class of the MQTT output; UsageError where its package is missing."""
    with extra("mqtt", "paho", "paho-mqtt 2"):
        from edge.sinks.mqtt import MqttSink  # noqa: PLC0415
    return MqttSink


def open_mqtt(config: Config, info: SourceInfo, patience: Patience) -> Sink:
    """The MQTT output; UsageError where its package is missing."""
    sink, broker, spool = mqtt_sink(), broker_of(config), spool_of(config)
    usual_s = HURRIED_S if info.live else FILE_PATIENCE_S
    return sink(broker, spool, info.health, lambda: patience.at_most(usual_s, HURRIED_S))


def open_metrics(
    config: Config, info: SourceInfo, runners: Runners, opened: Sequence[Sink] = ()
) -> Sink:
    """The metrics; UsageError where their package is missing.

    `opened`: all outputs, also those that are opened later; the store among them is told of.
    """
    with extra("metrics", "prometheus_client", "prometheus_client"):
        from edge.sinks.metrics import MetricsSink, Output, StoreMetrics  # noqa: PLC0415
    host, port = split_address(config.metrics, METRICS, "metrics")

    def store() -> StoreFigures | None:
        stores = (sink for sink in tuple(opened) if isinstance(sink, StoreSink))
        return next((sink.figures() for sink in stores), None)

    sink = MetricsSink(
        host, port, info.health, lambda: [Output(*each) for each in runners.figures()]
    )
    sink.registry.register(StoreMetrics(store))
    return sink


def spool_of(config: Config) -> Path:
    """Where events wait for the broker."""
    if config.mqtt_spool:
        return Path(config.mqtt_spool)
    return default_spool(broker_of(config))


def _state_folder(environment: Mapping[str, str]) -> Path:
    given = environment.get("XDG_STATE_HOME")
    try:
        return Path(given or Path.home() / ".local" / "state") / "traffic-sign-edge"
    except RuntimeError as error:
        raise UsageError("mqtt_spool: expected a file, as this user has no home") from error


def default_spool(broker: Broker, environment: Mapping[str, str] = os.environ) -> Path:
    """One spool a broker and prefix, where systemd or the desktop's rules want such files."""
    state = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    folder = Path(state) if state else _state_folder(environment)
    name = hashlib.sha256(f"{broker.host}:{broker.port}/{broker.prefix}".encode()).hexdigest()
    return folder / f"mqtt-{name[:12]}.sqlite"
