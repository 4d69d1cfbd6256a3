"""A click on an object finds its box, whatever a detector found there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from sdpt_engine.boxes import iou_xyxy
from sdpt_engine.second_look.edges.finder import EdgeFinder
from sdpt_engine.second_look.pointing import Surroundings, boxes_at
from sdpt_engine.types import Boxes, UsualSize, no_boxes
from tests.engine.second_look.scenes import SIZE_WH, discs

USUAL = UsualSize(75.0, 75.0, 0.3)
NOTHING = Surroundings(no_boxes(), np.zeros(0, np.float32), no_boxes())


@pytest.fixture(scope="module")
def finder() -> EdgeFinder:
    return EdgeFinder.shipped(torch.device("cpu"))


def _overlap(found: Boxes, true: Boxes) -> float:
    return float(iou_xyxy(torch.from_numpy(found)[None], torch.from_numpy(true)[None]))


def _middle(box: Boxes, *, off: float = 0.0) -> tuple[float, float]:
    x1, y1, x2, y2 = map(float, box)
    return (x1 + x2) / 2 + off * (x2 - x1), (y1 + y2) / 2 - off * (y2 - y1)


def box_at(*asked: Any, **also: Any) -> Boxes:
    best: Boxes = boxes_at(*asked, **also)[0]
    return best


def test_a_click_near_the_middle_finds_the_disc(finder: EdgeFinder) -> None:
    pixels, true = discs(3)
    found = [box_at(finder, pixels, _middle(disc, off=0.1), USUAL, NOTHING) for disc in true]
    assert min(map(_overlap, found, true)) > 0.8


@pytest.mark.parametrize("times", [0.5, 2.0])
def test_the_usual_size_is_no_more_than_a_guess(finder: EdgeFinder, times: float) -> None:
    pixels, true = discs(4)
    size = UsualSize(times * USUAL.width, times * USUAL.height, 0.6)
    found = [box_at(finder, pixels, _middle(disc), size, NOTHING) for disc in true]
    assert min(map(_overlap, found, true)) > 0.75


def test_what_a_detector_found_helps_where_the_size_is_a_bad_guess(finder: EdgeFinder) -> None:
    pixels, (disc, *_) = discs(4)
    tiny = UsualSize(6.0, 6.0, 0.3)
    known = Surroundings(disc[None], np.array([0.9], np.float32), no_boxes())
    assert _overlap(box_at(finder, pixels, _middle(disc), tiny, NOTHING), disc) < 0.5
    assert (
        _overlap(box_at(finder, pixels, _middle(disc), UsualSize(6.0, 6.0, 2.0), known), disc) > 0.8
    )


def test_a_click_near_the_border_of_a_boxed_object_means_another(finder: EdgeFinder) -> None:
    pixels, (disc, *_) = discs(3)
    near_border = (float(disc[2]) - 4, _middle(disc)[1])
    boxed = Surroundings(no_boxes(), np.zeros(0, np.float32), disc[None])
    assert _overlap(box_at(finder, pixels, near_border, USUAL, NOTHING), disc) > 0.7
    assert _overlap(box_at(finder, pixels, near_border, USUAL, boxed), disc) < 0.5


def test_a_click_in_the_corner_stays_within_the_image(finder: EdgeFinder) -> None:
    pixels, _ = discs(3)
    for point in ((0.0, 0.0), (SIZE_WH[0] - 1.0, SIZE_WH[1] - 1.0)):
        x1, y1, x2, y2 = box_at(finder, pixels, point, USUAL, NOTHING)
        assert 0 <= x1 < x2 <= SIZE_WH[0]
        assert 0 <= y1 < y2 <= SIZE_WH[1]


def test_a_click_on_nothing_still_gives_a_box(finder: EdgeFinder) -> None:
    pixels = np.full((SIZE_WH[1], SIZE_WH[0], 3), 128, np.uint8)
    tiny = UsualSize(3.0, 3.0, 0.02)
    far = np.array([[0, 0, 300, 200]], np.float32)
    known = Surroundings(far, np.array([0.9], np.float32), far)
    x1, y1, x2, y2 = box_at(finder, pixels, (299.0, 199.0), tiny, known)
    assert np.isfinite([x1, y1, x2, y2]).all()
    assert x1 < x2
    assert y1 < y2


def test_a_box_that_shows_another_class_is_avoided(finder: EdgeFinder) -> None:
    pixels, (disc, *_) = discs(3)
    near_border = (float(disc[2]) - 4, _middle(disc)[1])

    def is_elsewhere(boxes: Boxes) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return np.array([float(_overlap(box, disc) < 0.5) for box in boxes], np.float32)

    assert _overlap(box_at(finder, pixels, near_border, USUAL, NOTHING), disc) > 0.7
    found = box_at(finder, pixels, near_border, USUAL, NOTHING, likely=is_elsewhere)
    assert _overlap(found, disc) < 0.5


def test_where_two_objects_may_be_meant_the_other_one_is_the_next_guess(finder: EdgeFinder) -> None:
    pixels, (disc, *_) = discs(3)
    outwards = np.array([-1, -1, 1, 1], np.float32)
    holder = disc + outwards * (disc[2] - disc[0])
    known = Surroundings(holder[None], np.array([0.9], np.float32), no_boxes())
    guesses = boxes_at(finder, pixels, _middle(disc), UsualSize(75.0, 75.0, 1.0), known)
    assert len(guesses) == 2
    assert _overlap(guesses[0], disc) > 0.75
    assert _overlap(guesses[0], guesses[1]) < 0.5
