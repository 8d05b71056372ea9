from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_sets import GTSDB_TRUTH, gtsdb, gtsrb_training, picture, store, yolo

from models.errors import OutputError
from training import census, progress
from training.chart import draw_chart
from training.layouts import open_dataset


def faults(files: dict[str, bytes | str], path: Path) -> list[str]:
    return census.faults(open_dataset(store(files, path)), lambda _: None)


def test_counts_signs_tracks_and_sizes_of_each_class(tmp_path: Path) -> None:
    dataset = open_dataset(store(gtsrb_training({3: 2, 1: 1}, frames=4), tmp_path / "set.zip"))
    counts = census.count(dataset)
    assert counts == (12, 0, {1: 4, 3: 8}, {1: 1, 3: 2}, {1: (30.0,) * 4, 3: (30.0,) * 8}, ())
    assert census.headline(dataset, counts) == (
        "set (gtsrb): 12 pictures, 12 signs of 2 classes, 3 tracks, 0 pictures without a sign"
    )
    assert census.table(counts).splitlines()[2].split() == [
        *("3", "Speed", "limit", "60", "8", "2", "30", "30", "30")
    ]


def test_counts_pictures_without_a_sign(tmp_path: Path) -> None:
    dataset = open_dataset(store(yolo(), tmp_path / "set.zip"))
    counts = census.count(dataset)
    assert (counts.pictures, counts.empty, counts.signs) == (3, 2, {-1: 2})
    assert " 2 signs of one class, 2 pictures without" in census.headline(dataset, counts)


def test_a_set_of_other_things_is_counted_by_its_own_names(tmp_path: Path) -> None:
    files = {f"{name}/{n}.png": picture(9, 7, ".png") for name in ("dog", "cat") for n in range(3)}
    dataset = open_dataset(store(files, tmp_path / "pets"))
    counts = census.count(dataset)
    assert census.headline(dataset, counts) == "pets (folders): 6 pictures of 2 classes"
    assert [line.split() for line in census.table(counts).splitlines()[1:]] == [
        ["0", "cat", "3", "–", "9", "9", "9"],
        ["1", "dog", "3", "–", "9", "9", "9"],
    ]
    assert census.faults(dataset, lambda _: None) == []
    draw_chart("pets", counts, tmp_path / "chart.png")
    chart = np.asarray(Image.open(tmp_path / "chart.png"))
    bars = (chart == (25, 113, 194)).all(axis=2)[:, 400:800].all(axis=1)
    assert np.diff(bars.astype(int)).clip(0).sum() == 2


def test_a_whole_set_has_no_faults(tmp_path: Path) -> None:
    done: list[int] = []
    dataset = open_dataset(store(gtsdb(), tmp_path))
    assert census.faults(dataset, done.append) == []
    assert done == [1, 1, 1]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("00002.ppm;30;5;40;14;11", "00002.ppm: box 30 5 41 15 reaches outside 40×30"),
        ("00002.ppm;3;-1;5;14;11", "00002.ppm: box 3 -1 6 15 reaches outside 40×30"),
        ("00002.ppm;3;5;9;30;11", "00002.ppm: box 3 5 10 31 reaches outside 40×30"),
        ("00002.ppm;9;5;8;14;11", "00002.ppm: empty box 9 5 9 15"),
        ("00002.ppm;1;2;3;4;43", "00002.ppm: expected a class of -1 … 42, found 43"),
        ("00002.ppm;1;2;3;4;-2", "00002.ppm: expected a class of -1 … 42, found -2"),
    ],
)
def test_a_fault_of_an_annotation_is_named(tmp_path: Path, line: str, fault: str) -> None:
    files = gtsdb() | {"TrainIJCNN2013/gt.txt": f"{GTSDB_TRUTH}{line}\n"}
    assert faults(files, tmp_path) == [f"TrainIJCNN2013/{fault}"]


def test_a_box_that_fills_the_picture_is_no_fault(tmp_path: Path) -> None:
    files = {"images/a.jpg": picture(333, 217), "labels/a.txt": "0 0.5 0.5 1.000001 1.000001"}
    assert faults(files, tmp_path) == []


@pytest.mark.parametrize("line", ["0 nan 0.5 0.1 0.1", "0 0.5 0.5 0.1 nan"])
def test_a_box_that_is_no_number_is_a_fault(tmp_path: Path, line: str) -> None:
    files = {"images/a.jpg": picture(100, 100), "labels/a.txt": line}
    (fault,) = faults(files, tmp_path)
    assert fault.startswith("images/a.jpg: empty box") and "nan" in fault


@pytest.mark.parametrize("suffix", [".ppm", ".jpg", ".png", ".webp"])
@pytest.mark.parametrize("kept", [0, 0.6], ids=["empty", "cut off"])
def test_an_unreadable_picture_is_named(tmp_path: Path, suffix: str, kept: float) -> None:
    data = picture(200, 150, suffix)
    files = gtsdb(suffix=suffix)
    files[f"TrainIJCNN2013/00002{suffix}"] = data[: int(len(data) * kept)]
    (fault,) = faults(files, tmp_path)
    assert f"TrainIJCNN2013/00002{suffix}" in fault


def test_many_faults_of_one_kind_are_cut_short(tmp_path: Path) -> None:
    lines = "".join(f"{number:05d}.ppm;1;2;3;4;50\n" for number in range(25))
    found = faults(gtsdb(count=25) | {"TrainIJCNN2013/gt.txt": lines}, tmp_path)
    assert len(found) == census.SHOWN + 1
    assert found[-1] == "labels outside the table: 15 more"


def test_what_opening_could_not_mend_is_a_fault(tmp_path: Path) -> None:
    files = gtsdb()
    del files["TrainIJCNN2013/00001.ppm"]
    assert faults(files, tmp_path) == ["1 annotated pictures are missing, the first: 00001"]


def test_the_chart_shows_a_longer_bar_for_a_more_frequent_class(tmp_path: Path) -> None:
    counts = census.Census(9, 0, {1: 200, 33: 100}, {}, {1: (20.0,) * 200, 33: (60.0,) * 100})
    draw_chart("title", counts, tmp_path / "new/chart.png")
    chart = np.asarray(Image.open(tmp_path / "new/chart.png"))
    red = (chart == (214, 48, 49)).all(axis=2)[150:].any(axis=0).sum()
    blue = (chart == (25, 113, 194)).all(axis=2)[150:, : chart.shape[1] // 2].any(axis=0).sum()
    assert red == pytest.approx(2 * blue, abs=2)


@pytest.mark.parametrize("sizes", [{}, {-1: (0.0,)}, {-1: (7.0,)}])
def test_the_chart_draws_sets_with_hardly_anything(
    tmp_path: Path, sizes: dict[int, tuple[float, ...]]
) -> None:
    counts = census.Census(1, 1, {label: len(found) for label, found in sizes.items()}, {}, sizes)
    draw_chart("title", counts, tmp_path / "chart.png")
    assert Image.open(tmp_path / "chart.png").format == "PNG"


def test_a_chart_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write"):
        draw_chart("title", census.Census(0, 0, {}, {}, {}), tmp_path / "file/chart.png")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("check", 120, 600, "pictures"), "check: 120 of 600 pictures (20 %)"),
        (("a.zip", 5_000_000, 20_000_000, "B"), "a.zip: 5 of 20 MB (25 %)"),
        (("a.zip", 5_000_000, None, "B"), "a.zip: 5 MB"),
    ],
)
def test_progress_in_words(arguments: tuple[str, int, int | None, str], line: str) -> None:
    assert progress.line(*arguments) == line
