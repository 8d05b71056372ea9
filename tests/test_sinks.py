"""Event logs, the console, pictures and the window."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.core import Frame, Image, Road, Scene
from edge.sinks.console import ConsoleSink, event_line
from edge.sinks.csv import COLUMNS, CsvSink
from edge.sinks.jsonl import JsonlSink, event_record
from edge.sinks.pictures import PicturesSink
from edge.sinks.window import WindowClosed, WindowSink, window_problem
from models.errors import OutputError, UsageError
from tests.commands import TIMEOUT_S
from tests.disks import mounted
from tests.media import corner_colours, quarters
from tests.scenes import UNKNOWN, grey, make_event, make_scene, with_events

ROOT = Path(__file__).parents[1]
FULL = Path("/dev/full")


def as_it_is(scene: Scene) -> Image:
    return scene.frame.image


# --- jsonl ---


def test_an_event_as_json_says_all_there_is_to_say() -> None:
    assert event_record(make_event(wall=1_800_000_000.1234)) == {
        "id": "a-new",
        "sign_id": "a",
        "kind": "new",
        "time": 72.46,
        "wall": 1_800_000_000.123,
        "frame": 1811,
        "segment": 0,
        "track": 7,
        "class_id": 2,
        "name": "Speed limit 50",
        "category": "prohibitory",
        "stvo": "274-50",
        "probability": 0.968,
        "votes": 5,
        "box": [100.0, 50.25, 140.0, 90.25],
        "box_frame": 1809,
        "first_seen": 70.0,
        "last_seen": 72.4,
    }


def test_an_unknown_sign_without_wall_time_is_json_too() -> None:
    record = json.loads(json.dumps(event_record(make_event(label=UNKNOWN))))

    assert (record["class_id"], record["name"], record["wall"]) == (-1, "unknown", None)


def test_numbers_of_numpy_do_not_get_in_the_way() -> None:
    event = make_event()
    box = event.box._replace(x1=np.float32(3.5))  # type: ignore[arg-type]  # a stage that slips

    assert json.dumps(event_record(make_event()) | {"box": [float(edge) for edge in box]})


def test_a_log_has_one_event_a_line_and_its_name_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "out" / "events.jsonl"
    sink = JsonlSink(str(path))
    sink.write(with_events(make_event("new"), make_event("update")))
    part = path.with_name("events.part.jsonl")
    assert len(part.read_text().splitlines()) == 2  # there as soon as it has happened
    sink.finish([make_event("end")])
    assert not path.exists()
    sink.close()
    sink.close()

    kinds = [json.loads(line)["kind"] for line in path.read_text().splitlines()]
    assert kinds == ["new", "update", "end"]
    assert not part.exists()


def test_every_line_of_a_log_says_what_is_in_force(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sink = JsonlSink(str(path))
    sink.write(replace(with_events(make_event("new")), road=Road(50, 72.46001, no_overtaking=True)))
    sink.write(replace(with_events(), road=Road(free=True)))
    sink.finish([make_event("end")])
    sink.close()

    nothing = dict.fromkeys(("stale", "no_overtaking", "no_overtaking_trucks", "free"), False)
    nothing |= dict.fromkeys(("limit", "limit_since", "priority"))
    assert [json.loads(line)["road"] for line in path.read_text().splitlines()] == [
        nothing | {"limit": 50, "limit_since": 72.46, "no_overtaking": True},
        nothing | {"free": True},
    ]


def test_signs_that_a_reconnect_ends_are_told_with_what_was_in_force(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sink = JsonlSink(str(path))
    sink.write(replace(with_events(make_event("new")), road=Road(50)))
    ended, new = make_event("end"), make_event("new")
    scene = with_events(ended, replace(new, segment=new.segment + 1))
    later = replace(scene.frame, segment=new.segment + 1)
    sink.write(replace(scene, frame=later, road=Road()))
    sink.close()

    lines = [json.loads(line) for line in path.read_text().splitlines()]
    found = [(line["kind"], line["segment"], line["road"]["limit"]) for line in lines]
    assert found == [("new", 0, 50), ("end", 0, 50), ("new", 1, None)]


def test_a_log_without_events_is_an_empty_file(tmp_path: Path) -> None:
    JsonlSink(str(tmp_path / "events.jsonl")).close()

    assert (tmp_path / "events.jsonl").read_bytes() == b""


def test_stdout_gets_events_and_stays_open(capsys: pytest.CaptureFixture[str]) -> None:
    sink = JsonlSink("-")
    sink.write(with_events(make_event()))
    sink.close()
    print("after")

    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first)["name"] == "Speed limit 50"
    assert second == "after"


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_error() -> None:
    sink = JsonlSink(str(FULL))
    with pytest.raises(OutputError, match=r"/dev/full.*No space left on device"):
        sink.write(with_events(make_event()))
    sink.write(with_events(make_event()))
    sink.close()


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=8k") as disk:
        sink = JsonlSink(str(disk / "events.jsonl"))
        with pytest.raises(OutputError, match=r"events\.jsonl.*No space left on device"):
            for _ in range(100):
                sink.write(with_events(make_event()))
        sink.close()

        (left,) = disk.iterdir()
        lines = left.read_text().splitlines(keepends=True)
        assert left.name == "events.part.jsonl"
        assert len(lines) > 5
        assert all(json.loads(line) and line.endswith("\n") for line in lines)


def test_a_place_that_cannot_be_written_to_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(OutputError, match="file"):
        JsonlSink(str(tmp_path / "file" / "events.jsonl"))
    for folder in (str(tmp_path), "/", "."):
        with pytest.raises(OutputError, match="folder"):
            JsonlSink(folder)


def test_a_read_only_disk_is_told_at_once(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "ro") as disk, pytest.raises(OutputError, match="Read-only"):
        JsonlSink(str(disk / "a" / "b" / "events.jsonl"))


@pytest.mark.parametrize("length", [252, 400], ids=["with the .part", "anyway"])
def test_a_name_that_is_too_long_leaves_no_new_folders(tmp_path: Path, length: int) -> None:
    with pytest.raises(OutputError, match="too long"):
        JsonlSink(str(tmp_path / "new" / "deep" / ("x" * length)))

    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_has_had_enough_ends_the_run_quietly() -> None:
    program = """
