"""Where a plate goes: beside its box, inside the picture, and off everything else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

NEAR = 10  # slots that touch the box; the ones after them stand off
STACKED = 3  # how many plate heights above and below a box are tried as slots of their own

# Covering a plate hides an answer, covering a sign hides the question; for each pixel.
COVERS_PLATE = 10.0
COVERS_SIGN = 1.0


class Rectangle(NamedTuple):
    """Whole pixels; x2 and y2 are exclusive."""

    x1: int
    y1: int
    x2: int
    y2: int

    def shared(self, others: Iterable[Rectangle]) -> int:
        """The pixels it shares with each of the others, summed up."""
        total = 0
        for other in others:
            width = min(self.x2, other.x2) - max(self.x1, other.x1)
            if width > 0:
                total += width * max(0, min(self.y2, other.y2) - max(self.y1, other.y1))
        return total


class Room(NamedTuple):
    """What there is to place a plate in: the picture, the plates placed so far, all signs."""

    within: Rectangle
    plates: Sequence[Rectangle]
    signs: Sequence[Rectangle]


class Place(NamedTuple):
    """A plate's rectangle, and the number of the slot beside the box that it is."""

    rectangle: Rectangle
    slot: int


def place(box: Rectangle, size: tuple[int, int], room: Room, last: int | None = None) -> Place:
    """The best place for a plate of that size beside `box`, always inside `room.within`.

    Plates are never covered where any place in the picture is free, signs only if no slot is free
    of them. `last` is the slot of the frame before: a plate stays where it is while that is good,
    so that it does not jump about. The plate must fit into `room.within`.
    """
    slots = _slots(box, size, room.signs)
    order = list(range(len(slots)))
    if last is not None and last < NEAR:
        order.insert(0, last)
    best, least, hidden = Place(box, 0), float("inf"), 0
    for slot in order:
        rectangle = _moved_inside(slots[slot], size, room.within)
        covered = rectangle.shared(room.plates)
        cost = covered * COVERS_PLATE + rectangle.shared(room.signs) * COVERS_SIGN
        if cost == 0:
            return Place(rectangle, slot)
        if cost < least:
            best, least, hidden = Place(rectangle, slot), cost, covered
    free = _nearest_free(best.rectangle, room) if hidden else None
    return best if free is None else Place(free, best.slot)


def _slots(
    box: Rectangle, size: tuple[int, int], signs: Sequence[Rectangle]
) -> list[tuple[int, int]]:
    """Top left corners of the slots beside the box, best liked first."""
    width, height = size
    x1, y1, x2, y2 = box
    middle = (y1 + y2 - height) // 2
    # Signs hang on one post: beside the box means beside its wider neighbours above and below too.
    post = [box] + [
        sign
        for sign in signs
        if min(sign.x2, x2) > max(sign.x1, x1)
        and min(sign.y2, y2 + height) > max(sign.y1, y1 - height)
    ]
    left, right = min(sign.x1 for sign in post) - width, max(sign.x2 for sign in post)
    slots = [
        (x1, y1 - height),  # above
        (x2 - width, y1 - height),
        (x1, y2),  # below
        (x2 - width, y2),
        (right, middle),
        (left, middle),
        (right, y1),
        (left, y1),
        (right, y2 - height),
        (left, y2 - height),
    ]
    for step in range(1, STACKED + 1):
        slots += [(x1, y1 - height - step * height), (x1, y2 + step * height)]
    return slots


def _moved_inside(corner: tuple[int, int], size: tuple[int, int], within: Rectangle) -> Rectangle:
    x = max(within.x1, min(corner[0], within.x2 - size[0]))
    y = max(within.y1, min(corner[1], within.y2 - size[1]))
    return Rectangle(x, y, x + size[0], y + size[1])


def _nearest_free(wanted: Rectangle, room: Room) -> Rectangle | None:
    """The rectangle of that size nearest to the wanted one that covers no plate, if there is one.

    It is enough to try those that touch a plate or the border on two sides: any free place can be
    pushed up and left until it does.
    """
    within, plates = room.within, np.array(room.plates, np.int64).reshape(-1, 4)
    width, height = wanted.x2 - wanted.x1, wanted.y2 - wanted.y1
    x1, y1, x2, y2 = plates.T
    xs = np.unique([within.x1, within.x2 - width, wanted.x1, *x2, *(x1 - width)])
    ys = np.unique([within.y1, within.y2 - height, wanted.y1, *y2, *(y1 - height)])
    xs = xs[(within.x1 <= xs) & (xs <= within.x2 - width)]
    ys = ys[(within.y1 <= ys) & (ys <= within.y2 - height)]
    beside = (xs[:, None] + width <= x1) | (xs[:, None] >= x2)  # (corners, plates)
    apart = (ys[:, None] + height <= y1) | (ys[:, None] >= y2)
    taken = (~beside).astype(np.float32) @ (~apart).astype(np.float32).T  # plates hit, (xs, ys)
    far = abs(xs - wanted.x1)[:, None] + abs(ys - wanted.y1)[None]
    far = np.where(taken > 0, np.inf, far)
    column, row = np.unravel_index(far.argmin(), far.shape)  # of equals the leftmost, then topmost
    if far[column, row] == np.inf:
        return None
    return _moved_inside((int(xs[column]), int(ys[row])), (width, height), within)
