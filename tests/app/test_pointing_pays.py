"""Finished images tell whether a click at an object is quicker than drawing it."""

import pytest

from app.pointing_pays import PointingTrial, tried
from app.queueing import Costs
from storage.measurements import ReviewedImage
from storage.shown import Showing
from storage.types import Box

CUP, PLATE = 1, 2
SHOWN_FROM_HALF = Showing(bundle_id=1, thresholds={CUP: 0.5}, otherwise=0.5)
HERE: Box = (0.0, 0.0, 100.0, 100.0)
THERE: Box = (200.0, 0.0, 300.0, 100.0)
LOOSE: Box = (0.0, 0.0, 100.0, 60.0)


def _image(proposals: list[tuple[Box, int, float]], truth: list[Box]) -> ReviewedImage:
    return ReviewedImage(7, proposals, [(box, CUP) for box in truth])


def test_a_hidden_box_of_any_class_is_right_when_it_lies_on_the_object() -> None:
    image = _image([(HERE, PLATE, 0.2)], [HERE, THERE])
    assert tried([image], SHOWN_FROM_HALF) == PointingTrial(2, num_right=1, num_near=0)


def test_a_loose_box_is_nearly_right() -> None:
    assert tried([_image([(LOOSE, CUP, 0.2)], [HERE])], SHOWN_FROM_HALF) == PointingTrial(1, 0, 1)


def test_an_object_that_a_shown_proposal_found_is_not_pointed_at() -> None:
    image = _image([(LOOSE, CUP, 0.9), (THERE, CUP, 0.1)], [HERE, THERE])
    assert tried([image], SHOWN_FROM_HALF) == PointingTrial(1, num_right=1, num_near=0)


def test_the_box_of_a_neighbour_is_no_help() -> None:
    between: Box = (10.0, 0.0, 110.0, 100.0)
    image = _image([(between, CUP, 0.2)], [HERE, (30.0, 0.0, 130.0, 100.0)])
    assert tried([image], SHOWN_FROM_HALF).num_right == 0


def test_it_pays_where_the_click_and_what_follows_take_less_than_drawing() -> None:
    costs = Costs(accept_s=1.0, fix_s=4.0, draw_s=7.0, point_s=1.9)
    often = PointingTrial(num_objects=10, num_right=5, num_near=2)
    assert often.seconds_per_object(costs) == pytest.approx(1.9 + 0.5 + 0.8 + 2.1)
    assert often.pays(costs)
    assert not PointingTrial(num_objects=10, num_right=1, num_near=1).pays(costs)


def test_nobody_knows_after_a_few_objects() -> None:
    few = PointingTrial(num_objects=4, num_right=4)
    assert few.seconds_per_object(Costs()) is None
    assert not few.pays(Costs())
