import logging
import multiprocessing
import pickle
from pathlib import Path

import numpy as np
import pytest
from small_sets import (
    GTSDB_TRUTH,
    GTSRB_HEADER,
    gtsdb,
    gtsrb_test_pictures,
    gtsrb_test_rows,
    gtsrb_training,
    picture,
    store,
)

from models.errors import SourceError
from tests.waiting import PATIENCE_S
from training.datasets import open_set
from training.layouts import open_dataset

FORMS = pytest.mark.parametrize("form", ["set", "set.zip"], ids=["folder", "zip"])
SUFFIXES = pytest.mark.parametrize("suffix", [".ppm", ".jpg", ".png", ".webp"])


@FORMS
@SUFFIXES
def test_gtsrb_training_gives_boxes_labels_and_tracks(
    tmp_path: Path, form: str, suffix: str
) -> None:
    dataset = open_dataset(store(gtsrb_training({0: 2, 14: 1}, suffix=suffix), tmp_path / form))
    assert dataset.layout == "gtsrb"
    assert len(dataset.examples) == 6
    last = dataset.examples[-1]
    assert last.name == f"GTSRB/Final_Training/Images/00014/00000_00001{suffix}"
    assert last.annotations == (((5.0, 4.0, 35.0, 26.0), 14),)  # the file's last pixel is inside
    assert last.track == "00014/00000"
    assert len({example.track for example in dataset.examples}) == 3
    assert dataset.read(last).shape == (30, 40, 3)
    assert (dataset.notes, dataset.problems) == ((), ())


def test_a_single_class_folder_of_gtsrb_opens_too(tmp_path: Path) -> None:
    root = store(gtsrb_training({14: 1}), tmp_path)
    dataset = open_dataset(root / "GTSRB/Final_Training/Images/00014")
    assert [example.track for example in dataset.examples] == ["00014/00000"] * 2


@FORMS
def test_gtsrb_test_reads_the_table_beside_the_pictures(tmp_path: Path, form: str) -> None:
    files = gtsrb_test_pictures(3) | {"GT-final_test.csv": gtsrb_test_rows([16, 1, 38])}
    dataset = open_dataset(store(files, tmp_path / form))
    assert dataset.layout == "gtsrb"
    assert [example.annotations[0].label for example in dataset.examples] == [16, 1, 38]
    assert {example.track for example in dataset.examples} == {""}


@pytest.mark.parametrize(
    "table",
    [
        "GTSRB/Final_Test/GT-final_test.csv",
        "GTSRB/GT-final_test.csv",
        "GT-final_test.csv",
        "GTSRB_Final_Test_GT/GT-final_test.csv",
    ],
)
def test_gtsrb_test_finds_the_table_around_the_pictures(tmp_path: Path, table: str) -> None:
    files = gtsrb_test_pictures(2, "GTSRB/Final_Test/Images/", ".jpg")
    files |= {"GTSRB/Final_Test/Images/GT-final_test.test.csv": "Filename;Width\r\n"}
    root = store(files | {table: gtsrb_test_rows([5, 6])}, tmp_path)
    dataset = open_dataset(root / "GTSRB/Final_Test/Images")
    assert [example.annotations[0].label for example in dataset.examples] == [5, 6]


def test_gtsrb_test_opens_as_the_two_official_zips(tmp_path: Path) -> None:
    files = gtsrb_test_pictures(2, "GTSRB/Final_Test/Images/")
    files |= {"GTSRB/Final_Test/Images/GT-final_test.test.csv": "Filename;Width\r\n"}
    pictures = store(files, tmp_path / "GTSRB_Final_Test_Images.zip")
    store({"GT-final_test.csv": gtsrb_test_rows([7, 8])}, tmp_path / "GTSRB_Final_Test_GT.zip")
    dataset = open_dataset(pictures)
    assert [example.annotations[0].label for example in dataset.examples] == [7, 8]


def test_gtsrb_test_without_classes_is_refused(tmp_path: Path) -> None:
    files = gtsrb_test_pictures(2) | {"GT-final_test.test.csv": "Filename;Width\r\n"}
    with pytest.raises(SourceError, match=r"expected GT-final_test.csv .* which holds no classes"):
        open_dataset(store(files, tmp_path / "set"))


def test_a_table_of_something_else_further_up_is_no_concern_of_ours(tmp_path: Path) -> None:
    store({"GT-final_test.csv": gtsrb_test_rows([1, 2])}, tmp_path)
    store(gtsrb_test_pictures(2), tmp_path / "mine/street")
    with pytest.raises(SourceError, match="found pictures in none of these layouts"):
        open_dataset(tmp_path / "mine/street")


def test_training_and_test_in_one_folder_are_refused(tmp_path: Path) -> None:
    files = gtsrb_training({1: 1}) | {"GT-final_test.csv": gtsrb_test_rows([1])}
    with pytest.raises(SourceError, match="expected one data set, found several"):
        open_dataset(store(files, tmp_path / "set"))


