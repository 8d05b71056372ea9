"""Events on disk: in order, once, bounded, and there again after anything."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge.sinks.spool import Spool
from models.errors import OutputError
from tests.disks import mounted


def letters(*numbers: int) -> list[tuple[str, str]]:
    return [(f"id-{number}", f"text {number}") for number in numbers]


def drain(spool: Spool) -> list[str]:
    found = []
    while (letter := spool.first()) is not None:
        found.append(letter.text)
        spool.remove([letter.id])
    return found


def test_letters_leave_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "new" / "spool")
    spool.put(letters(2, 1))
    spool.put(letters(3))
    assert len(spool) == 3

    assert drain(spool) == ["text 2", "text 1", "text 3"]
    assert len(spool) == 0


def test_a_letter_that_is_there_already_is_no_news(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put(letters(1, 2))
    spool.put(letters(1, 3))

    assert len(spool) == 3
    assert drain(spool) == ["text 1", "text 2", "text 3"]


def test_removing_what_is_not_there_is_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put(letters(1))
    spool.remove(["id-1", "id-1", "id-9"])

    assert (len(spool), spool.first()) == (0, None)


def test_the_next_run_finds_everything_and_its_own_name(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    identity = spool.identity
    spool.put(letters(1, 2))
    spool.remove(["id-1"])
    spool.close()
    again = Spool(tmp_path / "spool")
    again.put(letters(3))

    assert again.identity == identity
    assert Spool(tmp_path / "other").identity != identity
    assert drain(again) == ["text 2", "text 3"]


def test_when_too_many_wait_the_oldest_are_lost_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(tmp_path / "spool", most=3)
    spool.put(letters(1, 2))
    spool.put(letters(3, 4, 5))
    spool.put(letters(6))

    assert (len(spool), spool.lost) == (3, 3)
    assert drain(spool) == ["text 4", "text 5", "text 6"]
    assert caplog.text.count("the oldest are lost now") == 1


def test_two_runs_never_share_a_spool(tmp_path: Path) -> None:
    first = Spool(tmp_path / "spool")
    with pytest.raises(OutputError, match="another run holds this spool"):
        Spool(tmp_path / "spool")
    first.close()

    Spool(tmp_path / "spool").close()


@pytest.mark.parametrize("content", [b"no database " * 99, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_spool_is_kept_aside_and_a_new_one_begun(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "spool").write_bytes(content)
    spool = Spool(tmp_path / "spool")
    spool.put(letters(1))

    assert drain(spool) == ["text 1"]
    assert (tmp_path / "spool.broken-1").read_bytes() == content
    assert "a new one begun" in caplog.text


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE sqlite_master SET sql = CAST(x'eeeeee' AS TEXT)",
        "UPDATE letters SET id = CAST(x'eeeeee' AS TEXT) WHERE number = 2",
        "UPDATE letters SET text = CAST(x'eeeeee' AS TEXT) WHERE number = 2",
        "UPDATE facts SET value = CAST(x'eeeeee' AS TEXT)",
        "ALTER TABLE facts RENAME COLUMN value TO walue",
        "UPDATE sqlite_master SET rootpage = 3 WHERE name = 'letters'",
    ],
)
def test_damage_anywhere_is_found_before_anything_is_sent(tmp_path: Path, damage: str) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put(letters(1, 2, 3))
    spool.close()
    with closing(sqlite3.connect(tmp_path / "spool")) as connection:
        connection.executescript(f"PRAGMA writable_schema = ON; {damage}")
    again = Spool(tmp_path / "spool")
    again.put(letters(4))

    assert drain(again) == ["text 4"]
    assert (tmp_path / "spool.broken-1").exists()


def test_random_damage_never_hangs_nor_escapes(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put(letters(*range(200)))
    spool.close()
    whole = (tmp_path / "spool").read_bytes()
    for seed in range(30):
        dice, data = random.Random(seed), bytearray(whole)
        for _ in range(dice.choice((3, 30, 300))):
            data[dice.randrange(100, len(data))] = dice.randrange(256)
        path = tmp_path / f"damaged-{seed}"
        path.write_bytes(data)
        spool = Spool(path)
        spool.put([("new", "the last one")])

        assert len(drain(spool)) in {1, 201}
        assert len(spool) == 0
        spool.close()


def test_damage_in_the_midst_of_a_run_is_one_error(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put(letters(1))
    spool._db.execute("DROP TABLE letters")

    with pytest.raises(OutputError, match=r"spool: .*no such table"):
        spool.first()
    with pytest.raises(OutputError, match=r"spool: .*no such table"):
        spool.remove(["id-1"])
    with pytest.raises(OutputError, match=r"spool: .*no such table"):
        spool.put(letters(2))


def test_a_read_only_disk_is_told_at_once(tmp_path: Path) -> None:
    with (
        mounted(tmp_path / "disk", "ro") as disk,
        pytest.raises(OutputError, match="events cannot wait on this disk"),
    ):
        Spool(disk / "spool")


def test_a_full_disk_refuses_new_letters_and_takes_them_again_later(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=300k") as disk:
        spool = Spool(disk / "spool")
        ballast = disk / "ballast"
        spool.put(letters(1))
        with pytest.raises(OSError, match="No space"):
            ballast.write_bytes(b"x" * 400_000)
        with pytest.raises(OutputError, match="full"):
            for number in range(2, 1000):
                spool.put([(f"id-{number}", "x" * 2000)])
        kept = len(spool)
        ballast.unlink()
        spool.put(letters(2000))

        assert len(spool) == kept + 1
        assert drain(spool)[-1] == "text 2000"
        spool.close()


class FullDisk:
    """A database on a disk that takes no more; reading goes on."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def __enter__(self) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    def __exit__(self, *_: object) -> None:
        pass


def test_what_has_arrived_is_not_sent_again_though_the_disk_is_too_full_to_note_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put(letters(1, 2, 3))
    with monkeypatch.context() as patch:
        patch.setattr(spool, "_db", FullDisk(spool._db))
        spool.remove(["id-1", "id-9"])
        spool.remove(["id-1"])
        assert len(spool) == 2
        assert spool.first() == ("id-2", "text 2")
    spool.remove(["id-2"])

    assert len(spool) == 1
    spool.close()
    assert drain(Spool(tmp_path / "spool")) == ["text 3"]


def test_what_was_put_is_on_the_disk_at_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put(letters(1))
    for name in ("spool", "spool-wal"):
        (tmp_path / f"copy{name.removeprefix('spool')}").write_bytes((tmp_path / name).read_bytes())

    with sqlite3.connect(tmp_path / "copy") as copy:  # as if the power had been cut here
        assert copy.execute("SELECT text FROM letters").fetchall() == [("text 1",)]
