"""What comes of proposals after a second look: boxes, scores, names."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sdpt_engine.boxes import iou_xyxy
from sdpt_engine.second_look.edges.finder import EdgeFinder
from sdpt_engine.second_look.encoder import load_encoder
from sdpt_engine.second_look.look import (
    MOST_TIGHTENED,
    SecondLook,
    how_surely_seen,
    of_all_looks,
    of_both_looks,
    one_box_each,
)
from sdpt_engine.second_look.names.namer import NUM_FEATURES, Namer
from sdpt_engine.types import Prediction
from tests.engine.second_look.scenes import SIZE_WH, discs

CPU = torch.device("cpu")
NAN = float("nan")


def _edges(num_classes: int = 1) -> SecondLook:
    return SecondLook(range(num_classes), edges=EdgeFinder.shipped(CPU))


def _always(class_ids: list[int], logits: list[float]) -> Namer:
    """A namer that says the same of whatever it sees; the last number is for nothing."""
    tensors = {
        "weight": torch.zeros(len(logits), NUM_FEATURES),
        "bias": torch.tensor(logits),
        "class_ids": torch.tensor(class_ids),
    }
    return Namer(tensors, load_encoder(CPU))


def test_two_loose_boxes_of_one_disc_become_one() -> None:
    pixels, true = discs(3, number=1)
    shifted = true + np.array([[-14, 8, -14, 8]], np.float32)
    boxes = np.concatenate((shifted, true + np.array([[14, -8, 14, -8]], np.float32)))
    found = Prediction(boxes, np.array([0.9, 0.6], np.float32), np.zeros(2, np.int64), SIZE_WH)
    seen_again = _edges().again(pixels, found)
    tight, unclear = EdgeFinder.shipped(CPU).look(pixels, boxes)
    surely = how_surely_seen(boxes, tight, unclear)
    (surer,) = seen_again.scores.tolist()
    assert surer == pytest.approx(max(np.sqrt(found.scores * surely)))
    assert iou_xyxy(torch.from_numpy(seen_again.boxes), torch.from_numpy(true)).item() > 0.85


def test_a_part_of_a_disc_is_less_sure_than_the_whole_whatever_the_detector_says() -> None:
    pixels, true = discs(3, number=1)
    x1, y1, x2, y2 = true[0].tolist()
    part = np.array([[x1 + 0.35 * (x2 - x1), y1, x2, y1 + 0.6 * (y2 - y1)]], np.float32)
    scores = np.array([0.5, 0.4], np.float32)
    found = Prediction(np.concatenate((part, true)), scores, np.arange(2), SIZE_WH)
    seen_again = _edges(2).again(pixels, found)
    assert seen_again.labels.tolist() == [1, 0]
    assert seen_again.scores[0] > 1.2 * seen_again.scores[1]


def test_edges_are_surely_seen_where_they_are_clear_and_hardly_move() -> None:
    found = np.array([[0, 0, 10, 10]] * 3, np.float32)
    tight = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 5, 10]], np.float32)
    unclear = np.array([0.0, 0.1, 0.0], np.float32)
    expected = [1.0, math.exp(-4), 0.0625]
    assert how_surely_seen(found, tight, unclear).tolist() == pytest.approx(expected)


def test_two_classes_that_fight_for_one_disc_both_stay() -> None:
    pixels, true = discs(3, number=1)
    boxes = np.concatenate((true + 9, true - 9)).astype(np.float32)
    found = Prediction(boxes, np.array([0.9, 0.6], np.float32), np.arange(2), SIZE_WH)
    assert len(_edges(2).again(pixels, found).boxes) == 2


def test_only_the_surest_boxes_are_tightened() -> None:
    pixels, true = discs(4)
    number = MOST_TIGHTENED + 4
    boxes = np.concatenate([true + 4 * step for step in range(-5, number // 4 - 5)])
    labels = np.arange(number, dtype=np.int64)
    scores = np.linspace(0.9, 0.1, number, dtype=np.float32)
    found = _edges(number).again(pixels, Prediction(boxes, scores, labels, SIZE_WH))
    np.testing.assert_array_equal(found.boxes[MOST_TIGHTENED:], boxes[MOST_TIGHTENED:])
    assert (found.boxes[:MOST_TIGHTENED] != boxes[:MOST_TIGHTENED]).any(axis=1).all()


def test_a_box_goes_by_the_name_that_the_second_look_gives_it() -> None:
    pixels, true = discs(5, number=1)
    found = Prediction(true, np.array([0.4], np.float32), np.array([0]), SIZE_WH)
    look = SecondLook([7, 3], namer=_always([3, 7], [5.0, 0.0, 0.0]))
    renamed = look.again(pixels, found)
    assert renamed.labels[0] == 1  # class 3 is the second of the prediction's
    np.testing.assert_array_equal(renamed.boxes[0], true[0])


def test_what_shows_none_of_the_classes_sinks_below_the_floor() -> None:
    pixels, true = discs(5, number=1)
    found = Prediction(true, np.array([0.4], np.float32), np.array([0]), SIZE_WH)
    look = SecondLook([7], namer=_always([7], [0.0, 12.0]))
    assert not len(look.again(pixels, found, min_score=0.05).boxes)


def test_an_image_on_which_nothing_was_found_stays_empty() -> None:
    pixels, true = discs(5, number=1)
    nothing = Prediction(true[:0], np.zeros(0, np.float32), np.zeros(0, np.int64), SIZE_WH)
    look = SecondLook([7], edges=EdgeFinder.shipped(CPU), namer=_always([7], [0.0, 0.0]))
    assert look.again(pixels, nothing).boxes.shape == (0, 4)


def test_boxes_that_are_nearly_the_same_are_one_box() -> None:
    boxes = np.array([[0, 0, 100, 100], [50, 0, 150, 100], [1, 0, 101, 100]], np.float32)
    assert one_box_each(boxes).tolist() == [0, 1, 0]


def test_what_the_names_say_counts_six_times_what_the_detector_says_of_any_class() -> None:
    scores = np.array([[0.8, 0.1]], np.float32)
    chances = np.array([[0.27, 0.64]], np.float32)
    wanted = [[(0.8**1.5 * 0.27**6) ** (1 / 7.5), (0.1**0.5 * 0.8 * 0.64**6) ** (1 / 7.5)]]
    np.testing.assert_allclose(of_both_looks(scores, chances), wanted, rtol=1e-5)


def test_edges_count_less_for_a_class_that_is_named() -> None:
    scores, surely = np.array([[0.4, 0.4]], np.float32), np.array([0.1], np.float32)
    seen = of_all_looks(scores, np.array([[0.4, NAN]], np.float32), surely, min_score=0.0)
    assert seen[0, 0] > seen[0, 1] == pytest.approx(0.2)


def test_a_class_nobody_sees_is_not_proposed_and_an_unknown_one_keeps_its_score() -> None:
    scores = np.array([[0.8, 0.0, 0.3]], np.float32)
    chances = np.array([[0.9, 0.02, NAN]], np.float32)
    seen = of_both_looks(scores, chances)
    assert seen[0, 1] == 0.0
    assert seen[0, 2] == pytest.approx(0.3)
