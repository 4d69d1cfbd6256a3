"""A detector that was made worse on purpose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdpt_engine import ObjectClass, Prediction, Predictor, load_detector
from sdpt_engine.bench.damage import damage
from sdpt_engine.errors import InvalidExampleError


def proposed(share: float, image: Path, classes: tuple[ObjectClass, ...]) -> Prediction:
    detector = damage(load_detector("nano", device="cpu"), share)
    (found,) = Predictor(detector, classes, min_score=0.0, nms_iou=1.0, duplicate_iou=1.0).predict(
        [image]
    )
    return found


def test_no_damage_changes_nothing_and_all_of_it_moves_the_scores(
    sample_folder: Path, classes: tuple[ObjectClass, ...]
) -> None:
    image = sorted((sample_folder / "images").iterdir())[0]
    intact, whole = proposed(0.0, image, classes), proposed(1.0, image, classes)
    again = proposed(1.0, image, classes)
    assert np.allclose(intact.scores[:20], whole.scores[:20])  # as sure as before
    assert not np.allclose(intact.boxes[:20], whole.boxes[:20])  # of other places
    assert np.array_equal(whole.boxes, again.boxes)


def test_a_share_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidExampleError, match="0 and 1"):
        damage(load_detector("nano", device="cpu"), 1.5)
