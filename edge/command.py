"""The command lines' shared parser: every mistake is one line with the nearest known flag."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from edge import __version__
from edge.config import nearest
from models.errors import UsageError


class CommandParser(argparse.ArgumentParser):
    """`argparse`, whose errors are UsageErrors. Flags are never guessed from their beginnings."""

    def __init__(self, module: str, description: str | None) -> None:
        super().__init__(
            prog=f"python -m {module}",
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        version = f"traffic-sign-edge {__version__}"
        self.add_argument("--version", action="version", version=version)

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)

    def parse(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """The flags; an unknown one is named together with the known one most like it."""
        values, unknown = self.parse_known_args(arguments)
        if unknown:
            flag = unknown[0].partition("=")[0]
            hint = nearest(flag, (known for known in self._option_string_actions if known != flag))
            raise UsageError(f"unknown argument {unknown[0]}{hint or '; --help lists all'}")
        return values
