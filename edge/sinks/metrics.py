"""Prometheus metrics: counted as scenes go by, worked out when somebody asks."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple, get_args
from wsgiref.simple_server import WSGIRequestHandler

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edge import __version__
from edge.core import Event, Health, Scene, SourceState
from edge.sinks.store import StoreFigures
from models.errors import OutputError, UsageError
from models.signs import sign_class

# Seconds; 33 ms is one frame of a 30 fps camera.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.033, 0.05, 0.1, 0.2, 0.5, 1.0)
SILENT_S = 10.0  # for a client to say what it wants, and to take it
RATE_S = 5.0  # frames/s are told over this long
RATE_FRAMES = 2000  # more than any camera gives in that time


class Output(NamedTuple):
    """How an output fares: its name, the scenes it had no room for, whether it has failed."""

    name: str
    dropped: int
    failed: bool


class MetricsSink:
    """Serves `http://host:port/metrics` from its own registry until it is closed.

    OutputError where nobody can listen there. `health` and `outputs` are asked at every scrape and
    never in between. Histograms are of what each stage of the line cost.
    """

    lossless = True

    def __init__(
        self,
        host: str,
        port: int,
        health: Callable[[], Health],
        outputs: Callable[[], Sequence[Output]] = tuple,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.registry = CollectorRegistry()
        self._clock = clock
        self._seconds = Histogram(
            "signs_stage_seconds",
            "What a stage of the line cost for one frame",
            ["stage"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._events = Counter(
            "signs_events", "Events by kind and class", ["kind", "sign"], registry=self.registry
        )
        self._ticks: deque[float] = deque(maxlen=RATE_FRAMES)
        self._frames = 0
        self.registry.register(_Now(self, health, outputs))
        PlatformCollector(registry=self.registry)
        ProcessCollector(registry=self.registry)
        try:
            self._server, self._thread = start_http_server(port, host, self.registry)
        except UnicodeError as error:
            raise UsageError(f"metrics: there is no host {host!r} to listen on: {error}") from error
        except OSError as error:
            why = error.strerror or error
            raise OutputError(f"metrics {host}:{port}: cannot listen there: {why}") from error
        self._server.RequestHandlerClass = _Handler
        self._thread.name = "metrics server"
        self.port = int(self._server.server_port)

    def write(self, scene: Scene) -> None:
        self._frames += 1
        self._ticks.append(self._clock())
        for stage, seconds in scene.timings.items():
            self._seconds.labels(stage).observe(seconds)
        self._count(scene.events)

    def finish(self, events: Sequence[Event]) -> None:
        self._count(events)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def frames(self) -> int:
        """How many went down the line."""
        return self._frames

    def rate(self) -> float:
        """Frames per second of late; 0 where none came for a while."""
        now = self._clock()
        return sum(now - tick < RATE_S for tick in tuple(self._ticks)) / RATE_S

    def _count(self, events: Sequence[Event]) -> None:
        for event in events:
            self._events.labels(event.kind, sign_class(event.sign.label).name).inc()


class _Handler(WSGIRequestHandler):
    """Logs nothing, and holds no thread for a client that is silent or breaks off."""

    timeout = SILENT_S

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Now(Collector):
    """What is only worked out when it is asked for."""

    def __init__(
        self,
        sink: MetricsSink,
        health: Callable[[], Health],
        outputs: Callable[[], Sequence[Output]],
    ) -> None:
        self._sink = sink
        self._health = health
        self._outputs = outputs

    def describe(self) -> Iterator[Metric]:
        """Nothing: otherwise everything would be asked already while it is registered."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        health = self._health()
        yield CounterMetricFamily(
            "signs_frames", "Frames that went down the line", self._sink.frames()
        )
        yield CounterMetricFamily("signs_source_frames", "Frames of the source", health.frames)
        yield CounterMetricFamily(
            "signs_source_dropped", "Frames that nobody had time for", health.dropped
        )
        yield CounterMetricFamily(
            "signs_source_reconnects", "Times the source was opened again", health.reconnects
        )
        yield GaugeMetricFamily("signs_fps", "Frames per second of late", self._sink.rate())
        if health.last_frame is not None:
            age = max(0.0, time.monotonic() - health.last_frame)
            yield GaugeMetricFamily("signs_last_frame_age_seconds", "Age of the last frame", age)
        state = GaugeMetricFamily(
            "signs_source_state", "1 for the state the source is in", labels=["state"]
        )
        for name in get_args(SourceState):
            state.add_metric([name], float(name == health.state))
        yield state
        dropped = CounterMetricFamily(
            "signs_output_dropped", "Scenes that an output had no room for", labels=["output"]
        )
        failed = GaugeMetricFamily(
            "signs_output_failed", "1 for an output that has given up", labels=["output"]
        )
        for output in self._outputs():
            dropped.add_metric([output.name], output.dropped)
            failed.add_metric([output.name], float(output.failed))
        yield dropped
        yield failed
        info = GaugeMetricFamily("signs_build_info", "1 for the version", labels=["version"])
        info.add_metric([__version__], 1)
        yield info


class StoreMetrics(Collector):
    """What `figures` say of the event store when they are asked for; None: there is no store."""

    def __init__(self, figures: Callable[[], StoreFigures | None]) -> None:
        self._figures = figures

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        store = self._figures()
        if store is None:
            return
        yield GaugeMetricFamily("signs_store_events", "Events in the event store", store.events)
        yield GaugeMetricFamily(
            "signs_store_size_bytes", "Size of the event store on the disk", store.size_bytes
        )
        yield CounterMetricFamily(
            "signs_store_dropped_events", "Events lost because the disk hung", store.dropped
        )
        yield GaugeMetricFamily(
            "signs_store_failed", "1 for an event store that has given up", float(store.failed)
        )
