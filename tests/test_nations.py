"""Other countries' drawings: still the same signs, and a set that the evaluation reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.errors import OutputError, UsageError
from training.artwork import sign_art
from training.layouts import open_dataset
from training.nations import STYLES, main, random_style, shown, write
from training.plates import GERMAN


def colour_of(art: np.ndarray, x: float, y: float) -> tuple[int, ...]:
    size = art.shape[0]
    return tuple(int(v) for v in art[int(y * size), int(x * size), :3])


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_a_style_changes_dangers_bans_or_orders(style: object) -> None:
    differ = [
        not np.array_equal(sign_art(label, 64), sign_art(label, 64, style)) for label in (1, 18, 38)
    ]
    assert any(differ)


def test_yellow_dangers_keep_their_red_and_their_bans_white() -> None:
    style = STYLES["yellow dangers"]
    assert colour_of(sign_art(13, 64, style), 0.5, 0.4) == style.danger
    assert colour_of(sign_art(15, 64, style), 0.5, 0.5) == GERMAN.ban


def test_a_bend_keeps_its_side_where_animals_look_the_other_way() -> None:
    turned = GERMAN._replace(turned=True)
    np.testing.assert_array_equal(sign_art(19, 64, turned), sign_art(19, 64))
    assert not np.array_equal(sign_art(31, 64, turned), sign_art(31, 64))


def test_random_styles_are_the_same_for_the_same_seed_and_differ_among_each_other() -> None:
    first, again = (
        [random_style(rng) for _ in range(5)]
        for rng in (np.random.default_rng(3), np.random.default_rng(3))
    )
    assert first == again
    assert len(set(first)) == 5


def test_a_shown_sign_lies_in_its_box() -> None:
    drawn = shown(sign_art(17, 40), np.random.default_rng(0))
    left, top, right, bottom = drawn.edges
    assert (right - left + 1, bottom - top + 1) == (40, 40)
    middle = drawn.image[top + 8 : top + 12, left + 18 : left + 22].reshape(-1, 3).mean(axis=0)
    assert middle[2] > middle[0] + 30  # red


def test_the_written_set_is_read_as_gtsrb_with_a_track_a_style(tmp_path: Path) -> None:
    assert write(tmp_path, 1, 0) == 43 * len(STYLES)
    dataset = open_dataset(tmp_path)
    assert dataset.layout == "gtsrb"
    assert not dataset.problems
    assert len({example.track for example in dataset.examples}) == 43 * len(STYLES)
    assert {example.annotations[0].label for example in dataset.examples} == set(range(43))


@pytest.mark.parametrize("flag", ["--count 0", "--seed -1"])
def test_nonsense_is_refused(flag: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{flag.split(maxsplit=1)[0]}: expected . or more"):
        main(["--output", str(tmp_path / "new"), *flag.split()])
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write(tmp_path / "taken", 1, 0)
