"""Average precision as pycocotools has it, edge cases included."""

import math

import numpy as np

from sdpt_engine.metrics import evaluate
from sdpt_engine.types import Prediction, no_boxes, no_labels

BOX = np.array([[10, 10, 50, 50]], np.float32)
ZERO = np.zeros(1, np.int64)


def _found(boxes: np.ndarray, scores: list[float], labels: list[int]) -> Prediction:
    return Prediction(
        boxes.astype(np.float32), np.array(scores, np.float32), np.array(labels, np.int64), (99, 99)
    )


def test_a_perfect_prediction_has_average_precision_one() -> None:
    result = evaluate([_found(BOX, [0.9], [0])], [(BOX, ZERO)], ["cat"])
    assert (round(result.ap, 6), round(result.ap50, 6)) == (1.0, 1.0)


def test_a_shifted_box_counts_at_iou_half_but_not_at_the_stricter_ones() -> None:
    result = evaluate([_found(BOX + 5, [0.9], [0])], [(BOX, ZERO)], ["cat"])
    assert round(result.ap50, 6) == 1.0
    assert 0.1 < result.ap < 0.5


def test_no_prediction_at_all_is_zero_and_not_an_error() -> None:
    nothing = Prediction(no_boxes(), np.zeros(0, np.float32), no_labels(), (99, 99))
    assert evaluate([nothing], [(BOX, ZERO)], ["cat"]).ap50 == 0.0


def test_a_class_without_a_true_box_does_not_count() -> None:
    result = evaluate([_found(BOX, [0.9], [0])], [(BOX, ZERO)], ["cat", "dog"])
    assert math.isnan(result.per_category["dog"].ap)
    assert round(result.ap50, 6) == 1.0
