"""The command lines' shared parser: every mistake is one line with the nearest known flag."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from models import __version__
from models.errors import UsageError


class StrictParser(argparse.ArgumentParser):
    """`argparse`, whose errors are UsageErrors. Flags are never guessed from their beginnings."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **settings
        )

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


class Once(argparse.Action):
    """A flag of which argparse would drop all but the last without a word."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        if getattr(namespace, self.dest, None) is not None:
            parser.error(f"{option_string}: expected once, found twice")
        setattr(namespace, self.dest, values)


class CommandParser(StrictParser):
    """The flags of one `python -m` command. Its subcommands, if any, are StrictParsers."""

    def __init__(self, module: str, description: str | None) -> None:
        super().__init__(prog=f"python -m {module}", description=description)
        version = f"traffic-sign-edge {__version__}"
        self.add_argument("--version", action="version", version=version)

    def parse(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """The flags. An unknown one is named with the known one most like it, and before one that
        is missing: it is often the same, mistyped."""
        parsers = list(_with_subcommands(self))
        try:
            values, unknown = self.parse_known_args(arguments)
        except UsageError:
            with _nothing_required(parsers):
                values, unknown = self.parse_known_args(arguments)
            if not unknown:
                raise
        if unknown:
            flag = unknown[0].partition("=")[0]
            known = {name for parser in parsers for name in parser._option_string_actions}
            hint = nearest(flag, sorted(known - {flag}))
            raise UsageError(f"unknown argument {flag}{hint or '; --help lists all'}")
        return values


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean "…"?` for the known word that is most like this one, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f'; did you mean "{close[0]}"?' if close else ""


def _with_subcommands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


@contextmanager
def _nothing_required(parsers: Iterable[argparse.ArgumentParser]) -> Iterator[None]:
    """Within it no argument is missed: argparse would stop there and not tell what is unknown."""
    needed = [action for parser in parsers for action in parser._actions if action.required]
    for action in needed:
        action.required = False
    try:
        yield
    finally:
        for action in needed:
            action.required = True
