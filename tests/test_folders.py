import zipfile
from collections import Counter
from pathlib import Path

import pytest
from small_sets import picture, store

from calibration.evaluate import check_suits
from models.errors import SourceError, UsageError
from training import files
from training.census import faults
from training.datasets import part
from training.files import Files
from training.layouts import open_dataset

FORMS = pytest.mark.parametrize("form", ["set", "set.zip"], ids=["folder", "zip"])


def pictures(*names: str) -> dict[str, bytes | str]:
    return {name: picture(8, 6, ".png", seed) for seed, name in enumerate(names)}


@FORMS
@pytest.mark.parametrize(
    ("folder", "label"),
    [
        ("14", 14),
        ("00007", 7),
        ("Stop", 14),
        ("give_way", 13),
        ("end-of-speed-limit-80", 6),
        ("foreign", -1),
    ],
)
def test_a_sign_folder_is_named_by_number_or_name(
    tmp_path: Path, form: str, folder: str, label: int
) -> None:
    path = store({f"{folder}/x.png": picture(21, 33, ".png")}, tmp_path / form)
    dataset = open_dataset(path)
    assert (dataset.layout, dataset.classes) == ("folders", ())
    (example,) = dataset.examples
    assert example.annotations == (((0, 0, 21, 33), label),)


def test_sign_folders_below_parts_are_found(tmp_path: Path) -> None:
    dataset = open_dataset(store(pictures("train/1/a.png", "test/1/b.png"), tmp_path))
    assert [e.annotations[0].label for e in dataset.examples] == [1, 1]
    assert [e.part for e in dataset.examples] == ["judge", "train"]


@FORMS
@pytest.mark.parametrize("above", ["", "cifar/", "train/"])
def test_folders_of_other_names_are_classes_of_their_own(
    tmp_path: Path, form: str, above: str
) -> None:
    files = pictures(f"{above}ship/a.png", f"{above}frog/b.png", f"{above}ship/c.png")
    dataset = open_dataset(store(files, tmp_path / form))
    assert dataset.classes == ("frog", "ship")
    assert [e.annotations[0].label for e in dataset.examples] == [0, 1, 1]


def test_a_few_names_that_signs_have_too_do_not_make_signs(tmp_path: Path) -> None:
    files = pictures("stop/a.png", "yield/b.png", "merge/c.png")
    assert open_dataset(store(files, tmp_path)).classes == ("merge", "stop", "yield")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("0", "42", "43"), "folders 0 to 42 for the 43 signs, found 43: a label outside"),
        (("00057",), "found 00057: a label outside the table"),
        (("1", "zebra"), "sign numbers or names like 1, or none of them so, found zebra"),
        (("Stop", "Give way", "Stpo"), "names like Give way, or none of them so, found Stpo"),
    ],
)
def test_a_folder_that_does_not_go_with_the_others_is_named(
    tmp_path: Path, names: tuple[str, ...], found: str
) -> None:
    with pytest.raises(SourceError, match=found):
        open_dataset(store(pictures(*(f"{name}/a.png" for name in names)), tmp_path))


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("a.png", "cat/b.png", "dog/c.png"), "in a class folder, found a.png"),
        (("train/a.png", "test/b.png"), "one folder a class in test, found pictures without"),
        (("train/cat/a.png", "test/b.png"), "one folder a class in test, found pictures without"),
    ],
)
def test_pictures_beside_the_class_folders_are_named(
    tmp_path: Path, names: tuple[str, ...], found: str
) -> None:
    with pytest.raises(SourceError, match=found):
        open_dataset(store(pictures(*names), tmp_path))


def test_one_folder_of_pictures_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="found pictures in none of these layouts"):
        open_dataset(store(pictures("holiday/a.png", "holiday/b.png"), tmp_path))


@pytest.mark.parametrize("classes", [("cat", "dog", "eel"), ("1", "2", "14")])
def test_a_class_folder_without_pictures_is_a_problem(
    tmp_path: Path, classes: tuple[str, ...]
) -> None:
    *full, bare = classes
    store(pictures(*(f"train/{name}/a.png" for name in full)), tmp_path)
    (tmp_path / "train" / bare).mkdir()
    line = f"expected pictures in the class folder train/{bare}, found none"
    assert open_dataset(tmp_path).problems == (line,)
    store({f"train/{bare}/read.me": "nothing"}, tmp_path)
    assert open_dataset(tmp_path).problems == (line,)


def test_an_empty_class_folder_of_a_zip_is_a_problem_too(tmp_path: Path) -> None:
    path = store(pictures("set/cat/a.png", "set/dog/b.png"), tmp_path / "set.zip")
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr("set/eel/", "")
    assert open_dataset(path).problems == (
        "expected pictures in the class folder set/eel, found none",
    )


def test_a_folder_of_notes_beside_signs_is_no_problem(tmp_path: Path) -> None:
    store(pictures("1/a.png", "2/b.png") | {"notes/read.me": "by hand"}, tmp_path)
    assert open_dataset(tmp_path).problems == ()


