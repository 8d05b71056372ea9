"""The command lines' shared parser, and that every command uses it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from models.command import CommandParser, StrictParser
from models.errors import UsageError
from training import ablation, artwork, datasets, drive, icons, ladder, nations
from training.report.__main__ import main as report

ROOT = Path(__file__).parents[1]


def draw_parser() -> CommandParser:
    parser = CommandParser("pretended", "Pretends.")
    parser.add_argument("picture")
    parser.add_argument("--output", required=True)
    parser.add_argument("--size", type=int, default=9)
    return parser


def test_what_is_right_is_read() -> None:
    flags = draw_parser().parse(["a.png", "--output", "b.png"])

    assert (flags.picture, flags.output, flags.size) == ("a.png", "b.png", 9)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.png"], "the following arguments are required: --output"),
        ([], "the following arguments are required: picture, --output"),
        (
            ["a.png", "--outptu", "b.png"],
            'unknown argument --outptu; did you mean "--output"?',
        ),
        (["--outptu=b.png"], 'unknown argument --outptu; did you mean "--output"?'),
        (
            ["a.png", "--output", "b.png", "--xylophone"],
            "unknown argument --xylophone; --help lists all",
        ),
        (["a.png", "--out", "b.png"], 'unknown argument --out; did you mean "--output"?'),
        (["--size", "large"], "argument --size: invalid int value: 'large'"),
    ],
)
def test_a_mistake_is_named_and_an_unknown_flag_before_a_missing_one(
    words: list[str], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        draw_parser().parse(words)

    assert str(caught.value) == message


def test_what_is_required_stays_so_after_an_unknown_flag() -> None:
    parser = draw_parser()
    with pytest.raises(UsageError, match="unknown argument --outptu"):
        parser.parse(["--outptu"])

    with pytest.raises(UsageError, match="required: picture, --output"):
        parser.parse([])


def test_the_help_shows_what_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        draw_parser().parse(["--help"])

    assert "--output OUTPUT [--size SIZE] picture" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["draw"], "the following arguments are required: --colour"),
        (["draw", "--color", "red"], 'unknown argument --color; did you mean "--colour"?'),
        (["drow"], "argument COMMAND: invalid choice: 'drow'"),
    ],
)
def test_a_mistake_in_a_subcommand_is_named_alike(words: list[str], message: str) -> None:
    parser = CommandParser("pretended", "Pretends.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=StrictParser)
    commands.add_parser("draw").add_argument("--colour", required=True)

    with pytest.raises(UsageError) as caught:
        parser.parse(words)

    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("main", "words", "hint"),
    [
        (ablation.main, ["--repaets", "2"], "--repeats"),
        (artwork.main, ["--ouput", "sheet.png"], "--output"),
        (datasets.main, ["fetch", "gtsrb", "--tset"], "--test"),
        (drive.main, ["--sed=2"], "--seed"),
        (icons.main, ["--verson"], "--version"),
        (ladder.main, ["--lits"], "--list"),
        (nations.main, ["--ouput", "nations"], "--output"),
        (report, ["run", "--hepl"], "--help"),
    ],
)
def test_a_command_of_training_names_the_flag_that_was_meant(
    main: Callable[[list[str]], int | None], words: list[str], hint: str
) -> None:
    with pytest.raises(UsageError, match=f'unknown argument --.*; did you mean "{hint}"'):
        main(words)


def test_every_command_line_is_read_by_the_shared_parser() -> None:
    def made(path: Path) -> bool:
        calls = (n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call))
        return any(ast.unparse(call.func).endswith("ArgumentParser") for call in calls)

    files = (
        p
        for own in ("edge", "models", "training", "calibration")
        for p in ROOT.glob(f"{own}/**/*.py")
    )
    assert [path.name for path in files if made(path)] == []