from edge.sinks.jsonl import JsonlSink
from models.errors import run_command
from tests.scenes import make_event, with_events

def main():
    sink = JsonlSink("-")
    try:
        while True:
            sink.write(with_events(make_event()))
    finally:
        sink.close()

run_command(main)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None and process.stderr is not None
    assert json.loads(process.stdout.readline())["kind"] == "new"
    process.stdout.close()

    assert process.wait(TIMEOUT_S) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


class FullDisk(io.StringIO):
    """What stdout is when it goes into a file that cannot grow."""

    def write(self, _text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_stdout_that_takes_no_more_is_an_output_error() -> None:
    sink = ConsoleSink(FullDisk())

    with pytest.raises(OutputError, match="stdout: cannot write the events: No space left"):
        sink.write(with_events(make_event("new")))


# --- csv ---


def test_a_table_has_a_header_and_a_row_an_event(tmp_path: Path) -> None:
    sink = CsvSink(str(tmp_path / "events.csv"))
    sink.write(with_events(make_event("new", wall=1_800_000_000.0), make_event("update")))
    part = (tmp_path / "events.part.csv").read_bytes()
    sink.finish([make_event("end", UNKNOWN)])
    sink.close()

    data = (tmp_path / "events.csv").read_bytes()
    assert part.count(b"\r\n") == 3 and data.startswith(part)
    assert data.count(b"\n") == data.count(b"\r\n") == 4
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    assert [row["kind"] for row in rows] == ["new", "update", "end"]
    assert [row["name"] for row in rows] == ["Speed limit 50", "Speed limit 50", "unknown"]
    assert [row["wall"] for row in rows] == ["1800000000.0", "", ""]
    first = rows[0]
    assert [first[edge] for edge in ("x1", "y1", "x2", "y2")] == [
        "100.0",
        "50.25",
        "140.0",
        "90.25",
    ]


def test_a_table_has_every_field_of_the_json_lines() -> None:
    fields = set(event_record(make_event())) - {"box"} | {"x1", "y1", "x2", "y2"}

    assert set(COLUMNS) == fields


def test_a_table_on_a_full_disk_has_whole_rows(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=8k") as disk:
        sink = CsvSink(str(disk / "events.csv"))
        with pytest.raises(OutputError, match=r"No space left.*events\.part\.csv"):
            for _ in range(100):
                sink.write(with_events(make_event()))

        with (disk / "events.part.csv").open(newline="") as file:
            rows = list(csv.reader(file))
        assert len(rows) > 5
        assert {len(row) for row in rows} == {len(COLUMNS)}


# --- console ---


def test_the_console_says_when_what_how_sure_and_where() -> None:
    stream = io.StringIO()
    sink = ConsoleSink(stream)
    sink.write(with_events(make_event("new"), make_event("update")))
    sink.finish([make_event("end", UNKNOWN)])
    sink.close()

    new, end = (" ".join(line.split()) for line in stream.getvalue().splitlines())
    assert new == "1:12.4 new Speed limit 50 97% at 120,70 (40x40 px)"
    assert end == "1:12.4 end unknown 97% seen for 2.4 s"


def test_the_console_says_once_what_is_in_force_on_the_road() -> None:
    stream = io.StringIO()
    sink = ConsoleSink(stream)
    for road in (Road(), Road(50, 1.0, priority=True), Road(50, 2.0, priority=True), Road()):
        sink.write(replace(make_scene(grey(32, 32), time=72.46), road=road))

    lines = [" ".join(line.split()) for line in stream.getvalue().splitlines()]
    assert lines == ["1:12.4 road limit 50 km/h, priority", "1:12.4 road nothing known"]


def test_the_console_shows_local_time_where_it_is_known() -> None:
    wall = 1_800_000_000.0

    assert time.strftime("%H:%M:%S", time.localtime(wall)) in event_line(make_event(wall=wall))


def test_a_console_that_knows_only_ascii_is_no_reason_to_stop() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    ConsoleSink(stream).write(with_events(make_event()))
    stream.seek(0)

    assert "Speed limit 50" in stream.read()


# --- pictures ---


def still(name: str, index: int = 0) -> Scene:
    return Scene(Frame(quarters(), index, 0.0, name=name))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_pictures_are_named_after_their_source(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "out"
    sink = PicturesSink(folder, as_it_is)
    for name in ("in/a.png", "in/b.JPG", "in/ç.bmp", "other/a.png", ""):
        sink.write(still(name, index=12))
    sink.finish([])
    sink.close()

    assert files(folder) == ["a-2.png", "a.png", "b.jpg", "frame-000012.jpg", "ç.png"]
    for path in folder.iterdir():
        image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
        assert corner_colours(image) == corner_colours(quarters())


def test_a_png_has_every_pixel_as_it_was(tmp_path: Path) -> None:
    PicturesSink(tmp_path, as_it_is).write(still("a.png"))

    assert np.array_equal(cv2.imread(str(tmp_path / "a.png")), quarters())


def test_a_second_run_replaces_the_pictures_of_the_first(tmp_path: Path) -> None:
    for _ in range(2):
        PicturesSink(tmp_path, as_it_is).write(still("in/a.png"))

    assert files(tmp_path) == ["a.png"]


def test_a_picture_of_the_source_is_never_overwritten(tmp_path: Path) -> None:
    source = tmp_path / "a.png"
    source.write_bytes(b"the original")

    for name in ("a.png", "a.bmp"):  # of which the second would become an a.png
        (tmp_path / name).touch()
        with pytest.raises(OutputError, match=rf"{name}.*source"):
            PicturesSink(tmp_path, as_it_is).write(still(str(tmp_path / name)))
    assert source.read_bytes() == b"the original"


def test_a_number_is_given_once(tmp_path: Path) -> None:
    sink = PicturesSink(tmp_path, as_it_is)
    for name in ("in/a-2.png", "in/a.bmp", "in/a.png", "in/a.tif"):
        sink.write(still(name))

    assert files(tmp_path) == ["a-2.png", "a-3.png", "a-4.png", "a.png"]


def test_a_folder_that_cannot_be_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(OutputError, match="file"):
        PicturesSink(tmp_path / "file", as_it_is)
    with pytest.raises(OutputError, match="file"):
        PicturesSink(tmp_path / "file" / "deeper", as_it_is)


def test_a_read_only_folder_is_told_at_once(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "ro") as disk, pytest.raises(OutputError, match="Read-only"):
        PicturesSink(disk, as_it_is)


def test_a_full_disk_leaves_only_whole_pictures(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with mounted(tmp_path / "disk", "size=64k") as disk:
        sink = PicturesSink(disk, as_it_is)
        with pytest.raises(OutputError, match="No space left on device"):
            for index in range(20):
                image = rng.integers(0, 256, (80, 80, 3)).astype(np.uint8)
                sink.write(Scene(Frame(image, index, 0.0, name=f"{index}.png")))

        assert files(disk)
        for path in disk.iterdir():
            assert cv2.imread(str(path)) is not None


# --- window ---


class FakeScreen:
    """A desktop with one user, who presses these keys and then closes the window."""

    def __init__(self, keys: list[int], closes: bool = False) -> None:
        self._keys = keys
        self._closes = closes
        self.shown = 0
        self.size = (0, 0)
        self.windows: set[str] = set()

    def namedWindow(self, name: str, flags: int) -> None:  # noqa: ARG002, N802 - OpenCV's
        self.windows.add(name)

    def resizeWindow(self, name: str, width: int, height: int) -> None:  # noqa: ARG002, N802
        self.size = (width, height)

    def imshow(self, name: str, picture: Image) -> None:  # noqa: ARG002
        self.shown += 1

    def waitKey(self, delay: int) -> int:  # noqa: ARG002, N802
        if self._keys:
            return self._keys.pop(0)
        if self._closes:
            self.windows.clear()
        return -1

    def getWindowProperty(self, name: str, what: int) -> float:  # noqa: N802
        assert what == cv2.WND_PROP_VISIBLE
        return float(name in self.windows)

    def destroyWindow(self, name: str) -> None:  # noqa: N802
        self.windows.remove(name)


@pytest.mark.parametrize("key", [ord("q"), 27])
def test_q_and_escape_end_the_run(key: int) -> None:
    screen = FakeScreen([-1, ord("x"), key])
    sink = WindowSink(as_it_is, "road", screen)
    sink.write(make_scene(grey(64, 48)))
    sink.write(make_scene(grey(64, 48)))
    with pytest.raises(WindowClosed):
        sink.write(make_scene(grey(64, 48)))
    sink.close()

    assert screen.shown == 3
    assert not screen.windows


def test_a_window_that_the_user_closed_ends_the_run() -> None:
    sink = WindowSink(as_it_is, "road", FakeScreen([-1], closes=True))
    sink.write(make_scene(grey(64, 48)))
    with pytest.raises(WindowClosed):
        sink.write(make_scene(grey(64, 48)))
    sink.close()


def test_a_window_goes_on_while_nothing_comes() -> None:
    said = []

    def redraw(scene: Scene) -> Image:
        said.append("stalled")
        return scene.frame.image

    screen = FakeScreen([-1, -1, ord("q")])
    sink = WindowSink(as_it_is, "road", screen, redraw)
    sink.idle()  # nothing to show yet
    sink.write(make_scene(grey(64, 48)))
    sink.idle()
    with pytest.raises(WindowClosed):
        sink.idle()

    assert (screen.shown, said) == (3, ["stalled", "stalled"])


def test_a_large_picture_gets_a_window_that_fits_the_desktop() -> None:
    screen = FakeScreen([])
    WindowSink(as_it_is, "road", screen).write(make_scene(grey(3840, 2160)))

    assert screen.size == (1280, 720)


@pytest.mark.parametrize(
    ("build", "environment", "platform", "expected"),
    [
        ("  GUI:                           NONE\n", {"DISPLAY": ":0"}, "linux", "[desktop]"),
        ("  GUI:                           QT5\n", {}, "linux", "DISPLAY"),
        ("  GUI:                           QT5\n", {"DISPLAY": ":0"}, "linux", ""),
        ("  GUI: \n    GTK+:     YES\n", {"WAYLAND_DISPLAY": "wayland-0"}, "linux", ""),
        ("  GUI:                           COCOA\n", {}, "darwin", ""),
        ("  GUI:                           WIN32UI\n", {}, "win32", ""),
    ],
)
def test_what_keeps_a_window_from_opening(
    build: str, environment: dict[str, str], platform: str, expected: str
) -> None:
    problem = window_problem(build, environment, platform)

    assert expected in problem
    assert bool(problem) == bool(expected)


def test_where_there_can_be_no_window_that_is_told_at_once() -> None:
    if not window_problem():
        pytest.skip("here a window can be opened")
    with pytest.raises(UsageError, match=r"desktop|DISPLAY"):
        WindowSink(as_it_is, "road")
