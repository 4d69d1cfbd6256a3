"""What several prompts find on one image, as one prediction."""

from __future__ import annotations

import numpy as np
import pytest

from sdpt_engine.ensemble import merged
from sdpt_engine.types import Prediction

SIZE_WH = (100, 100)


def found(*items: tuple[list[float], float, int]) -> Prediction:
    boxes, scores, labels = zip(*items, strict=True) if items else ((), (), ())
    return Prediction(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(labels, np.int64),
        SIZE_WH,
    )


def together(*members: Prediction, min_score: float = 0.05, most: int = 100) -> Prediction:
    return merged(members, min_score=min_score, max_detections=most)


def test_boxes_on_one_object_are_averaged_by_their_scores() -> None:
    result = together(found(([0, 0, 40, 40], 0.9, 1)), found(([0, 0, 44, 40], 0.3, 1)))
    assert result.boxes.tolist() == [[0, 0, 41, 40]]
    assert result.scores.tolist() == pytest.approx([0.6])
    assert result.labels.tolist() == [1]


def test_what_only_one_member_finds_loses_score() -> None:
    result = together(
        found(([0, 0, 40, 40], 0.9, 0), ([60, 60, 90, 90], 0.5, 0)), found(([0, 0, 40, 40], 0.8, 0))
    )
    assert result.scores.tolist() == pytest.approx([0.85, 0.25])


def test_classes_and_neighbours_stay_apart() -> None:
    near = ([0, 0, 40, 40], 0.9, 0), ([6, 0, 46, 40], 0.8, 0)
    result = together(found(*near), found(([0, 0, 40, 40], 0.7, 1)))
    assert len(result.boxes) == 3
    assert result.scores.tolist() == pytest.approx([0.45, 0.4, 0.35])


def test_faint_and_surplus_ones_are_left_out() -> None:
    many = found(*(([9 * n, 0, 9 * n + 8, 8], 0.9 - 0.2 * n, 0) for n in range(5)))
    assert together(many, found(), min_score=0.2).scores.tolist() == pytest.approx(
        [0.45, 0.35, 0.25]
    )
    assert len(together(many, found(), most=2).boxes) == 2


def test_members_that_find_nothing_find_nothing_together() -> None:
    assert len(together(found(), found()).boxes) == 0
