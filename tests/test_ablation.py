"""The ablation with trainings that only pretend: what is run, what is refused, what is shown."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from recipes import recipe_fields
from small_sets import gtsrb_training, store

from models.errors import SourceError, UsageError
from models.signs import COUNT
from training import ablation
from training.comparison import Compared, Gain, Watched, compare
from training.comparison_sheet import chart, csv_table, markdown, text
from training.rungs import CLASSIFIER
from training.series import TrainingsError
from training.variants import BASE, VARIANTS, Variant, flags, taught

# Four signs of class 3 with two pictures each; fold 0 watches the first two, fold 1 the others.
# The label's chance is 1/2 where it is read right (44 more outputs share the rest), 1/88 else.
PRETENDER = """
import json, sys
from pathlib import Path
import numpy as np
words = dict(zip(sys.argv[1::2], sys.argv[2::2]))
run = Path(words.pop("--run"))
run.mkdir(parents=True, exist_ok=True)
with (run.parent / "order").open("a") as order:
    print(run.name, file=order)
if words.get("--dropout") == "0" and run.name.endswith("1"):
    sys.exit(3)
recipe = {"folds": 0, "fold": 0, "seed": 0, "epochs": 13, "samples": 36000, "smoothing": 0.05}
recipe |= {"average": 0.0, "flips": 0.0, "dropout": 0.2, "teachers": ""}
for flag, value in words.items():
    if flag != "--limit":
        recipe[flag[2:]] = type(recipe[flag[2:]])(value)
wrong = {1}
if recipe["smoothing"] == 0:
    wrong = set()
if recipe["flips"]:
    wrong = {0, 1, 2, 3}
tracks = [2 * recipe["fold"], 2 * recipe["fold"] + 1]
logits = np.zeros((4, 45), np.float32)
names = []
for row, (track, frame) in enumerate((t, f) for t in tracks for f in (0, 1)):
    logits[row, 4 if track in wrong else 3] = np.log(44)
    names.append(f"00003/{track:05d}_{frame:05d}.ppm")
part = f"fold {recipe['fold']} of 2"
np.savez(run / "watched.npz", logits=logits, labels=[3] * 4, names=names, part=part)
(run / "recipe.json").write_text(json.dumps({"recipe": recipe}))
"""
# Corrupted, each net takes the first picture that it was watched on for another sign.
CLERK = """
import sys
from pathlib import Path
import numpy as np
*runs, a, b, c = sys.argv[1:]
assert [a, b, c] == ["--part", "watched", "--corrupted"]
for run in map(Path, runs):
    with (run.parent / "asked").open("a") as asked:
        print(run.name, file=asked)
    content = dict(np.load(run / "watched.npz"))
    content["logits"][0] = np.arange(45) == 5
    np.savez(run / "watched-corrupted.npz", **content)
"""
NAMES = [variant.name for variant in VARIANTS]


@pytest.fixture(autouse=True)
def pretender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder to work in, with four signs as GTSRB, a training and a judge that pretend."""
    (tmp_path / "pretender.py").write_text(PRETENDER)
    (tmp_path / "clerk.py").write_text(CLERK)
    store(gtsrb_training({3: 4}), tmp_path / "gtsrb")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("SIGN_DATA", str(tmp_path))
    monkeypatch.setattr(ablation, "CLASSIFIER", "pretender")
    monkeypatch.setattr(ablation, "JUDGE", "clerk")


def run(*words: str) -> list[dict[str, str]]:
    """The rows of the table that the command writes."""
    ablation.main(["--out", "out", *words])
    return rows()


def rows() -> list[dict[str, str]]:
    return list(csv.DictReader(Path("out/ablation.csv").open(encoding="utf-8")))


def order() -> list[str]:
    return Path("out/order").read_text().splitlines()


