"""The lists of places that are none of the 43 signs, and the reader that checks them."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from edge.core import Box
from models.errors import SourceError
from training import negatives
from training.datasets import gtsdb
from training.files import stem
from training.negatives import (
    BACKGROUND_FILE,
    BACKGROUND_KINDS,
    FOREIGN_FILE,
    FOREIGN_KINDS,
    MISSED_KINDS,
    PARTS,
    Negative,
    background,
    foreign,
    missed,
    parts,
    read_negatives,
)
from training.split import read_split

REAL = Path(os.environ.get("SIGN_DATA", "no data"))
needs_gtsdb = pytest.mark.skipif(
    not (REAL / "gtsdb").is_dir(), reason="$SIGN_DATA names no folder with gtsdb/"
)

BY_HAND = "picture,x1,y1,x2,y2,kind\n"
MINED = "picture,x1,y1,x2,y2,kind,score\n"


def listed(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "list.csv"
    path.write_text(text)
    return path


# --- the rule of the parts ---


def test_pictures_are_judged_on_where_the_detector_is_judged_on_them() -> None:
    judged = {name for name, part in parts().items() if part == "judge"}
    assert judged == {name for name, part in read_split("gtsdb").items() if part == "judge"}


def test_a_fifth_of_the_other_pictures_is_held_back_to_choose_on() -> None:
    assert Counter(parts().values()) == {"train": 400, "choose": 100, "judge": 100}


def test_the_lot_falls_the_same_way_for_ever() -> None:
    first = [name for name, part in parts().items() if part == "choose"][:4]
    assert first == ["00001", "00004", "00009", "00017"]


# --- reading ---


def test_rows_are_read_as_numbers(tmp_path: Path) -> None:
    assert read_negatives(listed(tmp_path, f"{BY_HAND}00007,10,20,30,45,parking\n")) == (
        Negative("00007", (10, 20, 30, 45), "parking"),
    )
    assert read_negatives(listed(tmp_path, f"{MINED}00007,0,0,1360,800,misframed,0.25\n")) == (
        Negative("00007", (0, 0, 1360, 800), "misframed", 0.25),
    )


def test_a_list_may_be_empty(tmp_path: Path) -> None:
    assert read_negatives(listed(tmp_path, MINED)) == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected the columns picture,x1,y1,x2,y2,kind and perhaps score, found nothing"),
        ("picture,x,y\n", "expected the columns .* found picture,x,y"),
        (f"{BY_HAND}00007,1,2,3\n", "line 2: expected 6 columns, found 4"),
        (f"{MINED}00007,1,2,3,4,background\n", "line 2: expected 7 columns, found 6"),
        (f"{BY_HAND}\n", "line 2: expected 6 columns, found 0"),
        (
            f"{BY_HAND}00007,1,2,3,4,guide\n00600,1,2,3,4,guide\n",
            "line 3: expected a picture of GTSDB's training part, found 00600",
        ),
        (f"{BY_HAND}00007,1,2,3.5,4,guide\n", "line 2: expected whole pixels, found 1,2,3.5,4"),
        (f"{BY_HAND}00007,5,2,5,9,guide\n", "line 2: expected a box inside 1360x800, found 5,2"),
        (f"{BY_HAND}00007,5,9,7,2,guide\n", "expected a box inside 1360x800"),
        (f"{BY_HAND}00007,-1,2,5,9,guide\n", "expected a box inside 1360x800"),
        (f"{BY_HAND}00007,1300,2,1361,9,guide\n", "expected a box inside 1360x800"),
        (f"{BY_HAND}00007,1,2,3,4,tree\n", "line 2: expected a kind of .*, found 'tree'"),
        (f"{BY_HAND}00007,1,2,3,4,background\n", "found 'background'"),
        (f"{MINED}00007,1,2,3,4,missed,0.5\n", "found 'missed'"),
        (f"{MINED}00007,1,2,3,4,background,1.5\n", "expected a score of 0 to 1, found '1.5'"),
        (f"{MINED}00007,1,2,3,4,background,nan\n", "expected a score of 0 to 1, found 'nan'"),
        (f"{MINED}00007,1,2,3,4,background,high\n", "expected a score of 0 to 1, found 'high'"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SourceError, match=complaint):
        read_negatives(listed(tmp_path, text))


def test_a_quotation_mark_that_is_never_closed_is_told(tmp_path: Path) -> None:
    rows = "00007,1,2,30,40,background,0.5\n" * 6000  # what is quoted gets too long for a cell
    with pytest.raises(SourceError, match=r"list\.csv: expected a list of negatives, found none: "):
        read_negatives(listed(tmp_path, f'{MINED}"{rows}'))


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.csv: expected a list of negatives"):
        read_negatives(tmp_path / "nowhere.csv")


def test_a_list_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    path = listed(tmp_path, f"{BY_HAND}00007,1,2,3,4,guide\n")
    assert len(read_negatives(path)) == 1
    path.write_text(BY_HAND)
    assert read_negatives(path) == ()


@pytest.mark.parametrize("take", [foreign, missed, background])
def test_an_unknown_part_is_refused(take) -> None:
    with pytest.raises(SourceError, match="expected a part of train, choose, judge, found 'test'"):
        take("test")


def test_missed_signs_are_neither_foreign_nor_background(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = next(name for name, part in parts().items() if part == "choose")
    kinds = ("guide", "missed", "unclear", "plate")
    text = BY_HAND + "".join(f"{name},1,2,3,4,{kind}\n" for kind in kinds)
    monkeypatch.setattr(negatives, "FOREIGN_FILE", listed(tmp_path, text))

    assert [each.kind for each in foreign("choose")] == ["guide", "plate"]
    assert [each.kind for each in missed("choose")] == ["missed", "unclear"]
    assert foreign("train") == missed("judge") == ()


# --- what is committed ---


def test_enough_foreign_signs_are_labelled_for_every_use() -> None:
    counts = {part: len(foreign(part)) for part in PARTS}
    assert sum(counts.values()) >= 150
    assert counts["train"] >= 100
    assert min(counts.values()) >= 30


def test_the_kinds_of_foreign_sign_all_occur() -> None:
    assert {each.kind for part in PARTS for each in foreign(part)} == set(FOREIGN_KINDS)
    assert {each.kind for part in PARTS for each in missed(part)} == set(MISSED_KINDS)


def test_no_picture_is_in_two_parts() -> None:
    for take in (foreign, missed, background):
        pictures = [{each.picture for each in take(part)} for part in PARTS]
        assert sum(map(len, pictures)) == len(set().union(*pictures))


def test_every_row_belongs_to_exactly_one_answer() -> None:
    split = [each for part in PARTS for take in (foreign, missed) for each in take(part)]
    assert sorted(split) == sorted(read_negatives(FOREIGN_FILE))
    assert sorted(each for part in PARTS for each in background(part)) == sorted(
        read_negatives(BACKGROUND_FILE)
    )


def test_foreign_signs_are_large_enough_to_read() -> None:
    for part in PARTS:
        for each in foreign(part):
            x1, y1, x2, y2 = each.box
            assert max(x2 - x1, y2 - y1) >= 12, each


def test_background_touches_nothing_that_a_person_has_labelled() -> None:
    labelled = read_negatives(FOREIGN_FILE)
    for each in read_negatives(BACKGROUND_FILE):
        near = [Box(*other.box) for other in labelled if other.picture == each.picture]
        assert not any(Box(*each.box).iou(other) for other in near), each


def test_there_are_hundreds_of_background_and_misframed_boxes() -> None:
    counts = Counter(each.kind for each in read_negatives(BACKGROUND_FILE))
    assert counts.keys() == set(BACKGROUND_KINDS)
    assert min(counts.values()) >= 300
    assert counts.total() <= 6000


@needs_gtsdb
def test_no_foreign_sign_is_a_marked_one() -> None:
    marked = {stem(e.name): [Box(*a.box) for a in e.annotations] for e in gtsdb().examples}
    for part in PARTS:
        for each in (*foreign(part), *missed(part)):
            box = Box(*each.box)
            assert not any(box.iou(sign) >= 0.3 for sign in marked[each.picture]), each


@needs_gtsdb
def test_background_touches_no_marked_sign_and_misframed_fits_one_badly() -> None:
    marked = {stem(e.name): [Box(*a.box) for a in e.annotations] for e in gtsdb().examples}
    for each in read_negatives(BACKGROUND_FILE):
        best = max((Box(*each.box).iou(sign) for sign in marked[each.picture]), default=0.0)
        assert best == 0 if each.kind == "background" else 0.1 <= best < 0.4, each


# --- the command ---


def test_the_command_counts_kinds_by_part(capsys: pytest.CaptureFixture[str]) -> None:
    negatives.main()

    rows = {
        line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines() if line
    }
    for kind in FOREIGN_KINDS:
        numbers = [sum(each.kind == kind for each in foreign(part)) for part in PARTS]
        assert [int(n) for n in rows[kind]] == [*numbers, sum(numbers)]
