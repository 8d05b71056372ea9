"""A small picture of each sign: cut out while its frame is at hand, kept until it is asked for."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple, cast

import cv2

from edge.core import Box, Event, Image, Scene, Track
from models.imaging import Patch, patch

SIDE = 128  # pixels, square
MARGIN = 0.2  # of the sign's longer side, around it
QUALITY = 85
KEPT_TRACKS = 64
KEPT_CROPS = 6  # of a track: the decision picks its best one by more than can be known here


class _Crop(NamedTuple):
    frame: int
    box: Box
    rank: tuple[bool, float]
    patch: Patch  # a copy of what the picture is made of


class Thumbnails:
    """Remembers the largest, surest crops of every track of late.

    Work and memory are bounded: a few crops of a few tracks, each a copy, never a whole frame. Of
    most of them nobody ever asks, so that a small sign is enlarged only when it is asked for.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int], list[_Crop]] = OrderedDict()  # segment, track

    def see(self, scene: Scene) -> None:
        """Take what is worth keeping of one scene."""
        rows, columns = scene.frame.image.shape[:2]
        for track in scene.tracks:
            if track.detection is None or track.state == "dropped":
                continue
            crops = self._kept.setdefault((scene.frame.segment, track.id), [])
            self._kept.move_to_end((scene.frame.segment, track.id))
            rank = _rank(track, columns, rows)
            if len(crops) == KEPT_CROPS:
                worst = min(crops, key=lambda kept: kept.rank)
                if rank <= worst.rank:
                    continue
                crops.remove(worst)
            box = track.detection.box
            crops.append(_Crop(scene.frame.index, box, rank, _kept(scene.frame.image, box)))
        while len(self._kept) > KEPT_TRACKS:
            self._kept.popitem(last=False)

    def jpeg(self, event: Event) -> bytes | None:
        """The crop of the frame that the event names, or the nearest that was kept, as JPEG.

        A sign that was lost and found again may have been seen best on another track than its own.
        None where its track was never seen. After its `end` a track is forgotten.
        """
        best = self._exactly(event)
        key = event.segment, event.track
        crops = self._kept.pop(key, None) if event.kind == "end" else self._kept.get(key)
        if best is None and crops:
            best = min(crops, key=lambda kept: abs(kept.frame - event.box_frame))
        if best is None:
            return None
        picture = cv2.cvtColor(best.patch.crop(SIDE), cv2.COLOR_RGB2BGR)
        return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()

    def _exactly(self, event: Event) -> _Crop | None:
        lots = [crops for (segment, _), crops in self._kept.items() if segment == event.segment]
        where = event.box_frame, event.box
        return next((kept for lot in lots for kept in lot if (kept.frame, kept.box) == where), None)


def _kept(image: Image, box: Box) -> Patch:
    """What the picture of a box is made of, copied: no more than SIDE pixels across."""
    found = patch(image, box, SIDE, MARGIN)
    if found.side <= SIDE:
        return found._replace(image=found.image.copy())
    made = cv2.cvtColor(found.crop(SIDE), cv2.COLOR_RGB2BGR)
    return Patch(cast(Image, made), 0.0, 0.0, SIDE)


def _rank(track: Track, columns: int, rows: int) -> tuple[bool, float]:
    """Whole before cut off by the picture's edge, then size times score."""
    if track.detection is None:
        return (False, 0.0)
    (x1, y1, x2, y2), score = track.detection
    whole = x1 > 0 and y1 > 0 and x2 < columns and y2 < rows
    return whole, (x2 - x1) * (y2 - y1) * score
