"""The event store: what it keeps, what it deletes, and how it meets bad files and bad disks."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.core import Box, Event, Frame, Scene
from edge.database import SCHEMA
from edge.history import History
from edge.sinks.store import DAY_S, WAITING, Retention, Store, Stored, StoreSink, last_expired
from edge.sinks.thumbnails import MARGIN, QUALITY, SIDE, Thumbnails
from models.errors import OutputError
from models.imaging import crop
from tests.commands import ROOT, TIMEOUT_S, environment
from tests.disks import mounted
from tests.scenes import PRIORITY_ROAD, SPEED_50, UNKNOWN, grey, make_event, make_track, with_events
from tests.waiting import eventually

NOW = 1_800_000_000.0
KEEP = Retention(days=30, megabytes=100)
LOT = 20
RED = (40, 40, 220)


class FakeClock:
    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def event(number: int, kind: str = "new", label: int = SPEED_50, sign: int | None = None) -> Event:
    """Event `number` of sign `sign`, by default a sign of its own."""
    sign = number if sign is None else sign
    made = make_event(kind, label)  # type: ignore[arg-type]
    return replace(made, id=f"e{number}", sign_id=f"s{sign}", track=sign)


def lot(*events: Event, jpeg: bytes | None = None) -> list[Stored]:
    return [Stored(each, jpeg) for each in events]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "events.sqlite"


def filled(path: Path, count: int, clock: FakeClock, keep: Retention = KEEP) -> Store:
    store = Store(path, "camera 0", keep, clock)
    for start in range(0, count, LOT):
        added = range(start, min(start + LOT, count))
        store.add([Stored(event(number), os.urandom(3000)) for number in added])
    return store


def numbers(path: Path) -> list[int]:
    history = History(path)
    found = [sign.number for sign in history.signs(10_000)]
    history.close()
    return found


def test_an_event_is_kept_with_all_its_fields(path: Path) -> None:
    store = Store(path, "camera 0", KEEP, FakeClock())
    store.add(lot(make_event(wall=NOW - 1)))
    store.close()

    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    row = dict(connection.execute("SELECT * FROM events").fetchone())
    connection.close()
    assert row == {
        "number": 1,
        "stored": NOW,
        "source": "camera 0",
        "id": "a-new",
        "sign_id": "a",
        "kind": "new",
        "time": 72.46,
        "wall": NOW - 1,
        "frame": 1811,
        "segment": 0,
        "track": 7,
        "label": 2,
        "name": "Speed limit 50",
        "probability": 0.968,
        "votes": 5,
        "x1": 100.0,
        "y1": 50.25,
        "x2": 140.0,
        "y2": 90.25,
        "box_frame": 1809,
        "first_seen": 70.0,
        "last_seen": 72.4,
    }


def test_history_survives_a_restart_and_goes_on(path: Path) -> None:
    for run in range(2):
        store = Store(path, "camera 0", KEEP, FakeClock())
        store.add(lot(event(run)))
        store.close()

    assert numbers(path) == [2, 1]


def test_an_event_that_is_there_is_not_there_twice(path: Path) -> None:
    store = Store(path, "camera 0", KEEP, FakeClock())
    store.add(lot(event(1)))
    store.add(lot(event(1), event(2)))
    store.close()

    assert len(numbers(path)) == 2


def test_the_events_of_a_sign_are_one_sign_with_its_last_word(path: Path) -> None:
    store = Store(path, "camera 0", KEEP, FakeClock())
    store.add(lot(event(1, label=UNKNOWN, sign=1), event(2, sign=2)))
    store.add(lot(event(3, "update", PRIORITY_ROAD, 1), event(4, "end", PRIORITY_ROAD, 1)))
    history = History(path)

    second, first = history.signs(10)

    assert (first.sign_id, first.label, first.ended) == ("s1", PRIORITY_ROAD, True)
    assert (second.sign_id, second.label, second.ended) == ("s2", SPEED_50, False)
    assert history.counts() == {PRIORITY_ROAD: 1, SPEED_50: 1}
    history.close()
    store.close()


def test_history_turns_pages_and_picks_a_class(path: Path) -> None:
    store = Store(path, "camera 0", KEEP, FakeClock())
    store.add(lot(*(event(n, label=UNKNOWN if n % 2 else SPEED_50) for n in range(10))))
    history = History(path)

    first = [sign.number for sign in history.signs(4)]
    second = [sign.number for sign in history.signs(4, before=first[-1])]
    odd = [sign.label for sign in history.signs(4, label=UNKNOWN)]

    assert (first, second, odd) == ([10, 9, 8, 7], [6, 5, 4, 3], [UNKNOWN] * 4)
    assert history.newest() == 10
    assert history.signs(4, before=1) == []
    history.close()
    store.close()


def test_counts_are_those_of_now(path: Path) -> None:
    store = Store(path, "camera 0", KEEP, FakeClock())
    history = History(path)
    assert (history.counts(), history.newest()) == ({}, 0)
    store.add(lot(event(1)))
    assert history.counts() == {SPEED_50: 1}
    history.close()
    store.close()


# --- thumbnails ---


def scene(index: int, box: Box, *events: Event) -> Scene:
    """A grey picture in which the box is red."""
    image = grey(320, 240)
    x1, y1, x2, y2 = (round(edge) for edge in box)
    image[y1:y2, x1:x2] = RED
    return Scene(Frame(image, index, index / 30), (make_track(box, number=7),), events)


@pytest.mark.parametrize("size", [0.5, 30, 90, 91, 300])
@pytest.mark.parametrize("x", [-20.0, 60.25, 310.0])
def test_the_picture_of_a_sign_is_its_crop(size: float, x: float) -> None:
    image = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    box = Box(x, 100, x + size, 100 + size / 2)
    thumbnails = Thumbnails()
    thumbnails.see(Scene(Frame(image.copy(), 3, 0.1), (make_track(box, number=1),)))

    jpeg = thumbnails.jpeg(replace(make_event("new"), track=1, box=box, box_frame=3))

    expected = cv2.cvtColor(crop(image, box, SIDE, MARGIN), cv2.COLOR_RGB2BGR)
    quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    assert jpeg == cv2.imencode(".jpg", expected, quality)[1].tobytes()


def test_the_picture_of_a_sign_that_was_lost_is_that_of_its_later_track() -> None:
    thumbnails, event = Thumbnails(), replace(make_event("new"), track=1, box_frame=9)
    for index in range(10):
        box = Box(10, 20, 30 + 5 * index, 40 + 5 * index)
        image = grey(320, 240, 20 * index)
        track = make_track(box, number=1 if index < 5 else 2)
        thumbnails.see(Scene(Frame(image, index, index / 30), (track,)))

    jpeg = thumbnails.jpeg(replace(event, box=box))
    assert jpeg is not None
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.mean() == pytest.approx(180, abs=3)


def test_the_picture_of_a_sign_is_that_of_its_best_frame(path: Path) -> None:
    sink = StoreSink(Store(path, "camera 0", KEEP, FakeClock()))
    for index in range(20):
        sink.write(scene(index, Box(10 + index, 20, 30 + 3 * index, 40 + 2 * index)))
    sink.write(scene(20, Box(200, 150, 210, 160), replace(make_event("new"), box_frame=19)))
    sink.finish([replace(make_event("end"), box_frame=19)])
    sink.close()

    history = History(path)
    jpeg = history.crop(1)
    assert jpeg is not None
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (128, 128, 3)
    red = np.abs(picture.astype(int) - RED).max(axis=2) < 60
    assert 0.4 < red.mean() < 0.75  # the sign and a margin around it
    assert red[64, 64]
    assert history.signs(1)[0].has_crop
    history.close()


def test_a_sign_that_was_never_seen_has_no_picture(path: Path) -> None:
    sink = StoreSink(Store(path, "camera 0", KEEP, FakeClock()))
    sink.finish([make_event("new")])
    sink.close()

    history = History(path)
    assert (history.crop(1), history.crop(99)) == (None, None)
    assert not history.signs(1)[0].has_crop
    history.close()


# --- retention ---


def test_what_is_too_old_goes_with_its_picture(path: Path) -> None:
    clock = FakeClock()
    store = filled(path, 60, clock)
    clock.now += 29 * DAY_S
    store.add(lot(event(100), jpeg=b"young"))
    assert not store.tidy()
    assert len(numbers(path)) == 61
    clock.now += 2 * DAY_S
    while store.tidy():
        pass
    assert numbers(path) == [61]
    assert store.events == 1
    store.add(lot(event(100), event(101)))  # the first is known already
    assert store.events == len(numbers(path)) == 2
    store.close()

    again = Store(path, "camera 0", KEEP, clock)
    assert again.events == 2
    again.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT sign_id FROM crops").fetchall() == [("s100",)]


def test_the_picture_of_a_sign_stays_while_one_of_its_events_does(path: Path) -> None:
    clock = FakeClock()
    store = Store(path, "camera 0", KEEP, clock)
    store.add(lot(event(1, "new", sign=1), jpeg=b"picture"))
    clock.now += 20 * DAY_S
    store.add(lot(event(2, "end", sign=1)))
    clock.now += 20 * DAY_S
    store.tidy()
    store.close()

    history = History(path)
    assert (history.signs(9), history.newest(), history.crop(2)) == ([], 2, b"picture")
    history.close()


def test_zero_days_keep_for_ever(path: Path) -> None:
    clock = FakeClock()
    store = filled(path, 3, clock, Retention(0, 100))
    clock.now += 10_000 * DAY_S
    assert not store.tidy()
    store.close()

    assert len(numbers(path)) == 3


def test_the_file_never_outgrows_its_size(path: Path) -> None:
    store = Store(path, "camera 0", Retention(30, 2), FakeClock())
    sizes = []
    for start in range(0, 1200, 5):  # 3.6 MB of pictures
        store.add([Stored(event(start + n), os.urandom(3000)) for n in range(5)])
        store.tidy()
        files = (path, path.with_name(path.name + "-wal"))
        sizes.append(sum(file.stat().st_size for file in files if file.exists()))
    store.close()

    assert max(sizes) <= 2_000_000
    kept = numbers(path)
    assert kept == list(range(1200, 1200 - len(kept), -1))  # the newest, none missing
    assert len(kept) > 150


def test_a_smaller_limit_shrinks_the_file_step_by_step(path: Path) -> None:
    filled(path, 2000, FakeClock()).close()
    before = path.stat().st_size
    store = Store(path, "camera 0", Retention(30, 2), FakeClock())

    steps = 0
    while store.tidy():
        steps += 1
    store.close()

    assert steps > 5
    assert path.stat().st_size <= 2_000_000 < before
    assert numbers(path)[0] == 2000


def test_a_clock_that_jumps_back_changes_no_order(path: Path) -> None:
    clock = FakeClock()
    store = filled(path, 3, clock)
    clock.now -= 3600
    store.add(lot(event(10)))
    store.close()

    assert numbers(path) == [4, 3, 2, 1]


@pytest.mark.parametrize("wrong", [0.0, NOW - 400 * DAY_S, NOW + 400 * DAY_S])
def test_a_clock_that_was_wrong_for_a_while_costs_no_history(path: Path, wrong: float) -> None:
    clock = FakeClock()
    store = filled(path, 3, clock)
    clock.now = wrong
    store.add(lot(event(10)))
    clock.now = NOW + 60
    store.tidy()
    assert len(numbers(path)) == 4
    clock.now = NOW + 31 * DAY_S
    store.add(lot(event(11)))
    store.tidy()
    store.close()

    assert numbers(path) in ([5], [5, 4])  # those of before are gone


def test_an_unset_clock_deletes_nothing(path: Path) -> None:
    clock = FakeClock(100.0)
    store = filled(path, 3, clock)
    clock.now += 100 * DAY_S
    assert not store.tidy()
    store.close()

    assert len(numbers(path)) == 3


def test_nothing_behind_a_fresh_row_expires() -> None:
    assert last_expired([], 5.0) is None
    assert last_expired([(1, 2.0), (2, 3.0), (3, 6.0), (4, 1.0)], 5.0) == 2
    assert last_expired([(1, 6.0), (2, 1.0)], 5.0) is None
    assert last_expired([(1, 1.0)], 5.0) == 1


# --- bad files, bad disks, sudden ends ---


class StuckStore(Store):
    """A disk that takes nothing until it is let go."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "", KEEP, FakeClock())
        self.stuck = threading.Event()
        self.free = threading.Event()

    def add(self, lot: Sequence[Stored]) -> None:
        self.stuck.set()
        assert self.free.wait(TIMEOUT_S)
        super().add(lot)


