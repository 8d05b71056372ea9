"""Changes one thing of the shipped recipe at a time and shows which ones help.

    python -m training.ablation --out runs/ablation
    python -m training.ablation --out runs/ablation --only smoothing-0 flips-0.3 --repeats 3

Each variant is trained, in a short form of the recipe, on both of two folds by track of train and
choose, so that every picture is watched by a net that never saw its sign. Each training is a
command of its own (`training.classifier`) with its folder below --out. A finished one is not
trained again, an unfinished one is continued. Then each net is asked about the same pictures
corrupted (`training.judge`), which is what most of the augmentation is for. The table is printed,
and written as ablation.md and ablation.csv, with ablation.png and ablation-corrupted.png.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from models.errors import UsageError, run_command
from training.comparison import Compared, Watched, compare, read_recipe, read_watched, refuse_other
from training.comparison_sheet import chart, csv_table, markdown, text
from training.rungs import CLASSIFIER
from training.series import (
    Findings,
    Job,
    TrainingsError,
    command_parser,
    conduct,
    finished,
    folder,
    line,
    refuse_unknown,
    tracks,
)
from training.variants import BASE, FOLDS, TAUGHT, VARIANTS, Variant, flags, fold, in_fold, taught
from training.watched import CORRUPTED_FILE, WATCHED

log = logging.getLogger(__name__)

JUDGE = "training.judge"
PICTURES = ("ablation.png", "ablation-corrupted.png")


def plan(names: Sequence[str], teacher: str | None) -> list[Variant]:
    """The base and the variants that `names` picks, all where it picks none.

    UsageError for a name that is none, and for one that imitates a teacher where there is none;
    picking none leaves those out with a warning.
    """
    refuse_unknown(names, [*(variant.name for variant in VARIANTS), *TAUGHT])
    found = [each for each in VARIANTS if not names or each.name in (BASE, *names)]
    wanted = [name for name in TAUGHT if not names or name in names]
    if not teacher:
        if wanted and names:
            raise UsageError(f"--only {wanted[0]}: expected --teacher RUN beside it")
        for name in wanted:
            log.warning("left out %s: it needs --teacher RUN", name)
    elif wanted:
        found += [each for each in taught(teacher, _seen(teacher)) if each.name in wanted]
    return found


def _seen(teacher: str) -> bool:
    """Whether a teacher was trained on signs that its student is watched on, or may have been."""
    for seed in range(FOLDS):
        for run in in_fold(teacher, seed).split(","):
            recipe = read_recipe(Path(run))
            if (recipe.get("folds"), recipe.get("fold")) != (FOLDS, fold(seed)):
                return True
    return False


class Series(NamedTuple):
    """Which variants are trained where, how often and how long."""

    variants: Sequence[Variant]
    out: Path
    repeats: int = 1
    quick: bool = False

    def jobs(self, variant: Variant) -> list[Job]:
        """The trainings of a variant: one a fold, and again with other seeds for a repeat."""
        found = []
        for seed in range(FOLDS * self.repeats):
            run = self.out / f"{variant.name}-{seed}"
            words = [word for pair in flags(variant, seed, self.quick).items() for word in pair]
            idea = f"{variant.name}, changed: {variant.change}; fold {fold(seed)}, seed {seed}"
            found.append(Job(idea, ("-m", CLASSIFIER, *words, "--run", str(run)), run))
        return found

    def ordered(self) -> list[Job]:
        """All variants once before any is repeated: the table is whole as early as it can be."""
        each = [self.jobs(variant) for variant in self.variants]
        rounds = range(0, FOLDS * self.repeats, FOLDS)
        return [job for start in rounds for own in each for job in own[start : start + FOLDS]]

    def done(self) -> list[Variant]:
        """The variants whose trainings are all finished, the base first; none before the base is.

        SourceError where one of them is not today's recipe with that one thing changed.
        """
        runs = {each.name: [job.run for job in self.jobs(each)] for each in self.variants}
        found = [each for each in self.variants if all(map(finished, runs[each.name]))]
        if not found or found[0].name != BASE:
            return []
        for each in found:
            for seed, run in enumerate(runs[each.name]):
                refuse_other(run, flags(each, seed, self.quick))
        return found


def ask_corrupted(runs: Sequence[Path]) -> list[str]:
    """Ask each net that was not asked yet about its pictures, corrupted; the runs that could not
    be."""
    missing = [run for run in runs if not _asked(run)]
    if missing:
        words = ("-m", JUDGE, *map(str, missing), "--part", WATCHED, "--corrupted")
        subprocess.run([sys.executable, *words], check=False)
    return [run.name for run in missing if not _asked(run)]


def _asked(run: Path) -> bool:
    return (run / CORRUPTED_FILE).exists()


def comparisons(series: Series) -> list[Compared]:
    """A row for each variant that is done and was asked, the base first; empty without the base."""
    done = [v for v in series.done() if all(_asked(job.run) for job in series.jobs(v))]
    if not done or done[0].name != BASE:
        return []
    found: list[Compared] = []
    groups = tracks("gtsrb")
    base: Watched | None = None
    for variant in done:
        own = series.jobs(variant)
        watched = read_watched([job.run for job in own])
        base = base or watched
        about = (variant.name, variant.change, tuple(line(job.words) for job in own))
        found.append(compare(about, base, watched, groups))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing, then show the table; TrainingsError where a training failed."""
    parser = command_parser("ablation", __doc__, "variant")
    parser.add_argument("--repeats", type=int, default=1, help="how often, with other seeds")
    parser.add_argument(
        "--teacher",
        metavar="RUN",
        help="a run to imitate; {fold} in it stands for the fold that it did not see",
    )
    chosen = parser.parse(arguments)
    if chosen.repeats < 1:
        raise UsageError(f"--repeats: expected 1 or more, found {chosen.repeats}")
    variants = plan(chosen.only, chosen.teacher)
    series = Series(variants, folder(chosen), chosen.repeats, chosen.quick)

    unasked: list[str] = []

    def show() -> Findings | None:
        done = [job.run for variant in series.done() for job in series.jobs(variant)]
        unasked.extend(ask_corrupted(done))
        table = comparisons(series)
        if not table:
            return None
        title = "What the recipe's ingredients bring" + ", a quick look" * chosen.quick
        files = {
            "ablation.md": markdown(title, table, PICTURES).encode(),
            "ablation.csv": csv_table(table).encode(),
            PICTURES[0]: chart(title, table),
            PICTURES[1]: chart(f"{title}: corrupted pictures", table, corrupted=True),
        }
        return Findings(text(table), files)

    if not chosen.list:
        series.done()  # refuse what other recipes trained before hours are spent beside it
    conduct(chosen, "training", series.ordered(), show)
    if unasked:
        names = ", ".join(unasked)
        raise TrainingsError(f"expected answers about corrupted pictures, found none of {names}")


if __name__ == "__main__":
    run_command(main)
