"""Prometheus metrics: what is counted, what is worked out at a scrape, who may listen."""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("prometheus_client", reason="needs prometheus_client")

from prometheus_client.parser import text_string_to_metric_families

from edge.config import Config
from edge.core import Health, Sink
from edge.outputs import Runners, open_metrics
from edge.sinks.metrics import RATE_S, MetricsSink, Output
from edge.sinks.store import Retention, Store, StoreSink
from edge.sources import SourceInfo
from models.errors import OutputError
from tests.scenes import KEEP_RIGHT, grey, make_event, make_scene, with_events
from tests.waiting import PATIENCE_S

LOOPBACK = "127.0.0.1"
LIMIT = "edge.sinks.metrics._Handler.timeout"  # looked up when a client comes
Values = dict[tuple[str, tuple[str, ...]], float]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No client is taken to be silent because the machine is busy."""
    monkeypatch.setattr(LIMIT, PATIENCE_S)


def scrape(sink: MetricsSink) -> Values:
    """Every sample by its name and the sorted values of its labels, over HTTP."""
    with urllib.request.urlopen(f"http://{LOOPBACK}:{sink.port}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def online() -> Health:
    now = time.monotonic()
    return Health("online", now - 50, now - 2, frames=90, dropped=7, reconnects=3)


def test_frames_stages_and_events_are_counted() -> None:
    sink = MetricsSink(LOOPBACK, 0, online)
    for index in range(3):
        scene = make_scene(grey(4, 4), index=index)
        sink.write(replace(scene, timings={"detect": 0.02, "total": 0.03}))
    sink.write(with_events(make_event("new"), make_event("new", KEEP_RIGHT)))
    sink.finish([make_event("end")])
    values = scrape(sink)
    sink.close()

    assert values["signs_frames_total", ()] == 4
    assert values["signs_stage_seconds_count", ("detect",)] == 3
    assert values["signs_stage_seconds_sum", ("total",)] == pytest.approx(0.09)
    assert values["signs_stage_seconds_bucket", ("0.01", "detect")] == 0
    assert values["signs_stage_seconds_bucket", ("0.02", "detect")] == 3
    assert values["signs_events_total", ("Speed limit 50", "new")] == 1
    assert values["signs_events_total", ("Keep right", "new")] == 1
    assert values["signs_events_total", ("Speed limit 50", "end")] == 1


def test_the_source_is_asked_at_the_scrape() -> None:
    sink = MetricsSink(LOOPBACK, 0, online)
    values = scrape(sink)
    sink.close()

    assert values["signs_source_frames_total", ()] == 90
    assert values["signs_source_dropped_total", ()] == 7
    assert values["signs_source_reconnects_total", ()] == 3
    assert values["signs_last_frame_age_seconds", ()] >= 2
    states = {
        labels[0]: value for (name, labels), value in values.items() if name.endswith("state")
    }
    assert states.pop("online") == 1
    assert set(states.values()) == {0}
    assert "stalled" in states


def test_a_source_without_a_frame_yet_has_no_age() -> None:
    sink = MetricsSink(LOOPBACK, 0, lambda: Health("connecting", 0.0))
    values = scrape(sink)
    sink.close()

    assert ("signs_last_frame_age_seconds", ()) not in values


def test_outputs_that_drop_or_have_failed_are_named() -> None:
    outputs = [Output("seen.mp4", 12, True), Output("mqtt", 0, False)]
    sink = MetricsSink(LOOPBACK, 0, online, lambda: outputs)
    values = scrape(sink)
    sink.close()

    assert values["signs_output_dropped_total", ("seen.mp4",)] == 12
    assert values["signs_output_failed", ("seen.mp4",)] == 1
    assert values["signs_output_failed", ("mqtt",)] == 0


def test_the_event_store_tells_what_it_holds(tmp_path: Path) -> None:
    """As the app puts them together: the store is opened after the metrics."""
    opened: list[Sink] = []
    file = SourceInfo("drive.mp4", live=False, stills=False)
    sink = open_metrics(Config(metrics=":0"), file, Runners(live=False), opened)
    assert isinstance(sink, MetricsSink)
    before = scrape(sink)
    path = tmp_path / "events.sqlite"
    store = StoreSink(Store(path, "camera 0", Retention(30, 20)))
    opened.append(store)
    store.write(with_events(make_event("new"), replace(make_event("end"), id="another")))
    store.close()
    values = scrape(sink)
    sink.close()

    assert not any(name.startswith("signs_store") for name, _ in before)
    assert values["signs_store_events", ()] == 2
    assert values["signs_store_size_bytes", ()] == path.stat().st_size
    assert values["signs_store_dropped_events_total", ()] == 0
    assert values["signs_store_failed", ()] == 0


def test_the_process_is_measured_where_the_system_tells() -> None:
    sink = MetricsSink(LOOPBACK, 0, online)
    values = scrape(sink)
    sink.close()

    assert any(name == "python_info" for name, _ in values)
    if sys.platform == "linux":
        assert values["process_resident_memory_bytes", ()] > 0
        assert values["process_open_fds", ()] > 0


def test_the_rate_falls_to_nothing_when_no_frame_comes() -> None:
    now = [100.0]
    sink = MetricsSink(LOOPBACK, 0, online, clock=lambda: now[0])
    for index in range(50):
        now[0] = 100 + index / 10
        sink.write(make_scene(grey(4, 4), index=index))
    assert sink.rate() == pytest.approx(10)
    now[0] += RATE_S
    assert sink.rate() == 0
    sink.close()


def test_two_runs_in_one_process_have_registries_of_their_own() -> None:
    first, second = MetricsSink(LOOPBACK, 0, online), MetricsSink(LOOPBACK, 0, online)
    first.write(with_events(make_event()))
    values = scrape(second)
    first.close()
    second.close()

    assert values["signs_frames_total", ()] == 0


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OutputError, match=f"metrics {LOOPBACK}:{port}: cannot listen there"):
            MetricsSink(LOOPBACK, port, online)


def test_a_client_that_is_silent_or_breaks_off_costs_no_thread_and_no_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(LIMIT, 0.05)
    sink = MetricsSink(LOOPBACK, 0, online)
    silent = socket.create_connection((LOOPBACK, sink.port), timeout=60)
    assert silent.recv(1) == b""
    silent.close()
    monkeypatch.setattr(LIMIT, PATIENCE_S)
    rude = socket.create_connection((LOOPBACK, sink.port), timeout=60)
    rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    rude.sendall(b"GET /metr")
    rude.close()  # with a reset
    scrape(sink)
    for thread in threading.enumerate():
        if "process_request" in thread.name:
            thread.join(60)
    sink.close()

    assert capfd.readouterr().err == ""


def test_after_the_close_nobody_listens() -> None:
    sink = MetricsSink(LOOPBACK, 0, online)
    sink.close()

    with pytest.raises(OSError, match="refused"):
        socket.create_connection((LOOPBACK, sink.port), timeout=60)