def test_a_disk_that_hangs_never_stops_a_camera(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = StuckStore(path)
    sink = StoreSink(store, live=True)
    sink.write(with_events(event(0)))
    assert store.stuck.wait(TIMEOUT_S)
    for number in range(1, WAITING + 3):
        sink.write(with_events(event(number)))
    store.free.set()
    sink.close()

    assert len(numbers(path)) == WAITING + 1
    assert sink.figures() == (WAITING + 1, path.stat().st_size, 2, False)
    assert caplog.messages[-1].endswith("the disk hangs, 2 events are lost")


def test_another_program_that_holds_the_file_is_waited_for(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("edge.database.BUSY_S", 0.01)
    sink = StoreSink(Store(path, "", KEEP, FakeClock()), live=True)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    sink.write(with_events(event(0)))
    assert eventually(lambda: bool(caplog.messages))
    sink.write(with_events(event(1)))
    other.execute("ROLLBACK")
    other.close()
    sink.close()

    assert numbers(path) == [2, 1]
    assert caplog.messages == [
        f"{path}: the event store is held by another program; events wait for it"
    ]
    assert not sink.figures().failed


def write_text(path: Path) -> None:
    path.write_text("this is a letter, not a database\n" * 200)


def write_foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")


def write_newer(path: Path) -> None:
    filled(path, 1, FakeClock()).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")


def write_older(path: Path) -> None:
    filled(path, 1, FakeClock()).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA - 1}")


def write_broken(path: Path) -> None:
    filled(path, 50, FakeClock()).close()
    data = bytearray(path.read_bytes())
    data[200:4096] = random.Random(1).randbytes(4096 - 200)  # the schema's page
    path.write_bytes(data)


def write_broken_text(path: Path) -> None:
    """SQLite's message about this file quotes bytes that are no UTF-8."""
    filled(path, 1, FakeClock()).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = CAST(x'eeeeee' AS TEXT)")


@pytest.mark.parametrize("use", [lambda p: Store(p, "", KEEP), History], ids=["write", "read"])
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (write_text, "another kind of file"),
        (write_foreign, "found another program's database"),
        (write_newer, f"of schema {SCHEMA}, found schema {SCHEMA + 1}, written by a newer version"),
        (
            write_older,
            f"of schema {SCHEMA}, found schema {SCHEMA - 1}, written by an older version",
        ),
        (write_broken, "damaged"),
        (write_broken_text, "damaged"),
    ],
)
def test_a_file_that_is_no_store_of_ours_is_named_and_left_alone(
    tmp_path: Path, make: Callable[[Path], None], words: str, use: Callable[[Path], object]
) -> None:
    path = tmp_path / "events.sqlite"
    make(path)
    before = path.read_bytes()

    with pytest.raises(OutputError, match=rf"events\.sqlite: .*{words}"):
        use(path)

    assert path.read_bytes() == before