def test_each_variant_is_trained_on_both_folds_and_compared_with_the_base(
    capfd: pytest.CaptureFixture[str],
) -> None:
    base, flips, smoothing = run("--only", "smoothing-0", "flips-0.3")
    assert order() == [f"{name}-{n}" for name in (BASE, "flips-0.3", "smoothing-0") for n in (0, 1)]
    figures = [row["variant"] + " " + row["wrong"] + " " + row["top1"] for row in (base, flips)]
    assert figures == ["base 2 0.750000", "flips-0.3 8 0.000000"]
    assert (smoothing["watched"], smoothing["signs"], smoothing["wrong"]) == ("8", "4", "0")
    # ln 2 = 0.6931 where right, ln 88 = 4.4773 where wrong
    assert [row["nll"] for row in (base, flips, smoothing)] == ["1.639195", "4.477337", "0.693147"]
    # One of four signs is gained, three are lost: see test_intervals for where the ends lie.
    gain = [smoothing[key] for key in ("difference", "low", "high", "verdict")]
    assert gain == ["0.250000", "0.000000", "0.750000", "no difference shown"]
    loss = [flips[key] for key in ("difference", "low", "high", "verdict")]
    assert loss == ["-0.750000", "-1.000000", "-0.250000", "hurts"]
    assert [smoothing["differences"], flips["differences"]] == [
        "0.500000 0.000000",
        "-0.500000 -1.000000",
    ]
    out = capfd.readouterr().out
    assert "training 1 of 6: base, changed: nothing; fold 0, seed 0" in out
    files = "ablation.md, ablation.csv, ablation.png and ablation-corrupted.png"
    assert f"wrote out/{files}" in out
    assert {Image.open(f"out/{name}").format for name in ablation.PICTURES} == {"PNG"}


def test_each_net_is_asked_once_about_its_pictures_corrupted() -> None:
    """The first picture of each fold is read wrong now: two of eight, one of them was before."""
    base, smoothing = run("--only", "smoothing-0")
    assert [base["wrong"], base["corrupted_wrong"], base["corrupted_top1"]] == [
        *("2", "4", "0.500000"),
    ]
    own = [smoothing[f"corrupted_{key}"] for key in ("wrong", "difference", "low", "high")]
    assert own == ["2", "0.250000", "0.000000", "0.750000"]
    assert smoothing["corrupted_verdict"] == "no difference shown"
    run("--only", "smoothing-0", "flips-0.3")
    assert Path("out/asked").read_text().split() == [
        f"{name}-{fold}" for name in (BASE, "smoothing-0", "flips-0.3") for fold in (0, 1)
    ]


def test_a_net_that_cannot_be_asked_is_named_and_keeps_no_other_from_the_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run("--only", "smoothing-0")
    monkeypatch.setattr(ablation, "JUDGE", "nobody")
    with pytest.raises(TrainingsError, match=r"corrupted pictures, found none of flips-0\.3-0"):
        run("--only", "smoothing-0", "flips-0.3")
    assert [row["variant"] for row in rows()] == [BASE, "smoothing-0"]
    Path("out/base-0/watched-corrupted.npz").unlink()
    with pytest.raises(SourceError, match="out: expected finished trainings, found none"):
        run("--table")


def test_answers_about_other_pictures_corrupted_are_refused() -> None:
    run("--only", BASE)
    Path("out/base-1/watched-corrupted.npz").write_bytes(
        Path("out/base-0/watched-corrupted.npz").read_bytes()
    )
    with pytest.raises(SourceError, match=r"base-1/watched-corrupted.npz: expected answers for"):
        run("--only", BASE, "--table")


def test_a_finished_training_is_not_repeated_and_an_unfinished_one_is() -> None:
    run("--only", "flips-0.3")
    Path("out/flips-0.3-1/recipe.json").unlink()
    run("--only", "flips-0.3")
    assert order() == ["base-0", "base-1", "flips-0.3-0", "flips-0.3-1", "flips-0.3-1"]


def test_a_base_of_other_defaults_is_refused() -> None:
    run("--only", "flips-0.3")
    for name in ("base-0", "base-1", "flips-0.3-0", "flips-0.3-1"):
        path = Path("out", name, "recipe.json")
        content = json.loads(path.read_text())
        content["recipe"]["augment"] = "harsh"
        path.write_text(json.dumps(content))
    with pytest.raises(
        SourceError, match=r"base-0: expected today's recipe .* found augment 'harsh'"
    ):
        run("--table")


