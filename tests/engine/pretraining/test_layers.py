"""Objects keep their size and leave no rim; what is hidden carries no box."""

from __future__ import annotations

import numpy as np
import pytest

from sdpt_engine.pretraining.layers import Layer, Pose, make_layer
from sdpt_engine.pretraining.visibility import Stack
from tests.engine.pretraining.drawings import cut_out


def _square(side: int, left: int, top: int) -> Layer:
    return Layer(
        np.zeros((side, side, 3), np.float32), np.ones((side, side), np.float32), left, top
    )


def test_a_layer_is_as_large_as_its_pose_says() -> None:
    pose = Pose(size=50, turn=0, slant=0, is_mirrored=True, feather=0)
    layer = make_layer(np.random.default_rng(0), cut_out("ball").pixels, pose)
    seen = layer.alpha > 0.5
    assert (seen.any(axis=0).sum(), seen.any(axis=1).sum()) == pytest.approx((50, 50), abs=1)


def test_colours_do_not_darken_towards_the_edge() -> None:
    pose = Pose(size=40, turn=30, slant=0.1, is_mirrored=False, feather=0.8)
    layer = make_layer(np.random.default_rng(0), cut_out("ball").pixels, pose)
    edge = (layer.alpha > 0.2) & (layer.alpha < 0.8)
    reds = layer.colours[:, :, 0] / np.maximum(layer.alpha, 1e-6)
    assert reds[edge].mean() == pytest.approx(reds[layer.alpha > 0.99].mean(), rel=0.05)


def test_a_box_shrinks_to_what_lies_open() -> None:
    stack = Stack((100, 80), min_visible=0.3)
    stack.add(_square(40, 10, 10))
    stack.add(_square(40, 30, 0))
    assert stack.boxes() == [(10, 10, 50, 50), (30, 0, 70, 40)]
    stack.add(_square(40, 30, 20))
    assert stack.boxes()[0] == (10, 10, 30, 50)


def test_hidden_objects_carry_no_box() -> None:
    stack = Stack((100, 80), min_visible=0.3)
    stack.add(_square(40, 10, 10))
    stack.add(_square(40, 12, 12))
    assert stack.boxes() == [None, (12, 12, 52, 52)]


def test_an_object_mostly_beyond_the_border_carries_no_box() -> None:
    stack = Stack((100, 80), min_visible=0.3)
    stack.add(_square(40, -30, 0))
    stack.add(_square(40, 80, 60))
    stack.add(_square(40, -20, 0))
    assert stack.boxes() == [None, None, (0, 0, 20, 40)]


def test_there_is_room_only_where_all_keep_their_boxes() -> None:
    stack = Stack((100, 80), min_visible=0.3)
    stack.add(_square(40, 10, 10))
    assert stack.has_room_for(_square(40, 50, 10), others_visible=0.9)
    assert stack.has_room_for(_square(40, 30, 10), others_visible=0.3)
    assert not stack.has_room_for(_square(40, 30, 10), others_visible=0.9)
    assert not stack.has_room_for(_square(40, 90, 10), others_visible=0.3)
