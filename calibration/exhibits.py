"""What a gallery shows: signs that were missed, and answers where there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from calibration import metrics
from calibration.finding import look as detector_look
from calibration.matching import IOU
from calibration.metrics import UNMATCHED, Bools, Floats
from calibration.places import within
from calibration.seen import Seen
from calibration.system import look as system_look
from edge.core import UNKNOWN, Image
from models.imaging import crop
from models.signs import COUNT, sign_class

SIDE = 240  # px of a crop on the page
CONTEXT = 1.5  # sign sizes on each side of it
LEAST = 24.0  # px: what is smaller is shown with as much around it as if it were this large
NEAR = 0.1  # IoU from which on an answer is said to be about a sign
GREEN, RED, AMBER = (60, 170, 60), (50, 50, 215), (20, 150, 235)  # BGR
QUALITY = 88  # of the JPEG


class Exhibit(NamedTuple):
    """One thing to look at: where, how much it weighs among its kind, and what to say of it."""

    seen: Seen
    box: Floats  # (4,)
    weight: float
    title: str
    words: tuple[str, ...]


def missed_by_detector(seen: Seen, operating: Bools) -> Iterator[Exhibit]:
    """Signs that no answer of the app finds; the larger, the worse."""
    found = metrics.match(metrics.ious(seen.boxes, seen.signs), IOU)
    for index in _left(len(seen.signs), found[operating]):
        yield _miss(seen, index, _best_near(seen, seen.signs[index]))


def false_of_detector(seen: Seen, operating: Bools) -> Iterator[Exhibit]:
    """Answers of the app that find no sign; the surer, the worse."""
    found = metrics.match(detector_look(seen, operating.astype(float)).overlap, IOU)
    for index in np.flatnonzero((found == UNMATCHED) & operating).tolist():
        words = (_size(seen.boxes[index]), _where(seen, index))
        title = f"score {seen.scores[index]:.3f}"
        yield Exhibit(seen, seen.boxes[index], float(seen.scores[index]), title, words)


def missed_by_system(seen: Seen, operating: Bools) -> Iterator[Exhibit]:
    """Signs of the 43 that no answer of the app names rightly."""
    named = seen.said != UNKNOWN
    places = np.flatnonzero(seen.labels != UNKNOWN)
    found = metrics.match(system_look(seen, operating.astype(float)).given, IOU)
    for index in _left(len(places), found[operating[named]]):
        place = int(places[index])
        yield _miss(seen, place, _best_near(seen, seen.signs[place], read=True))


def false_of_system(seen: Seen, operating: Bools) -> Iterator[Exhibit]:
    """Answers of the app that name a sign where it is not."""
    named = np.flatnonzero(seen.said != UNKNOWN)
    its = system_look(seen, operating.astype(float))
    found = metrics.match(its.given, IOU)
    for place in np.flatnonzero((found == UNMATCHED) & operating[named] & ~its.excused):
        index = int(named[place])
        title = f"{_name(seen.said[index])}, {seen.scores[index]:.3f}"
        words = (_size(seen.boxes[index]), f"detector {seen.detected[index]:.3f}")
        yield Exhibit(
            seen,
            seen.boxes[index],
            float(seen.scores[index]),
            title,
            (*words, _where(seen, index)),
        )


def unknown_of_system(seen: Seen, operating: Bools) -> Iterator[Exhibit]:
    """What the app shows as unknown where neither the set nor a person has marked a sign."""
    on_sign = (metrics.ious(seen.boxes, seen.signs) >= IOU).any(axis=1)
    marked = on_sign | within(seen.boxes, seen.hand_marked.boxes)
    for index in np.flatnonzero((seen.said == UNKNOWN) & operating & ~marked):
        words = (_size(seen.boxes[index]), f"detector {seen.detected[index]:.3f}")
        title = f"unknown, {seen.scores[index]:.3f}"
        yield Exhibit(seen, seen.boxes[index], float(seen.scores[index]), title, words)


def picture(exhibit: Exhibit, image: Image) -> bytes:
    """The place and its surroundings as a JPEG: signs green, the answer red, hand-marked amber."""
    x1, y1, x2, y2 = exhibit.box
    side = max(x2 - x1, y2 - y1, LEAST)
    middle = (x1 + x2) / 2, (y1 + y2) / 2
    square = (*(m - side / 2 for m in middle), *(m + side / 2 for m in middle))
    shown = np.ascontiguousarray(crop(image, square, SIDE, CONTEXT)[:, :, ::-1])
    scale = SIDE / (side * (1 + 2 * CONTEXT))
    corner = np.array([m - side * (0.5 + CONTEXT) for m in middle])

    def frame(box: Floats, colour: tuple[int, int, int], thickness: int) -> None:
        corners = (box.reshape(2, 2) - corner) * scale
        first, second = (tuple(int(v) for v in np.round(each)) for each in corners)
        cv2.rectangle(shown, first, second, colour, thickness, cv2.LINE_AA)

    for boxes, colour in ((exhibit.seen.hand_marked.boxes, AMBER), (exhibit.seen.signs, GREEN)):
        for box in boxes:
            frame(box, colour, 1)
    if not (exhibit.seen.signs == exhibit.box).all(axis=1).any():
        frame(exhibit.box, RED, 2)
    else:
        frame(exhibit.box, GREEN, 2)
    done, data = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done
    return bytes(data)


def _left(count: int, found: metrics.Ints) -> list[int]:
    return sorted(set(range(count)) - set(found.tolist()))


def _miss(seen: Seen, index: int, nearest: str) -> Exhibit:
    box = seen.signs[index]
    height = float(box[3] - box[1])
    return Exhibit(seen, box, height, _name(seen.labels[index]), (_size(box), nearest))


def _best_near(seen: Seen, sign: Floats, read: bool = False) -> str:
    """What the likeliest answer near a sign says."""
    overlap = metrics.ious(seen.boxes, sign[None])[:, 0]
    near = np.flatnonzero(overlap >= NEAR)
    if not len(near):
        return "no box here"
    best = int(near[seen.scores[near].argmax()])
    words = f"score {seen.scores[best]:.3f}, IoU {overlap[best]:.2f}"
    return f"read as {_name(seen.said[best])}: {words}" if read else f"best box: {words}"


def _where(seen: Seen, index: int) -> str:
    """Whether a false alarm lies on what only a person has marked, or beside a sign."""
    box = seen.boxes[index : index + 1]
    marked = seen.hand_marked
    if within(box, marked.boxes[marked.foreign]).any():
        return "on a foreign sign"
    if within(box, marked.boxes[~marked.foreign]).any():
        return "on an unmarked or unclear sign"
    best = metrics.ious(box, seen.signs).max(initial=0.0)
    if best >= IOU:
        return "a second box on a sign"
    return f"IoU {best:.2f} with a sign" if best >= NEAR else ""


def _name(label: int) -> str:
    """A detector's set may have classes of its own."""
    return sign_class(int(label)).name if label < COUNT else f"class {label}"


def _size(box: Floats) -> str:
    return f"{box[2] - box[0]:.0f}×{box[3] - box[1]:.0f} px"


def worst(exhibits: Sequence[Exhibit], count: int) -> list[Exhibit]:
    """The weightiest, at most so many."""
    return sorted(exhibits, key=lambda each: -each.weight)[:count]
