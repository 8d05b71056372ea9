"""Decoding against raw outputs made by hand; the real runtime is the matter of test_runtime."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from small_models import BINS, detector_spec

from edge import detector as detector_module
from edge.core import Array, Image, Tensor
from edge.detector import MAX_CANDIDATES, MAX_DETECTIONS, YoloDetector, suppress
from models.errors import ModelError
from models.imaging import GREY
from models.spec import Input, Output

SURE = 60.0  # a logit beside which all others vanish in float32
HALF = 0.0  # the logit of a score of 0.5


class Anchor(NamedTuple):
    """One cell that answers: `bins` are those its four distributions stand on."""

    stride: int
    row: int
    column: int
    bins: tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int]]
    logit: float = 2.0


class FakeRuntime:
    """Says what it was told, and keeps what it was shown."""

    def __init__(self, outputs: tuple[Array, ...]) -> None:
        self.outputs = outputs
        self.shown: list[Image] = []

    def __call__(self, image: Image) -> tuple[Tensor, ...]:
        self.shown.append(image)
        return tuple(map(Tensor, self.outputs))


def raw(
    *anchors: Anchor, width: int = 32, height: int = 16, strides: Sequence[int] = (8, 16)
) -> tuple[Array, ...]:
    outputs = []
    for stride in strides:
        rows, columns = height // stride, width // stride
        distances = np.zeros((1, rows, columns, 4, BINS), np.float32)
        logits = np.full((1, rows, columns, 1), -9.0, np.float32)
        for anchor in anchors:
            if anchor.stride == stride:
                logits[0, anchor.row, anchor.column] = anchor.logit
                for side, bins in enumerate(anchor.bins):
                    distances[0, anchor.row, anchor.column, side, list(bins)] = SURE
        outputs += [distances.reshape(1, rows, columns, 4 * BINS), logits]
    return tuple(outputs)


def reach(left: int, top: int, right: int, bottom: int) -> tuple[list[int], ...]:
    return [left], [top], [right], [bottom]


def made(
    *anchors: Anchor,
    width: int = 32,
    height: int = 16,
    score: float | None = None,
    iou: float = 0.6,
    shuffle: bool = False,
) -> YoloDetector:
    spec = detector_spec(
        input=Input(width, height, "rgb", "letterbox", 0.0),
        output=Output("yolo-raw", [8, 16], BINS),
        thresholds={"score": 0.5, "iou": iou},
    )
    outputs = raw(*anchors, width=width, height=height)
    return YoloDetector(spec, FakeRuntime(outputs[::-1] if shuffle else outputs), score)


def answering(outputs: tuple[Array, ...]) -> YoloDetector:
    detector = made()
    detector._own = detector._own._replace(runtime=FakeRuntime(outputs))
    return detector


def black(width: int, height: int) -> Image:
    return np.zeros((height, width, 3), np.uint8)


SAME = black(32, 16)  # the input's own size: scale 1, no padding


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


@pytest.mark.parametrize(
    ("anchor", "box"),
    [
        # Row 1, column 2 of stride 8 has its centre in (2.5, 1.5) cells.
        (Anchor(8, 1, 2, reach(1, 1, 1, 0)), (12, 4, 28, 12)),
        (Anchor(8, 0, 0, reach(0, 0, 2, 1)), (4, 4, 20, 12)),
        # Row 0, column 1 of stride 16: (1.5, 0.5) cells.
        (Anchor(16, 0, 1, ([1], [0, 1], [0], [0])), (8, 0, 24, 8)),
        # Two bins alike: the expectation lies half way between them.
        (Anchor(8, 1, 2, ([1, 2], [0, 1], [0, 1], [0])), (8, 8, 24, 12)),
    ],
)
def test_a_box_is_the_expectation_of_its_four_distances(
    anchor: Anchor, box: tuple[float, float, float, float]
) -> None:
    (found,) = made(anchor).detect(SAME)
    assert found.box == pytest.approx(box, abs=1e-4)
    assert found.score == pytest.approx(sigmoid(anchor.logit), abs=1e-6)


def test_a_head_of_one_bin_says_the_distances_themselves() -> None:
    """Row 1, column 2 of stride 8: the centre lies in (2.5, 1.5) cells."""
    spec = detector_spec(output=Output("yolo-raw", [8], 1))
    distances = np.zeros((1, 2, 4, 4), np.float32)
    distances[0, 1, 2] = 1.5, 0.5, 0.25, 0.5  # left, top, right, bottom
    logits = np.full((1, 2, 4, 1), -9.0, np.float32)
    logits[0, 1, 2] = 2.0
    (found,) = YoloDetector(spec, FakeRuntime((distances, logits))).detect(SAME)
    assert found.box == pytest.approx((8, 8, 22, 16))


def test_a_box_turned_inside_out_takes_no_other_away() -> None:
    spec = detector_spec(output=Output("yolo-raw", [8], 1))
    distances = np.zeros((1, 2, 4, 4), np.float32)
    distances[0, 1, 3] = 0.25
    distances[0, 0, 0] = -0.6, 0.5, -0.4, 0.5
    logits = np.full((1, 2, 4, 1), -9.0, np.float32)
    logits[0, 1, 3], logits[0, 0, 0] = 2.0, 3.0
    (found,) = YoloDetector(spec, FakeRuntime((distances, logits))).detect(SAME)
    assert found.box == pytest.approx((26, 10, 30, 14))


@pytest.mark.parametrize(
    "image",
    [np.zeros((16, 32), np.uint8), SAME.astype(np.float32), np.zeros((16, 32, 4), np.uint8)],
)
def test_what_is_no_picture_of_ours_is_named(image: Image) -> None:
    with pytest.raises(ValueError, match=r"expected .*BGR, uint8 \(H, W, 3\), found (ui|fl)"):
        made(Anchor(8, 1, 2, reach(1, 1, 1, 1))).detect(image)


@pytest.mark.parametrize("bins", [reach(1, 0, 1, 0), reach(0, 1, 0, 1), reach(0, 0, 0, 0)])
def test_a_box_without_area_is_none(bins: tuple[list[int], ...]) -> None:
    assert made(Anchor(8, 1, 2, bins)).detect(SAME) == []


def test_an_undecided_distribution_means_its_middle() -> None:
    anchor = Anchor(8, 1, 2, ([], [1], [1], [0]))  # left: all 16 bins alike, 7.5 cells
    (found,) = made(anchor, width=128, height=16).detect(black(128, 16))
    assert found.box == pytest.approx((0, 4, 28, 12), abs=1e-4)  # 20 − 60 is cut at 0
    far = Anchor(8, 1, 10, ([], [1], [1], [0]))
    (found,) = made(far, width=128, height=16).detect(black(128, 16))
    assert found.box == pytest.approx((84 - 60, 4, 92, 12), abs=1e-4)


def test_boxes_are_in_pixels_of_the_full_frame() -> None:
    anchor = Anchor(8, 1, 2, reach(1, 1, 1, 0))
    (found,) = made(anchor).detect(black(128, 64))  # four times the input
    assert found.box == pytest.approx((48, 16, 112, 48), abs=1e-4)


@pytest.mark.parametrize(
    ("size", "shift"),
    [((32, 8), (0, -4)), ((16, 16), (-8, 0))],
    ids=["bars above and below", "bars left and right"],
)
def test_the_padding_is_taken_off(size: tuple[int, int], shift: tuple[int, int]) -> None:
    # In the letterbox: (12, 4) to (20, 12).
    anchor = Anchor(8, 0, 1, ([0], [0], [1], [1]))
    (found,) = made(anchor).detect(black(*size))
    x, y = shift
    assert found.box == pytest.approx((12 + x, 4 + y, 20 + x, min(12 + y, size[1])), abs=1e-4)


def test_boxes_end_at_the_border_of_the_picture() -> None:
    anchor = Anchor(8, 1, 2, reach(9, 9, 9, 9))
    (found,) = made(anchor).detect(SAME)
    assert found.box == (0, 0, 32, 16)


def test_a_box_wholly_in_the_padding_is_dropped() -> None:
    inside = Anchor(8, 0, 2, reach(1, 0, 0, 1))
    padding = Anchor(8, 0, 0, ([0], [0], [0], [1]), logit=5.0)
    detector = made(inside, padding)
    (found,) = detector.detect(black(16, 16))  # bars of 8 px left and right
    assert found.score == pytest.approx(sigmoid(inside.logit), abs=1e-6)


def test_nothing_above_the_threshold_is_an_empty_list() -> None:
    assert made().detect(SAME) == []


@pytest.mark.parametrize(
    ("logit", "score", "found"),
    [
        (HALF, None, 1),  # the model's own threshold of 0.5, reached
        (HALF - 0.01, None, 0),
        (HALF - 0.01, 0.4, 1),  # a lower one from outside
        (2.0, 0.9, 0),  # sigmoid(2) = 0.88
        (2.0, 0.88, 1),
        (-8.0, 0.0, 1),  # 0: everything
        (9.0, 1.0, 0),  # 1: next to nothing
    ],
)
def test_the_threshold_is_the_models_own_unless_another_is_given(
    logit: float, score: float | None, found: int
) -> None:
    anchor = Anchor(8, 1, 2, reach(1, 1, 1, 0), logit)
    detector = made(anchor, score=score)
    boxes = [d for d in detector.detect(SAME) if d.score > sigmoid(-8.5)]
    assert len(boxes) == found
    assert detector.score == (0.5 if score is None else score)


# Both 24 px wide and one cell apart: 16 of 32 px shared, an IoU of 0.5.
LEFT = Anchor(8, 1, 1, ([1], [1], [2], [0]), logit=1.0)
RIGHT = Anchor(8, 1, 2, ([1], [1], [2], [0]), logit=3.0)


@pytest.mark.parametrize(("iou", "logits"), [(0.45, [3.0]), (0.55, [3.0, 1.0])])
def test_of_two_boxes_on_one_sign_the_better_stays(iou: float, logits: list[float]) -> None:
    found = made(LEFT, RIGHT, width=64, iou=iou).detect(black(64, 16))
    assert [d.score for d in found] == pytest.approx([sigmoid(v) for v in logits], abs=1e-6)


def test_boxes_of_different_strides_compete_too() -> None:
    fine = Anchor(8, 1, 2, reach(1, 1, 1, 0), logit=3.0)  # (12, 4, 28, 12)
    coarse = Anchor(16, 0, 1, ([1], [0, 1], [0], [0, 1]), logit=1.0)  # (8, 0, 24, 16)
    found = made(fine, coarse, iou=0.3).detect(SAME)
    assert len(found) == 1
    assert found[0].box == pytest.approx((12, 4, 28, 12), abs=1e-4)


def test_the_best_comes_first() -> None:
    anchors = [
        Anchor(8, 0, column, ([0], [0], [1], [1]), logit)
        for column, logit in ((0, 1.0), (2, 3.0), (4, 2.0), (6, 0.5))
    ]
    found = made(*anchors, width=64).detect(black(64, 16))
    assert [d.box.x1 for d in found] == pytest.approx([20, 36, 4, 52])
    assert [d.score for d in found] == sorted((d.score for d in found), reverse=True)


def test_a_crowd_is_cut_down_to_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counting(boxes: Array, scores: Array, iou: float) -> list[int]:
        asked.append(len(scores))
        return suppress(boxes, scores, iou)

    monkeypatch.setattr(detector_module, "suppress", counting)
    side = 320
    cells = (side // 8) ** 2
    anchors = [
        Anchor(8, n // 40, n % 40, ([0], [0], [1], [1]), logit=1.0 + n * 0.001)
        for n in range(cells)
    ]
    found = made(*anchors, width=side, height=side).detect(black(side, side))

    assert cells > MAX_CANDIDATES
    assert asked == [MAX_CANDIDATES]
    assert len(found) == MAX_DETECTIONS
    logits = [1.0 + n * 0.001 for n in range(cells - 1, cells - 1 - MAX_DETECTIONS, -1)]
    assert [d.score for d in found] == pytest.approx([sigmoid(v) for v in logits], abs=1e-6)


def test_outputs_are_known_by_their_shapes_not_their_order() -> None:
    anchors = Anchor(8, 1, 2, reach(1, 1, 1, 0)), Anchor(16, 0, 0, reach(0, 0, 0, 0), 1.0)
    assert made(*anchors, shuffle=True).detect(SAME) == made(*anchors).detect(SAME)


@pytest.mark.parametrize("lost", range(4))
def test_a_missing_output_is_a_model_error(lost: int) -> None:
    outputs = raw()
    detector = answering(outputs[:lost] + outputs[lost + 1 :])
    with pytest.raises(ModelError, match=r"small\.tflite: expected outputs .* for stride (8|16)"):
        detector.detect(SAME)


def test_an_output_too_many_is_a_model_error() -> None:
    detector = answering((*raw(), np.zeros((1, 45), np.float32)))
    with pytest.raises(ModelError, match=r"expected two outputs for each of the strides \[8, 16\]"):
        detector.detect(SAME)


def test_the_model_is_shown_the_letterboxed_picture_in_rgb() -> None:
    detector = made()
    image = np.full((8, 32, 3), (10, 20, 30), np.uint8)
    detector.detect(image)
    (shown,) = detector._own.runtime.shown  # type: ignore[attr-defined]
    assert (shown.shape, shown.dtype) == ((16, 32, 3), np.uint8)
    assert np.array_equal(shown[8, 5], [30, 20, 10])
    assert np.array_equal(shown[0, 5], [GREY] * 3)


def test_outputs_and_picture_are_left_as_they_were() -> None:
    detector = made(LEFT, RIGHT)
    image = np.full((33, 57, 3), 7, np.uint8)
    outputs = detector._own.runtime.outputs  # type: ignore[attr-defined]
    before = [o.copy() for o in outputs]
    for array in (image, *outputs):
        array.flags.writeable = False
    detector.detect(image)
    assert all(np.array_equal(a, b) for a, b in zip(before, outputs, strict=True))
    assert (image == 7).all()


def test_suppression_keeps_touching_boxes_and_drops_copies() -> None:
    boxes = np.array([[0, 0, 10, 10], [10, 0, 20, 10], [0, 0, 10, 10]], np.float32)
    assert suppress(boxes, np.array([0.5, 0.6, 0.7], np.float32), 0.5) == [2, 1]