@pytest.mark.parametrize(
    "row", ["00000_00000.ppm;40;30;5;4;34;25;stop", "00000_00000.ppm;40;30", "no table at all"]
)
def test_a_broken_gtsrb_row_is_named(tmp_path: Path, row: str) -> None:
    files = gtsrb_training({3: 1})
    table = "GTSRB/Final_Training/Images/00003/GT-00003.csv"
    files[table] = f"{files[table]}{row}\r\n"
    with pytest.raises(SourceError, match=r"GT-00003.csv line 4: expected Filename;Width"):
        open_dataset(store(files, tmp_path / "set"))


def test_pictures_and_rows_that_do_not_meet_are_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = gtsrb_training({3: 3}, frames=1)
    folder = "GTSRB/Final_Training/Images/00003"
    files[f"{folder}/00009_00000.ppm"] = picture(suffix=".ppm")
    del files[f"{folder}/00001_00000.ppm"]
    with caplog.at_level(logging.WARNING):
        dataset = open_set(str(store(files, tmp_path / "set")))
    assert len(dataset.examples) == 2
    assert dataset.problems == (
        f"1 annotated pictures are missing, the first: {folder}/00001_00000",
        f"1 pictures have no annotation, the first: {folder}/00009_00000.ppm",
    )
    assert len(caplog.records) == 2
    caplog.clear()
    assert open_set(str(tmp_path / "set"), warn=False).problems == dataset.problems
    assert not caplog.records


def test_the_same_picture_with_two_suffixes_counts_once(tmp_path: Path) -> None:
    files = gtsdb() | {"TrainIJCNN2013/00000.jpg": picture()}
    dataset = open_dataset(store(files, tmp_path / "set"))
    assert [example.name[-9:] for example in dataset.examples] == [
        "00000.jpg",
        "00001.ppm",
        "00002.ppm",
    ]
    assert "with another suffix too" in dataset.problems[0]


@FORMS
@SUFFIXES
def test_gtsdb_gives_every_picture_its_signs(tmp_path: Path, form: str, suffix: str) -> None:
    dataset = open_dataset(store(gtsdb(suffix=suffix), tmp_path / form))
    assert dataset.layout == "gtsdb"
    assert [example.name for example in dataset.examples] == [
        f"TrainIJCNN2013/0000{n}{suffix}" for n in range(3)
    ]
    first, second, none = dataset.examples
    assert first.annotations == (((10.0, 5.0, 20.0, 15.0), 11),)
    assert second.annotations == (((0.0, 0.0, 40.0, 30.0), 40), ((3.0, 4.0, 6.0, 7.0), 38))
    assert none.annotations == ()


def test_gtsdb_leaves_out_the_cut_out_signs_of_the_official_zip(tmp_path: Path) -> None:
    files = gtsdb() | {"TrainIJCNN2013/11/00000.ppm": picture(suffix=".ppm")}
    dataset = open_dataset(store(files, tmp_path / "TrainIJCNN2013.zip"))
    assert len(dataset.examples) == 3


def test_gtsdb_test_part_opens_beside_the_full_truth(tmp_path: Path) -> None:
    pictures = {f"Test/0060{n}.ppm": picture(suffix=".ppm") for n in range(2)}
    store({"gt.txt": GTSDB_TRUTH + "00601.ppm;1;2;3;4;5\n"}, tmp_path)
    dataset = open_dataset(store(pictures, tmp_path / "TestIJCNN2013.zip"))
    assert [len(example.annotations) for example in dataset.examples] == [0, 1]
    assert dataset.problems == ()
    assert dataset.notes == ("2 annotated pictures of another part, not looked for",)


def test_gtsdb_truth_above_the_pictures_is_found(tmp_path: Path) -> None:
    files = gtsdb(folder="FullIJCNN2013/")
    truth = files.pop("FullIJCNN2013/gt.txt")
    assert len(open_dataset(store(files | {"gt.txt": truth}, tmp_path)).examples) == 3


def test_a_missing_gtsdb_picture_is_reported(tmp_path: Path) -> None:
    files = gtsdb()
    del files["TrainIJCNN2013/00001.ppm"]
    dataset = open_dataset(store(files, tmp_path / "set"))
    assert dataset.problems == ("1 annotated pictures are missing, the first: 00001",)


def test_an_annotation_given_twice_is_read_once(tmp_path: Path) -> None:
    files = gtsdb()
    files["TrainIJCNN2013/gt.txt"] = GTSDB_TRUTH + "00000.ppm;10;5;19;14;11\n"
    dataset = open_dataset(store(files, tmp_path / "set"))
    assert len(dataset.examples[0].annotations) == 1
    assert dataset.notes[0].startswith("annotation given 2 times, read once: 00000.ppm")


@pytest.mark.parametrize("line", ["00000.ppm;1;2;3", "00000.ppm;1;2;3;4;stop", "hello"])
def test_a_broken_gtsdb_line_is_named(tmp_path: Path, line: str) -> None:
    files = gtsdb() | {"TrainIJCNN2013/gt.txt": f"{GTSDB_TRUTH}{line}\n"}
    with pytest.raises(SourceError, match=r"gt.txt line 4: expected file;left;top"):
        open_dataset(store(files, tmp_path / "set"))


