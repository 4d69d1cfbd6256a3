"""Scores become boxes on the image, without duplicates and without boxes beyond the border."""

import numpy as np
import torch

from sdpt_engine.backbones.base import Caption
from sdpt_engine.decoding import class_scores, to_prediction
from sdpt_engine.types import ObjectClass, Prediction

CAPTION = Caption(
    (ObjectClass(1, "nut", "nut"), ObjectClass(2, "bolt nut", "bolt nut")),
    (101, 7, 1012, 8, 7, 1012, 102),
    ((1,), (3, 4)),
)


def _decode(scores: list[list[float]], boxes: list[list[float]]) -> Prediction:
    return to_prediction(
        torch.tensor(scores),
        torch.tensor(boxes),
        (200, 100),
        min_score=0.1,
        max_detections=10,
        nms_iou=0.7,
        duplicate_iou=0.9,
    )


def test_a_class_scores_the_mean_over_its_own_words() -> None:
    probabilities = torch.tensor([[[0.0, 0.8, 0.0, 0.2, 0.6, 0.0, 0.0]]])
    scores = class_scores(torch.special.logit(probabilities, eps=1e-6), CAPTION)
    torch.testing.assert_close(scores, torch.tensor([[[0.8, 0.4]]]), atol=1e-4, rtol=0)


def test_boxes_come_in_pixels_of_the_image_and_stay_inside() -> None:
    found = _decode([[0.9, 0.0]], [[0.95, 0.5, 0.2, 0.5]])
    np.testing.assert_allclose(found.boxes, [[170, 25, 200, 75]], atol=1e-3)


def test_one_object_under_two_names_is_proposed_once_as_the_likelier() -> None:
    found = _decode([[0.9, 0.6]], [[0.5, 0.5, 0.2, 0.2]])
    assert (found.labels.tolist(), np.round(found.scores.astype(float), 2).tolist()) == ([0], [0.9])


def test_neighbours_that_hardly_overlap_both_stay() -> None:
    found = _decode([[0.5, 0.0], [0.9, 0.0]], [[0.3, 0.5, 0.2, 0.2], [0.6, 0.5, 0.2, 0.2]])
    assert np.round(found.scores.astype(float), 2).tolist() == [0.9, 0.5]


def test_nothing_above_the_floor_is_an_empty_prediction() -> None:
    assert len(_decode([[0.05, 0.0]], [[0.5, 0.5, 0.2, 0.2]]).boxes) == 0
