from pathlib import Path

import pytest
from small_sets import picture, store, turned_picture, yolo

from models.errors import SourceError
from training.layouts import open_dataset

FORMS = pytest.mark.parametrize("form", ["set", "set.zip"], ids=["folder", "zip"])


@FORMS
def test_yolo_boxes_become_pixels(tmp_path: Path, form: str) -> None:
    dataset = open_dataset(store(yolo(), tmp_path / form))
    assert dataset.layout == "yolo"
    a, b, c = dataset.examples
    assert (a.name, b.name, c.name) == (
        "set/train/images/a.jpg",
        "set/train/images/b.png",
        "set/val/images/c.webp",
    )
    assert a.annotations[0].box == pytest.approx((90, 40, 110, 60))
    assert a.annotations[1].box == pytest.approx((0, 0, 20, 20))
    assert [annotation.label for annotation in a.annotations] == [-1, -1]
    assert b.annotations == c.annotations == ()


def test_yolo_parts_below_images_are_found_below_labels(tmp_path: Path) -> None:
    files = {
        "images/train/a.jpg": picture(100, 100),
        "labels/train/a.txt": "17 0.5 0.5 0.5 0.5",
    }
    (example,) = open_dataset(store(files, tmp_path)).examples
    assert example.annotations[0].label == 17
    assert example.annotations[0].box == pytest.approx((25, 25, 75, 75))


def test_yolo_boxes_follow_the_picture_as_it_is_shown(tmp_path: Path) -> None:
    files = {"images/a.jpg": turned_picture(200, 100), "labels/a.txt": "3 0.5 0.5 0.1 0.2"}
    dataset = open_dataset(store(files, tmp_path))
    assert dataset.read(dataset.examples[0]).shape == (100, 200, 3)
    assert dataset.examples[0].annotations[0].box == pytest.approx((90, 40, 110, 60))


@pytest.mark.parametrize(
    ("names", "label"),
    [
        ("", 1),
        ("names: [sign]\n", 1),
        ("names: [alpha, beta]\n", 1),
        ("nc: 2\nnames:\n- Give way\n- Stop\n", 14),
        ("names:\n  0: 'Give way'  # in German towns\n  1: \"stop\"\ntrain: images\n", 14),
        ("names: {0: give_way, 1: stop}\n", 14),
        ("names: ['Stop', 'foreign']\n", -1),
    ],
    ids=["no yaml", "one class", "other names", "list", "map", "inline map", "foreign"],
)
def test_yolo_classes_are_known_by_name_or_else_by_number(
    tmp_path: Path, names: str, label: int
) -> None:
    files = {"images/a.jpg": picture(), "labels/a.txt": "1 0.5 0.5 0.1 0.1\n"}
    if names:
        files["data.yaml"] = names
    (example,) = open_dataset(store(files, tmp_path)).examples
    assert example.annotations[0].label == label


def test_yolo_with_class_0_alone_is_signs_of_unknown_class(tmp_path: Path) -> None:
    files = {"images/a.jpg": picture(), "labels/a.txt": "0 0.5 0.5 0.1 0.1\n"}
    (example,) = open_dataset(store(files, tmp_path)).examples
    assert example.annotations[0].label == -1


@pytest.mark.parametrize("line", ["0 0.5 0.5 0.1", "sign 0.5 0.5 0.1 0.1", "0 0.5 0.5 0.1 wide"])
def test_a_broken_yolo_line_is_named(tmp_path: Path, line: str) -> None:
    files = yolo() | {"set/train/labels/b.txt": f"0 0.5 0.5 0.1 0.1\n{line}\n"}
    with pytest.raises(SourceError, match=r"labels/b.txt line 2: expected class x y width height"):
        open_dataset(store(files, tmp_path))


def test_yolo_labels_without_a_picture_are_reported(tmp_path: Path) -> None:
    files = yolo() | {"set/train/labels/gone.txt": "0 0.5 0.5 0.1 0.1"}
    dataset = open_dataset(store(files, tmp_path))
    assert dataset.problems == (
        "1 label files have no picture, the first: set/train/labels/gone.txt",
    )


def test_a_labelled_picture_that_is_none_is_reported(tmp_path: Path) -> None:
    dataset = open_dataset(store(yolo() | {"set/train/images/a.jpg": b"none"}, tmp_path))
    assert "a.jpg: expected a picture, found none" in dataset.problems[0]
    assert dataset.examples[0].annotations == ()


def test_a_yolo_annotation_given_twice_is_read_once(tmp_path: Path) -> None:
    line = "0 0.5 0.5 0.1 0.1\n"
    dataset = open_dataset(store(yolo() | {"set/train/labels/b.txt": line * 3}, tmp_path))
    assert len(dataset.examples[1].annotations) == 1
    assert "2 annotations given twice, read once: set/train/images/b.png" in dataset.notes


def test_pictures_without_labels_are_noted(tmp_path: Path) -> None:
    assert open_dataset(store(yolo(), tmp_path)).notes == (
        "1 pictures with an empty label file, so no sign, the first: set/train/images/b.png",
        "1 pictures without a label file, so no sign, the first: set/val/images/c.webp",
    )