def test_repeats_have_seeds_of_their_own_and_come_after_all_variants() -> None:
    base, flips = run("--only", "flips-0.3", "--repeats", "2")
    assert order() == [
        f"{name}-{n}" for k in (0, 2) for name in (BASE, "flips-0.3") for n in (k, k + 1)
    ]
    recipe = json.loads(Path("out/flips-0.3-3/recipe.json").read_text())["recipe"]
    assert (recipe["fold"], recipe["seed"]) == (1, 3)
    assert (base["wrong"], base["watched"], base["signs"]) == ("4", "16", "4")
    assert flips["differences"].split() == ["-0.500000", "-1.000000"] * 2


def test_a_failed_training_is_named_at_the_end_and_keeps_no_other_from_the_table() -> None:
    with pytest.raises(TrainingsError, match="every training to be trained, found dropout-0-1"):
        run("--only", "dropout-0", "flips-0.3")
    assert [row["variant"] for row in rows()] == [BASE, "flips-0.3"]


def test_without_a_finished_base_there_is_no_table() -> None:
    run("--only", "flips-0.3")
    Path("out/base-1/recipe.json").unlink()
    with pytest.raises(SourceError, match="out: expected finished trainings, found none"):
        run("--table")


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("dropout", 0.3, r"flips-0.3-1: .* --flips 0.3, found dropout 0.3 instead of 0.2: remove"),
        ("flips", 0.0, r"flips-0.3-1: .* found flips 0.0 instead of 0.3"),
        ("rate", 1e-3, r"flips-0.3-1: .* found rate 0.001 instead of 0.004"),
    ],
)
def test_what_was_trained_by_another_recipe_is_refused_before_anything_is_trained(
    key: str, value: float, match: str
) -> None:
    run("--only", "flips-0.3")
    path = Path("out/flips-0.3-1/recipe.json")
    content = json.loads(path.read_text())
    content["recipe"][key] = value
    path.write_text(json.dumps(content))
    with pytest.raises(SourceError, match=match):
        run("--only", "flips-0.3", "smoothing-0")
    assert "smoothing-0-0" not in order()


