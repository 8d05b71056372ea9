"""Whole frame in, sign boxes out: letterbox, run, decode, non-maximum suppression."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import cv2
import numpy as np

from edge.core import Array, Box, Detection, Image, Runtime, Tensor
from edge.reshape import Size, fitting
from edge.runtime import LiteRtRuntime
from models.errors import ModelError
from models.imaging import letterbox
from models.spec import Spec, find_model, load_spec

log = logging.getLogger(__name__)

MAX_CANDIDATES = 1000  # before NMS: the best ones only, so that the work is bounded
MAX_DETECTIONS = 300  # COCO's evaluation looks at no more than 100, GTSDB has at most 6 a picture
MAX_OTHERS = 3  # inputs kept beside the model's own: a folder may hold pictures of many sizes


class Eye(NamedTuple):
    """The net for one input size: width, height, what runs it, and each stride's anchor centres."""

    width: int
    height: int
    runtime: Runtime
    grids: tuple[Array, ...]


class YoloDetector:
    """A one-class YOLO whose raw head is decoded here.

    `score` overrides the model's own threshold. `reshape` gives the same net for another input
    size, for frames that do not fit the model's own (`edge.reshape`); without it all are
    letterboxed into that one. Raises ModelError where the output tensors are not those of the
    spec's layout.
    """

    def __init__(
        self,
        spec: Spec,
        runtime: Runtime,
        score: float | None = None,
        reshape: Callable[[Size], Runtime] | None = None,
    ) -> None:
        self.spec = spec
        self.score = spec.thresholds["score"] if score is None else score
        self._iou = spec.thresholds["iou"]
        self._ramp = np.arange(spec.output.bins, dtype=np.float32)
        strides = spec.output.strides
        self._own = _eye((spec.input.width, spec.input.height), runtime, strides)
        self._other = (
            lru_cache(MAX_OTHERS)(lambda size: _eye(size, reshape(size), strides))
            if reshape
            else None
        )
        # A score needs no sigmoid to be refused: the threshold is moved to the logits instead.
        clipped = min(max(self.score, 1e-6), 1 - 1e-6)
        self._logit = float(np.log(clipped / (1 - clipped)))

    def detect(self, image: Image) -> list[Detection]:
        """Boxes above the score threshold, best first, in full-frame pixels; empty if none.

        ValueError for what is no picture as this one wants it: BGR, uint8, (H, W, 3).
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            found = f"{image.dtype} {image.shape}"
            raise ValueError(f"expected a picture of BGR, uint8 (H, W, 3), found {found}")
        eye = self._fitting(image)
        small, place = letterbox(image, eye.width, eye.height)
        boxes, scores = self._decode(eye, eye.runtime(small))
        if not len(scores):
            return []
        boxes = (boxes - np.array([place.left, place.top] * 2, np.float32)) / place.scale
        rows, columns = image.shape[:2]
        boxes = np.clip(boxes, 0, np.array([columns, rows] * 2, np.float32))
        # Some have no area; OpenCV would take one that is inside out for a cover of all others.
        real = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        boxes, scores = boxes[real], scores[real]
        return [
            Detection(Box(*(float(v) for v in boxes[i])), float(scores[i]))
            for i in suppress(boxes, scores, self._iou)
        ]

    def _fitting(self, image: Image) -> Eye:
        """The net in the shape of this frame; the model's own where it fits or cannot change."""
        own = self._own.width, self._own.height
        size = fitting((image.shape[1], image.shape[0]), own)
        if size == own or not self._other:
            return self._own
        try:
            return self._other(size)
        except ModelError as error:
            log.info("%s keeps its own input: %s", self.spec.name, error)
            self._other = None
            return self._own

    def _decode(self, eye: Eye, outputs: tuple[Tensor, ...]) -> tuple[Array, Array]:
        """Boxes (n, 4) in letterbox pixels and scores (n,) of all anchors above the threshold."""
        all_boxes, all_scores = [], []
        bins = self.spec.output.bins
        for stride, grid, (distances, logits) in zip(
            self.spec.output.strides, eye.grids, self._by_stride(eye, outputs), strict=True
        ):
            kept = logits.at_least(self._logit)
            if not len(kept):
                continue
            chosen = distances.real(distances.values.reshape(-1, 4, bins)[kept])  # (n, 4, bins)
            flat = logits.real(logits.values.reshape(-1)[kept])
            if bins == 1:
                sides = chosen[:, :, 0]  # (n, 4) left, top, right, bottom, in cells
            else:
                # The expectation over each side's distribution (DFL, arXiv:2006.04388).
                chosen = np.exp(chosen - chosen.max(axis=2, keepdims=True))
                sides = chosen @ self._ramp / chosen.sum(axis=2)
            centre = grid[kept]
            corners = np.concatenate([centre - sides[:, :2], centre + sides[:, 2:]], axis=1)
            all_boxes.append(corners * stride)
            all_scores.append(1 / (1 + np.exp(-flat)))
        if not all_boxes:
            return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
        boxes, scores = np.concatenate(all_boxes), np.concatenate(all_scores)
        if len(scores) > MAX_CANDIDATES:
            best = np.argpartition(scores, -MAX_CANDIDATES)[-MAX_CANDIDATES:]
            boxes, scores = boxes[best], scores[best]
        return boxes, scores

    def _by_stride(self, eye: Eye, outputs: tuple[Tensor, ...]) -> list[tuple[Tensor, Tensor]]:
        """(distances, logits) of each stride by their shapes; ModelError if not exactly those."""
        by_shape = {o.values.shape: o for o in outputs}
        found = []
        for stride in self.spec.output.strides:
            rows, columns = eye.height // stride, eye.width // stride
            shapes = (1, rows, columns, 4 * self.spec.output.bins), (1, rows, columns, 1)
            if not all(s in by_shape for s in shapes):
                raise ModelError(
                    f"{self.spec.file}: expected outputs {shapes[0]} and {shapes[1]} for stride "
                    f"{stride}, found {sorted(by_shape)}"
                )
            found.append((by_shape[shapes[0]], by_shape[shapes[1]]))
        if len(outputs) != 2 * len(found):
            raise ModelError(
                f"{self.spec.file}: expected two outputs for each of the strides "
                f"{self.spec.output.strides}, found {sorted(by_shape)}"
            )
        return found


def _eye(size: Size, runtime: Runtime, strides: Sequence[int]) -> Eye:
    return Eye(*size, runtime, tuple(_grid(size[0] // s, size[1] // s) for s in strides))


def _grid(columns: int, rows: int) -> Array:
    """Anchor centres in cells, (rows · columns, 2) x, y."""
    x, y = np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)


def suppress(boxes: Array, scores: Array, iou: float) -> list[int]:
    """Greedy non-maximum suppression: indices of the kept boxes (n, 4), best first."""
    corners = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxes(corners.tolist(), scores.tolist(), 0.0, iou)
    return [int(i) for i in np.asarray(kept).reshape(-1)[:MAX_DETECTIONS]]


def load_detector(name: str, threads: int, score: float | None = None) -> YoloDetector:
    """A published detector by name, or any by the path of its JSON. Raises ModelError."""
    path = find_model(name)
    spec = load_spec(path)
    if spec.task != "detect":
        raise ModelError(f"{path}: expected a detector, found a model to {spec.task}")
    runtime = LiteRtRuntime(spec, path, threads)
    reshape = partial(LiteRtRuntime, spec, path, threads)
    detector = YoloDetector(spec, runtime, score, reshape)
    detector._by_stride(
        detector._own, tuple(Tensor(np.empty(shape, np.int8)) for shape in runtime.shapes)
    )
    return detector
