"""The pictures of a set, one after another; one that cannot be read does not end the walk."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from edge.core import UNKNOWN, Image
from edge.status import StatusLine
from models.errors import SourceError
from training.datasets import Annotation, Dataset, Example

NAMED = 5  # unreadable pictures in the warning; the JSON names them all

log = logging.getLogger(__name__)


class Walk:
    """The pictures of a set, one after another.

    One that cannot be read is left out and kept in `unreadable`; one warning at the end names
    them. If that is every one, SourceError. `status` shows how many are done. It can be walked
    again.
    """

    def __init__(
        self, dataset: Dataset, examples: Sequence[Example], status: StatusLine | None = None
    ) -> None:
        self.unreadable: list[str] = []
        self._dataset = dataset
        self._examples = examples
        self._status = status

    def __iter__(self) -> Iterator[tuple[Example, Image]]:
        first = ""
        self.unreadable.clear()
        for done, example in enumerate(self._examples, start=1):
            try:
                image = self._dataset.read(example)
            except SourceError as error:
                first = first or str(error)
                self.unreadable.append(example.name)
            else:
                yield example, image
            if self._status:
                self._status.update(done, "")
        left_out = len(self.unreadable)
        if left_out == len(self._examples):
            raise SourceError(f"none of the {left_out} pictures can be read, the first: {first}")
        if left_out:
            others = ", ".join(self.unreadable[1:NAMED])
            more = f"; then {others}{' …' if left_out > NAMED else ''}" if others else ""
            log.warning("left out %d unreadable pictures: %s%s", left_out, first, more)


def known(annotations: Sequence[Annotation]) -> list[Annotation]:
    """The annotations whose class is one of the 43."""
    return [each for each in annotations if each.label != UNKNOWN]