def test_a_class_that_is_only_tested_is_a_problem(tmp_path: Path) -> None:
    names = ("train/cat/a.png", "train/dog/b.png", "test/cat/c.png", "test/eel/d.png")
    (problem,) = open_dataset(store(pictures(*names), tmp_path)).problems
    assert problem == "expected pictures of eel to train on, found them in other parts only"


def test_a_picture_that_is_none_is_reported(tmp_path: Path) -> None:
    dataset = open_dataset(store(pictures("1/a.png") | {"1/b.png": b""}, tmp_path))
    assert [example.name for example in dataset.examples] == ["1/a.png"]
    assert dataset.problems[0].startswith("1/b.png: expected a picture, found none")


def test_a_picture_that_is_cut_off_is_a_fault(tmp_path: Path) -> None:
    files = pictures("cat/a.png", "dog/b.png")
    data = picture(200, 150)
    files["dog/c.jpg"] = data[: len(data) * 6 // 10]
    dataset = open_dataset(store(files, tmp_path))
    (fault,) = faults(dataset, lambda _: None)
    assert "dog/c.jpg" in fault
    whole, _, cut_off = dataset.examples
    assert dataset.read_whole(whole).shape == dataset.read(whole).shape == (6, 8, 3)
    with pytest.raises(SourceError, match=r"dog/c.jpg is damaged"):
        dataset.read_whole(cut_off)


def test_folders_train_val_and_test_are_the_parts(tmp_path: Path) -> None:
    folders = ("Train", "valid", "TEST")
    names = [f"{top}/{name}/{top}.png" for top in folders for name in ("cat", "dog")]
    dataset = open_dataset(store(pictures(*names), tmp_path))
    found = {name: [e.name for e in part(dataset, name)] for name in ("train", "choose", "judge")}
    assert found == {
        "train": ["Train/cat/Train.png", "Train/dog/Train.png"],
        "choose": ["valid/cat/valid.png", "valid/dog/valid.png"],
        "judge": ["TEST/cat/TEST.png", "TEST/dog/TEST.png"],
    }
    assert part(dataset, "val") == part(dataset, "choose")
    assert part(dataset, "test") == part(dataset, "judge")


@pytest.mark.parametrize("above", ["", "train/"])
def test_where_no_part_is_for_choosing_a_tenth_is_drawn(tmp_path: Path, above: str) -> None:
    names = [f"{above}{name}/{n}.png" for name in ("cat", "dog") for n in range(20)]
    names += [f"{above}eel/0.png", *([f"test/{n}/0.png" for n in ("cat", "dog")] if above else [])]
    dataset = open_dataset(store(pictures(*names), tmp_path))
    train, choose = part(dataset, "train"), part(dataset, "choose")
    assert Counter(e.annotations[0].label for e in choose) == {0: 2, 1: 2}
    assert Counter(e.annotations[0].label for e in train) == {0: 18, 1: 18, 2: 1}
    assert not {e.name for e in train} & {e.name for e in choose}
    assert not any(e.name.startswith("test") for e in (*train, *choose))
    assert part(open_dataset(tmp_path), "choose") == choose


def test_a_class_folder_beside_the_parts_has_no_part(tmp_path: Path) -> None:
    names = ("train/cat/a.png", "train/dog/b.png", "more/cat/c.png")
    dataset = open_dataset(store(pictures(*names), tmp_path))
    with pytest.raises(SourceError, match=r"below train, val or test, or none, found more/cat/c"):
        part(dataset, "train")


def test_a_part_that_the_folders_do_not_make_is_refused(tmp_path: Path) -> None:
    dataset = open_dataset(store(pictures("cat/a.png", "cat/b.png", "dog/c.png"), tmp_path))
    with pytest.raises(SourceError, match="expected a part of choose, train, found 'judge'"):
        part(dataset, "judge")


@pytest.mark.parametrize("name", ["pets.tar.xz", "pets.tar", "pets.TGZ"])
def test_a_tar_archive_says_how_to_unpack_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    line = rf"found a tar archive; unpack it with `mkdir -p \S+pets && tar xf \S+{name} -C \S+pets`"
    for path in (tmp_path, tmp_path / name):
        with pytest.raises(SourceError, match=line):
            open_dataset(path)


def test_classes_of_its_own_are_not_evaluated_as_signs(tmp_path: Path) -> None:
    dataset = open_dataset(store(pictures("cat/a.png", "dog/b.png"), tmp_path / "pets"))
    with pytest.raises(UsageError, match="of the 43 classes, found pets with 2 classes of its own"):
        check_suits("classifier", dataset, dataset.examples)


def test_a_broken_picture_is_named_though_another_package_replaced_pillows_opener(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ultralytics' opener asks for a package that is not there when a file is no picture."""

    def elsewhere(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'pi_heif'")

    store({"a/0.png": b"no picture"}, tmp_path)
    monkeypatch.setattr(files.Image, "open", elsewhere)
    with pytest.raises(SourceError, match=r"a/0\.png: expected a picture, found none"):
        Files(tmp_path).size("a/0.png")
    with pytest.raises(SourceError, match=r"a/0\.png is damaged"):
        Files(tmp_path).verify("a/0.png")
