"""Files that appear under their final name only once they are whole."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from models.errors import OutputError


class Part:
    """A temporary file beside its target, renamed on `commit`.

    Making one makes the folder too and proves that the place can be written to: OutputError names
    the target and the reason.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(target.name + ".part")
        made: list[Path] = []
        try:
            if target.is_dir():
                raise OutputError(f"{target}: expected a file to write, found a folder")
            made = make_folder(target.parent)
            self.path.open("wb").close()
        except OSError as error:  # also a name that is too long to ask about
            for folder in made:
                folder.rmdir()
            raise OutputError(f"{target}: cannot be written: {error.strerror}") from error

    def commit(self) -> None:
        """Give the file its name; whatever had it before is replaced. OutputError if that fails."""
        try:
            self.path.replace(self.target)
        except OSError as error:
            self.discard()
            raise OutputError(f"{self.target}: cannot be written: {error.strerror}") from error

    def discard(self) -> None:
        """Take the temporary file away."""
        with suppress(OSError):
            self.path.unlink()


def make_folder(folder: Path) -> list[Path]:
    """Make a folder and those above it; the ones that are new, innermost first."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot make this folder: {error.strerror}") from error
    return made
