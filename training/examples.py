"""What a data set is made of: pictures, the signs in them, and the set that reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import SourceError
from models.signs import COUNT
from training.files import Files

Layout = Literal["gtsrb", "gtsdb", "yolo", "folders"]


class Annotation(NamedTuple):
    """One sign in a picture.

    `box` is x1, y1, x2, y2 in pixels of the whole picture, x2 and y2 exclusive. `label` is the
    class id 0–42, -1 for a sign of unknown class, or the place in a set's own classes; any other
    number is a fault of the data set.
    """

    box: tuple[float, float, float, float]
    label: int


@dataclass(frozen=True, slots=True)
class Example:
    """One picture: its posix path inside the set, its signs, and the physical sign it follows.

    `annotations` is empty where the picture shows no sign. `track` is empty where the set has no
    tracks; in GTSRB it is `<class>/<track>`, the same for all pictures of one physical sign.
    `part` is train, choose or judge where the set's own folders say so, else empty.
    """

    name: str
    annotations: tuple[Annotation, ...] = ()
    track: str = ""
    part: str = ""


@dataclass(frozen=True)
class Dataset:
    """A data set that has been listed, with its pictures still on disk.

    `notes` are oddities that reading has mended, `problems` are those it could not: one line each.
    `classes` is empty for the 43 signs; a set of other things names its own, and a label is the
    place in it. Labels are below `labels`: more than 43 where a set of street pictures has a table
    of its own.
    """

    name: str
    layout: Layout
    files: Files
    examples: tuple[Example, ...]
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    labels: int = COUNT

    def only(self, wanted: Callable[[Example], bool]) -> Dataset:
        """The same set with only some of its examples."""
        return replace(self, examples=tuple(e for e in self.examples if wanted(e)))

    def read(self, example: Example) -> NDArray[np.uint8]:
        """The picture, BGR (H, W, 3); `SourceError` names the file that is none."""
        data = np.frombuffer(self.files.read(example.name), np.uint8)
        image = _decode(data)
        if image is None:
            raise SourceError(
                f"{self.files.path}: {example.name}: expected a picture, "
                f"found {data.size} bytes that are none"
            )
        return image

    def read_whole(self, example: Example) -> NDArray[np.uint8]:
        """The picture, BGR (H, W, 3); `SourceError` also for one whose file is cut off.

        Some versions of OpenCV would fill that up with grey. It takes twice as long as `read`.
        """
        self.files.verify(example.name)
        return self.read(example)


def _decode(data: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:
        return None
    return None if image is None else image.astype(np.uint8, copy=False)