def test_a_quick_look_has_folders_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    ablation.main(["--out", "out", "--quick", "--list", "--only", "epochs-20"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[3] == (
        "python -m pretender --folds 2 --fold 1 --seed 1 --epochs 2 --samples 4000 "
        "--limit 2000 --run out/quick/epochs-20-1"
    )
    assert not Path("out").exists()


def test_a_quick_table_says_so() -> None:
    ablation.main(["--out", "out", "--quick", "--only", "flips-0.3"])
    page = Path("out/quick/ablation.md").read_text(encoding="utf-8")
    assert page.startswith("# What the recipe's ingredients bring, a quick look\n")


def test_wrong_words_are_refused() -> None:
    with pytest.raises(UsageError, match=r"--only: expected some of base, .*, found flip"):
        run("--only", "flip")
    with pytest.raises(UsageError, match="--repeats: expected 1 or more, found 0"):
        run("--repeats", "0")


def test_the_teacher_is_left_out_with_a_line_where_none_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert [each.name for each in ablation.plan((), None)] == NAMES
    assert "left out teacher: it needs --teacher RUN" in caplog.text
    with pytest.raises(UsageError, match="--only teacher: expected --teacher RUN beside it"):
        ablation.plan(("teacher",), None)


@pytest.mark.parametrize(
    ("folds", "seen"), [((0, 1), False), ((0, 0), True), ((1, 0), True)], ids=str
)
def test_a_teacher_that_saw_what_is_watched_is_called_so(
    folds: tuple[int, int], seen: bool
) -> None:
    for number, fold in enumerate(folds):
        Path(f"big-{number}").mkdir()
        recipe = {"recipe": {"folds": 2, "fold": fold}}
        Path(f"big-{number}/recipe.json").write_text(json.dumps(recipe))
    base, teacher = run("--only", "teacher", "--teacher", "big-{fold}")
    assert (base["variant"], teacher["variant"]) == (BASE, "teacher")
    assert ("which saw what is watched" in teacher["change"]) == seen
    recipe = json.loads(Path("out/teacher-1/recipe.json").read_text())["recipe"]
    assert recipe["teachers"] == "big-1"


def test_a_teacher_that_is_no_run_is_named() -> None:
    with pytest.raises(SourceError, match=r"nobody/recipe.json: expected a run's recipe"):
        ablation.plan(("teacher",), "nobody")


@pytest.mark.parametrize("variant", [*VARIANTS, *taught("runs/a", False)], ids=lambda v: v.name)
@pytest.mark.parametrize("quick", [False, True])
def test_the_flags_of_a_variant_are_those_of_the_classifier(variant: Variant, quick: bool) -> None:
    fields = recipe_fields(CLASSIFIER)
    own = flags(variant, 1, quick)
    for flag, value in own.items():
        fields[flag](value)
    assert (own["--folds"], own["--fold"], own["--seed"]) == ("2", "1", "1")


def test_each_variant_is_another_one_and_the_base_comes_first() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert len({json.dumps(flags(each, 0)) for each in VARIANTS}) == len(VARIANTS)
    assert len({each.change for each in VARIANTS}) == len(VARIANTS)
    assert NAMES[0] == BASE


def watched(right: list[int], nll: list[float] | None = None, run: int = 0) -> Watched:
    names = tuple(f"{number}.ppm" for number in range(len(right)))
    surprise = np.array(nll or [0.0] * len(right))
    shares = np.array(right, float)
    return Watched(shares, surprise, 1 - shares, np.full(len(right), run), names)


ALONE = {f"{number}.ppm": str(number) for number in range(20)}
ABOUT = ("name", "change", ("python -m a", "python -m b"))


def test_identical_answers_show_no_difference() -> None:
    same = watched([1, 0, 1, 0], [0.1, 2, 0.1, 3])
    found = compare(ABOUT, same, same, ALONE)
    assert (found.clean.wrong, found.watched, found.signs) == (2, 4, 4)
    assert found.top1(found.clean) == 0.5
    assert (found.clean.difference, found.clean.interval, found.differences) == (0, (0, 0), (0,))
    assert (found.nll, found.nll_difference, found.nll_interval) == (1.3, 0, (0, 0))
    assert found.clean.verdict == "no difference shown"


@pytest.mark.parametrize(
    ("base", "variant", "difference", "verdict"),
    [
        ([0, 0, 0, 0], [1, 1, 1, 1], 1, "helps"),
        ([1, 1, 1, 1], [0, 0, 0, 0], -1, "hurts"),
        ([0, 1, 1, 1], [1, 0, 1, 1], 0, "no difference shown"),
    ],
)
def test_the_verdict_is_which_side_of_zero_the_interval_lies_on(
    base: list[int], variant: list[int], difference: float, verdict: str
) -> None:
    found = compare(ABOUT, watched(base), watched(variant), ALONE)
    assert (found.clean.difference, found.clean.verdict) == (difference, verdict)
    opposite = {"helps": "hurts", "hurts": "helps"}  # see `watched`
    assert found.corrupted.difference == -difference
    assert found.corrupted.verdict == opposite.get(verdict, verdict)


def test_the_frames_of_one_sign_are_drawn_together() -> None:
    """Gained in all frames of one of two signs: as likely as not that no draw holds it."""
    base, variant = watched([0] * 20), watched([1] * 10 + [0] * 10)
    tracks = {name: str(int(name.split(".")[0]) // 10) for name in base.names}
    found = compare(ABOUT, base, variant, tracks)
    assert (found.signs, found.clean.difference, found.clean.interval) == (2, 0.5, (0, 1))
    assert compare(ABOUT, base, variant, ALONE).clean.verdict == "helps"


@pytest.mark.parametrize("other", [watched([1, 1, 1]), watched([1, 1], run=1)])
def test_answers_for_other_pictures_are_refused(other: Watched) -> None:
    with pytest.raises(SourceError, match="name: expected the 2 pictures that the base was"):
        compare(ABOUT, watched([1, 0]), other, ALONE)


def test_a_picture_that_the_data_set_does_not_have_is_refused() -> None:
    with pytest.raises(SourceError, match=r"data set .* such as b.ppm, found 0.ppm"):
        compare(ABOUT, watched([1]), watched([1]), {"b.ppm": "b"})


def row(name: str, clean: Gain, corrupted: Gain | None = None) -> Compared:
    return Compared(
        *(name, f"no {name}", (f"python -m {name}", "python -m again"), 1000, 50),
        *(clean, corrupted or Gain(100, 0.0, (-0.001, 0.001))),
        *((clean.difference, clean.difference), 0.01, 0.001, (-0.002, 0.004)),
    )


TABLE = [
    row(BASE, Gain(10, 0.0, (0.0, 0.0))),
    row("noise", Gain(30, -0.02, (-0.03, -0.01))),
    row("rain", Gain(5, 0.005, (0.001, 0.02)), Gain(120, -0.02, (-0.03, -0.01))),
    row("snow", Gain(10, 0.00001, (-0.001, 0.001)), Gain(120, -0.02, (-0.03, -0.01))),
]


def test_the_table_is_for_people() -> None:
    lines = text(TABLE).splitlines()
    words = [line.split() for line in lines]
    nothing = ["–", "–"]
    assert words[2] == [
        *("base", "no", "base", "10", "99.00", *nothing, "0.0100", "–", "90.00", *nothing, "–"),
    ]
    assert words[3] == [
        *("noise", "no", "noise", "30", "97.00", "-2.00", "-3.00", "…", "-1.00"),
        *("0.0100", "-0.0020", "…", "+0.0040", "90.00", "0.00", "-0.10", "…", "+0.10", "hurts"),
    ]
    assert words[4][-8:] == [
        "88.00",
        "-2.00",
        "-3.00",
        "…",
        "-1.00",
        "helps;",
        "corrupted,",
        "hurts",
    ]
    assert words[5][4:9] == ["99.00", "0.00", "-0.10", "…", "+0.10"]
    assert lines[5].endswith("  corrupted, hurts")
    assert lines[6].startswith("wrong: of 1000 answers for pictures of 50 signs")
    assert "of 3 changes that do nothing, about 0.2 would" in lines[-1]


def test_the_page_holds_the_commands() -> None:
    page = markdown("signs", TABLE, ("a.png", "b.png"))
    assert page.startswith("# signs\n")
    assert "\n![](a.png)\n\n![](b.png)\n" in page
    assert page.count("\n| ") == 6
    assert "noise, changed: no noise\n```\npython -m noise\npython -m again\n```" in page


def test_the_file_for_programs_judges_no_base() -> None:
    base, noise, *_ = csv.DictReader(csv_table(TABLE).splitlines())
    assert (base["verdict"], noise["verdict"]) == ("", "hurts")
    assert (noise["nll_low"], noise["commands"]) == (
        "-0.002000",
        "python -m noise; python -m again",
    )


@pytest.mark.parametrize("corrupted", [False, True])
def test_in_the_picture_what_hurts_is_red_and_left_of_what_helps(corrupted: bool) -> None:
    table = [each._replace(clean=TABLE[0].clean, corrupted=each.clean) for each in TABLE]
    Path("chart.png").write_bytes(chart("signs", table if corrupted else TABLE, corrupted))
    pixels = np.asarray(Image.open("chart.png"))
    red, green = (
        np.flatnonzero((pixels == colour).all(axis=2).any(axis=0))
        for colour in ((201, 42, 42), (43, 138, 62))
    )
    assert red.max() < green.min() + 2
    assert len(red) > len(green) > 0


def test_the_base_alone_is_a_table_too() -> None:
    (base,) = run("--only", BASE)
    assert base["wrong"] == "2"
    assert Image.open("out/ablation.png").format == "PNG"


def test_foreign_and_background_are_no_answer_to_which_sign() -> None:
    run("--only", BASE)
    for number in (0, 1):
        path = Path(f"out/base-{number}/watched.npz")
        with np.load(path) as file:
            content = dict(file)
        content["logits"][:, COUNT:] = 9
        np.savez(path, **content)
    (base,) = run("--only", BASE, "--table")
    assert base["wrong"] == "2"


def test_importing_it_loads_no_framework() -> None:
    code = (
        "import sys, training.ablation; "
        "print({'keras', 'tensorflow', 'torch', 'sklearn', 'matplotlib'} & set(sys.modules))"
    )
    root = Path(ablation.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout == "set()\n"
