"""The outputs together: what is opened, what is missing, and what a run leaves with all of them."""

from __future__ import annotations

import csv
import json
import logging
import re
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import av
import pytest

from edge.app import Result, check_outputs
from edge.config import PLACES, Config
from edge.core import Event, Frame, Scene
from edge.measure import Tally
from edge.outputs import Runners, check_places, more_outputs, open_metrics, open_mqtt, sound_of
from edge.patience import Patience
from edge.run import parse, settings, sum_up
from edge.sinks.changes import Changes
from edge.sinks.files import Part
from edge.sinks.jsonl import JsonlSink
from edge.sources import SourceInfo
from models.errors import OutputError, UsageError
from tests.commands import execute, failure
from tests.scenes import grey, make_event
from tests.waiting import PATIENCE_S

FILE = SourceInfo("drive.mp4", live=False, stills=False)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("edge.sinks.mqtt", "edge.sinks.courier", "edge.sinks.metrics"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("package", "config", "message"),
    [
        (
            "paho.mqtt.client",
            Config(mqtt="mqtt://127.0.0.1/x"),
            'paho-mqtt 2, which is not installed: pip install -e ".[mqtt]"',
        ),
        (
            "prometheus_client",
            Config(metrics="127.0.0.1:0"),
            'not installed: pip install -e ".[metrics]"',
        ),
    ],
)
def test_a_missing_package_is_named_with_the_command_that_brings_it(
    package: str, config: Config, message: str, without: pytest.MonkeyPatch
) -> None:
    without.setitem(sys.modules, package, None)

    with pytest.raises(UsageError) as caught:
        if config.mqtt:
            open_mqtt(config, FILE, Patience())
        else:
            open_metrics(config, FILE, Runners(live=False))

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (Config(source="a", events="seen.CSV"), "CSV is --csv FILE"),
        (Config(source="a", mqtt="pi.local"), r"expected mqtt\(s\)://"),
        (Config(source="a", metrics="pi:x"), "metrics: expected HOST:PORT such as 127"),
        (Config(source="a", csv="x", events="x"), "x is given twice"),
        (Config(source="a", crops="x", snapshots="./x"), "x is given twice"),
        (Config(source="a", events="-", csv="-"), "- is given twice"),
        (Config(source="a", store="x", mqtt_spool="x"), "x is given twice"),
        (Config(source="drive.mp4", csv="drive.mp4"), "would overwrite the source"),
        (
            Config(source="a", events="x/a.jsonl", log_file="x/a.part.jsonl"),
            "x/a.part.jsonl is where x/a.jsonl grows",
        ),
        (
            Config(source="a", events="a.part.txt", csv="./a.txt"),
            "./a.txt grows as a.part.txt, which is given twice",
        ),
        (
            Config(source="seen.part.mp4", output="seen.mp4"),
            "seen.mp4 grows as seen.part.mp4, which would overwrite the source",
        ),
        (Config(source="a", web="0.0.0.0:0"), "the page needs a token"),
    ],
)
def test_outputs_that_make_no_sense_are_refused(config: Config, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_outputs(config)


@pytest.mark.parametrize("output", ["shots/b", "shots/../shots/b"])
def test_annotated_pictures_never_go_where_a_pattern_finds_originals(
    output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("shots/a", "shots/b"):
        Path(folder).mkdir(parents=True)
        Path(folder, "x.jpg").touch()

    with pytest.raises(UsageError, match="would overwrite the source"):
        check_places(Config(source="shots/*/x.jpg", output=output))
    check_places(Config(source="shots/*/x.jpg", output="shots/c"))


def test_a_folder_of_pictures_does_not_grow_under_another_name() -> None:
    check_places(Config(source="a", output="shots", crops="shots.part"))


def test_nothing_is_opened_that_was_not_asked_for() -> None:
    assert list(more_outputs(Config(), FILE, Runners(live=False))) == []


def test_each_output_has_a_thread_with_a_name(tmp_path: Path) -> None:
    runners = Runners(live=True)
    config = Config(crops=str(tmp_path / "crops"), snapshots=str(tmp_path / "shots"))
    with ExitStack() as stack:
        for sink in more_outputs(config, FILE, runners):
            stack.callback(sink.close)

    assert runners.figures() == [(config.crops, 0, False), (config.snapshots, 0, False)]


def test_no_picture_is_lost_where_many_signs_end_in_one_frame() -> None:
    gate, written = threading.Event(), []

    class Slow:
        lossless = True

        def write(self, scene: Scene) -> None:
            assert gate.wait(PATIENCE_S)
            written.append(scene.events[0].sign_id)

        def finish(self, events: Sequence[Event]) -> None:
            pass

        def close(self) -> None:
            pass

    sink = Runners(live=True).best(Slow(), "crops")
    signs = [replace(make_event("new"), track=n, sign_id=str(n), box_frame=0) for n in range(8)]
    sink.write(Scene(Frame(grey(64, 48), 0, 0.0), (), tuple(signs)))
    gate.set()
    sink.close()

    assert written == [str(number) for number in range(8)]


def test_what_only_wants_events_lags_behind_without_pictures(tmp_path: Path) -> None:
    sink = Runners(live=True).events(JsonlSink(str(tmp_path / "a.jsonl")), "a")
    sink.close()

    assert isinstance(sink, Changes)


@pytest.mark.parametrize(
    ("source", "info", "has"),
    [
        ("drive.mp4", FILE, True),
        ("drive.mp4", FILE._replace(live=True), False),
        ("shots", FILE._replace(stills=True), False),
        ("demo:", FILE, False),
        ("0", FILE, False),
    ],
)
def test_only_a_video_file_brings_sound(source: str, info: SourceInfo, has: bool) -> None:
    assert (sound_of(source, info) is not None) == has


def test_metrics_listen_on_loopback_where_no_address_is_given() -> None:
    assert settings(parse(["--metrics"]))["metrics"] == "127.0.0.1:9464"
    assert "metrics" not in settings(parse([]))


def test_a_run_with_all_outputs_writes_all_of_them(tmp_path: Path) -> None:
    pytest.importorskip("paho.mqtt.client", reason="needs paho-mqtt")
    pytest.importorskip("prometheus_client", reason="needs prometheus_client")
    outputs = ["-o", "seen.mp4", "--events", "seen.jsonl", "--csv", "seen.csv", "--metrics", ":0"]
    outputs += ["--crops", "crops", "--snapshots", "shots", "--mqtt-spool", "spool"]
    outputs += ["--mqtt", "mqtt://me:hush@127.0.0.1:1/car"]  # a port where nobody is

    done = execute("edge.run", "--source", "demo:", "--max-frames", "40", *outputs, cwd=tmp_path)

    lines = done.stderr.splitlines()
    assert "hush" not in done.stderr
    assert "mqtt://127.0.0.1:1/car: cannot be reached" in lines[0]
    assert done.returncode == 5, done.stderr
    assert "events could not be delivered; the next run sends them" in lines[-1]
    events = [json.loads(line) for line in (tmp_path / "seen.jsonl").read_text().splitlines()]
    with (tmp_path / "seen.csv").open(newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == [event["id"] for event in events]
    signs = {event["sign_id"] for event in events}
    assert signs
    for folder in ("crops", "shots"):
        names = [path.name for path in (tmp_path / folder).iterdir()]
        found = [re.match(r"\d+-(\w+-s\d+)-\w", name) for name in names]  # …-<sign id>-<class>.jpg
        assert {match[1] for match in found if match} == signs and all(found)
    with av.open(str(tmp_path / "seen.mp4")) as container:
        assert container.streams.video[0].frames in (0, 40)


def test_a_password_in_a_bad_url_is_not_printed(tmp_path: Path) -> None:
    done = execute("edge.run", "--source", "demo:", "--mqtt", "mqtt://me:hush@pi:x", cwd=tmp_path)

    assert "hush" not in failure(done, 2)


ALL = ("-o", "new/a.mp4", "--events", "a.jsonl", "--crops", "crops", "--store", "a.sqlite")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        # an address that no machine has, RFC 5737
        (("--metrics", "192.0.2.1:9"), "metrics 192.0.2.1:9: cannot listen there"),
        (("--csv", "here"), "here: expected a file to write, found a folder"),
        (("--snapshots", "there"), "there: expected a folder to write pictures to, found a file"),
        (("--mqtt", "mqtt://127.0.0.1:1/x", "--mqtt-spool", "here"), "here: "),
        (("--store", "there"), "there: expected an event store, found another kind of file"),
    ],
)
def test_a_bad_output_leaves_no_other_behind(
    tmp_path: Path, bad: tuple[str, ...], words: str
) -> None:
    pytest.importorskip("paho.mqtt.client", reason="needs paho-mqtt")
    pytest.importorskip("prometheus_client", reason="needs prometheus_client")
    (tmp_path / "here").mkdir()
    (tmp_path / "there").write_text("a text of some length that is no store")

    done = execute("edge.run", "--source", "demo:", *ALL, *bad, cwd=tmp_path)

    assert words in failure(done, 5)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["here", "there"]
    assert (tmp_path / "there").read_text() == "a text of some length that is no store"


@pytest.mark.parametrize("setting", PLACES)
@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_place_that_cannot_be_is_one_error(setting: str, name: str) -> None:
    with pytest.raises(OutputError, match="cannot be written: "):
        check_outputs(Config(source="demo:", **{setting: name}))  # type: ignore[arg-type]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows guards open files itself")
def test_a_file_that_another_run_writes_leaves_no_other_output_behind(tmp_path: Path) -> None:
    other = Part(tmp_path / "b.csv", lasting=True)

    done = execute("edge.run", "--source", "demo:", *ALL, "--csv", "b.csv", cwd=tmp_path)

    assert "b.csv: another run is writing this file" in failure(done, 5)
    assert [path.name for path in tmp_path.rglob("*")] == ["b.part.csv"]
    other.discard()


def test_a_log_never_goes_into_the_source(tmp_path: Path) -> None:
    video = tmp_path / "drive.mp4"
    video.write_bytes(b"precious")

    done = execute("edge.run", "--video", video, "--log-file", video, cwd=tmp_path)

    assert "would overwrite the source" in failure(done, 2)
    assert video.read_bytes() == b"precious"


def test_what_another_run_has_left_is_not_overwritten_while_it_is_read(tmp_path: Path) -> None:
    part = tmp_path / "seen.part.mp4"
    part.write_bytes(b"precious")

    done = execute("edge.run", "--video", part, "-o", tmp_path / "seen.mp4", cwd=tmp_path)

    assert "would overwrite the source" in failure(done, 2)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [
        ("seen.part.mp4", b"precious")
    ]


def test_a_voice_that_is_missing_leaves_the_outputs_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    events = tmp_path / "seen.jsonl"
    events.write_text("of yesterday\n")
    flags = ("--source", "demo:", "--events", events, "--store", "s.db", "--announce", "voice")

    done = execute("edge.run", *flags, cwd=tmp_path)

    assert "espeak-ng is not installed" in failure(done, 2)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [
        ("seen.jsonl", "of yesterday\n")
    ]


def test_a_table_on_stdout_is_nothing_but_a_table() -> None:
    result = Result(Tally(), 1.0, None)
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as error:
        sum_up(result, Config(source="demo:", csv="-"))

    assert out.getvalue() == ""
    assert "speed" in error.getvalue()


def test_what_could_not_be_written_is_not_said_to_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "seen.jsonl").touch()
    outputs = {"events": str(tmp_path / "seen.jsonl"), "crops": str(tmp_path / "crops")}
    with caplog.at_level(logging.INFO):
        sum_up(Result(Tally(), 1.0, None), Config(source="0", csv="x" * 300, **outputs))

    assert caplog.messages[0].endswith(f"; wrote {tmp_path / 'seen.jsonl'}")