def test_damage_that_shows_later_is_named_as_well(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    filled(path, 200, FakeClock()).close()
    data = bytearray(path.read_bytes())
    data[8192:] = random.Random(2).randbytes(len(data) - 8192)
    path.write_bytes(data)

    with pytest.raises(OutputError, match="damaged"):
        History(path).signs(500)
    with pytest.raises(OutputError, match="damaged"):
        store = Store(path, "", KEEP, FakeClock())
        store.add([Stored(event(1000 + number), b"x") for number in range(500)])


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    path.touch()
    filled(path, 1, FakeClock()).close()

    assert numbers(path) == [1]


def test_odd_names_are_names(tmp_path: Path) -> None:
    path = tmp_path / "was? #1 100%.sqlite"
    filled(path, 1, FakeClock()).close()

    assert numbers(path) == [1]


def test_a_folder_or_a_read_only_disk_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="found a folder"):
        Store(tmp_path, "", KEEP)
    with (
        mounted(tmp_path / "disk", "ro") as disk,
        pytest.raises(OutputError, match="Read-only"),
    ):
        Store(disk / "events.sqlite", "", KEEP)


def test_a_store_on_a_disk_that_became_read_only_is_told(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=1m") as disk:
        path = disk / "events.sqlite"
        filled(path, 1, FakeClock()).close()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(OutputError, match=r"events\.sqlite: the event store cannot be used"):
            Store(path, "", KEEP)


def is_stored(sink: StoreSink, events: int) -> bool:
    stored, _, _, failed = sink.figures()
    return failed or stored >= events


def test_a_full_disk_is_one_error_and_keeps_what_was_written(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=600k") as disk:
        path = disk / "events.sqlite"
        sink = StoreSink(Store(path, "camera 0", KEEP, FakeClock()))
        noise = np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)
        with pytest.raises(OutputError, match=r"events\.sqlite: .*full"):
            for index in range(2000):
                box = Box(10, 10, 200, 200)
                found = replace(event(index), box_frame=index)
                track = make_track(box, number=index)
                sink.write(Scene(Frame(noise, index, index / 30), (track,), (found,)))
                # Each in a transaction of its own: where the disk is full, only the last is undone.
                assert eventually(lambda: is_stored(sink, index + 1))  # noqa: B023
        sink.finish([event(5000)])
        sink.close()

        kept = numbers(path)
        assert len(kept) > 10
        assert kept == list(range(len(kept), 0, -1))


WRITER = """
import sys
from pathlib import Path
from edge.sinks.store import WAITING, Retention, Store, StoreSink
from tests.test_store import event
from edge.core import Frame, Scene
from tests.scenes import grey

sink = StoreSink(Store(Path(sys.argv[1]), "camera 0", Retention(30, 100)))
number = 0
while True:
    sink.write(Scene(Frame(grey(8, 8), number, number / 30), (), (event(number),)))
    number += 1
    # What waits for the disk at most: a full queue, and a transaction of one lot and a queue more.
    print(number - 2 * WAITING - 1, flush=True)
"""


@pytest.fixture
def writer(path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_a_process_that_is_killed_loses_nothing_it_had_written(
    path: Path, writer: subprocess.Popen[str]
) -> None:
    assert writer.stdout is not None
    written = 0
    for line in writer.stdout:
        written = int(line)
        if written > 300:
            os.kill(writer.pid, signal.SIGKILL)
            break
    writer.wait(TIMEOUT_S)

    store = Store(path, "camera 0", KEEP)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        ids = [row[0] for row in connection.execute("SELECT id FROM events ORDER BY number")]
    store.close()

    assert len(ids) >= written
    assert ids == [f"e{number}" for number in range(len(ids))]