def test_annotations_of_other_pictures_are_refused(tmp_path: Path) -> None:
    files = {"a.ppm": picture(suffix=".ppm"), "gt.txt": GTSDB_TRUTH}
    with pytest.raises(SourceError, match="expected pictures that the annotations name"):
        open_dataset(store(files, tmp_path / "set"))


def test_two_gtsdb_parts_in_one_folder_are_refused(tmp_path: Path) -> None:
    files = gtsdb() | gtsdb("Test/")
    with pytest.raises(SourceError, match=r"found several: .*Test/gt.txt, TrainIJCNN2013/gt.txt"):
        open_dataset(store(files, tmp_path / "set"))


def test_a_folder_with_one_zip_opens_the_zip(tmp_path: Path) -> None:
    store(gtsdb(), tmp_path / "TrainIJCNN2013.zip")
    assert len(open_dataset(tmp_path).examples) == 3


def test_a_folder_with_two_zips_names_them(tmp_path: Path) -> None:
    store(gtsdb(), tmp_path / "a.zip")
    store(gtsdb(), tmp_path / "b.zip")
    with pytest.raises(SourceError, match=r"found several: name one of a.zip, b.zip"):
        open_dataset(tmp_path)


def test_nothing_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="expected a folder or a zip, found nothing there"):
        open_dataset(tmp_path / "missing")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="found no pictures at all"):
        open_dataset(tmp_path)


def test_pictures_without_any_layout_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="found pictures in none of these layouts"):
        open_dataset(store({"holiday/beach.jpg": picture()}, tmp_path))


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    path.write_bytes(b"not a zip")
    with pytest.raises(SourceError, match="expected a folder or a whole zip, found neither"):
        open_dataset(path)


def test_a_truncated_zip_is_refused(tmp_path: Path) -> None:
    path = store(gtsdb(), tmp_path / "set.zip")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(SourceError, match="expected a folder or a whole zip, found neither"):
        open_dataset(path)


def test_a_damaged_picture_in_a_zip_is_named(tmp_path: Path) -> None:
    path = store(gtsdb(), tmp_path / "set.zip")
    data = bytearray(path.read_bytes())
    data[150] ^= 0xFF  # inside the first picture
    path.write_bytes(data)
    dataset = open_dataset(path)
    with pytest.raises(SourceError, match=r"TrainIJCNN2013/00000.ppm is damaged"):
        dataset.read(dataset.examples[0])


@pytest.mark.parametrize("content", [b"", b"not a picture"], ids=["empty", "text"])
def test_a_picture_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    dataset = open_dataset(store(gtsdb() | {"TrainIJCNN2013/00002.ppm": content}, tmp_path / "set"))
    with pytest.raises(SourceError, match=r"00002.ppm: expected a picture, found \d+ bytes"):
        dataset.read(dataset.examples[2])


def test_a_picture_that_has_gone_is_named(tmp_path: Path) -> None:
    dataset = open_dataset(store(gtsdb(), tmp_path / "set"))
    (tmp_path / "set/TrainIJCNN2013/00002.ppm").unlink()
    with pytest.raises(SourceError, match=r"cannot read TrainIJCNN2013/00002.ppm"):
        dataset.read(dataset.examples[2])


def test_hidden_files_and_mac_extras_are_passed_over(tmp_path: Path) -> None:
    files = gtsdb() | {"__MACOSX/TrainIJCNN2013/gt.txt": "x", "TrainIJCNN2013/._00000.ppm": b"x"}
    assert len(open_dataset(store(files, tmp_path / "set.zip")).examples) == 3


@FORMS
def test_a_data_set_survives_pickling(tmp_path: Path, form: str) -> None:
    dataset = open_dataset(store(gtsdb(), tmp_path / form))
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy.examples == dataset.examples
    np.testing.assert_array_equal(copy.read(copy.examples[1]), dataset.read(dataset.examples[1]))


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork"
)
def test_a_forked_worker_and_its_parent_read_the_same_zip_at_once(tmp_path: Path) -> None:
    files = open_dataset(store(gtsdb(count=60), tmp_path / "set.zip")).files
    expected = [files.read(name) for name in files.names]

    def work() -> None:
        for _ in range(5):
            assert [files.read(name) for name in files.names] == expected

    worker = multiprocessing.get_context("fork").Process(target=work)  # nothing is pickled
    worker.start()
    work()
    worker.join(PATIENCE_S)
    assert worker.exitcode == 0


def test_a_class_folder_without_pictures_is_a_problem(tmp_path: Path) -> None:
    files = gtsrb_training({0: 1, 19: 1})
    top = "GTSRB/Final_Training/Images"
    files[f"{top}/00003/GT-00003.csv"] = GTSRB_HEADER + "\r\n"
    root = store(files, tmp_path)
    (root / top / "00041").mkdir()
    for path in (root, root / top):
        problems = open_dataset(path).problems
        assert len(problems) == 2
        assert problems[0].endswith("00003: expected pictures of a class, found none")
        assert problems[1].endswith("00041: expected pictures of a class, found none")
