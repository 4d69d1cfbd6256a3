"""A second look at a found box says where its edges lie, as the person draws them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sdpt_engine.boxes import iou_xyxy
from sdpt_engine.errors import TuneInterrupted
from sdpt_engine.second_look.crops import cut_out, from_shares, regions, to_shares
from sdpt_engine.second_look.edges.finder import EdgeFinder
from sdpt_engine.second_look.edges.lesson import learn, lesson_from
from sdpt_engine.second_look.encoder import load_encoder
from sdpt_engine.second_look.lessons import found_loosely
from sdpt_engine.types import Boxes
from tests.engine.second_look.scenes import SIZE_WH, discs, example, grown

CPU = torch.device("cpu")


def _overlaps(found: Boxes, true: Boxes) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return iou_xyxy(torch.from_numpy(found), torch.from_numpy(true)).diagonal().numpy()


def test_shares_of_a_region_lead_back_to_the_box() -> None:
    _, boxes = discs(1)
    around = regions(grown(boxes, 0.1), 0.35)
    np.testing.assert_allclose(from_shares(to_shares(boxes, around), around), boxes, atol=1e-3)


def test_a_cut_out_is_black_beyond_the_border_and_grey_levels_stay() -> None:
    pixels = np.full((50, 50, 3), 127, np.uint8)
    (crop,) = cut_out(pixels, np.array([[-7, -7, 27, 27]], np.float32))
    assert crop.shape == (3, 128, 128)
    assert crop[:, :20, :20].max() < -0.9  # 7 pixels of 34
    assert torch.allclose(crop[:, 60:, 60:], torch.zeros(()), atol=0.01)


def test_loose_boxes_around_discs_become_tight_without_any_lesson() -> None:
    pixels, true = discs(2)
    loose = found_loosely(true, SIZE_WH, np.random.default_rng(0))
    tight = EdgeFinder.shipped(CPU).tighten(pixels, loose)
    assert _overlaps(tight, true).mean() > 0.9 > _overlaps(loose, true).mean()


def test_it_learns_that_a_person_leaves_a_margin(tmp_path: Path) -> None:
    finder = EdgeFinder.shipped(CPU)
    labelled = [example(tmp_path, seed, wider_by=0.12) for seed in range(5)]
    lesson = lesson_from(finder, labelled, times_per_box=4, seed=0)
    assert lesson is not None
    pixels, discs_alone = discs(99)
    wanted = grown(discs_alone, 0.12)
    before = _overlaps(finder.tighten(pixels, wanted), wanted).mean()
    learn(finder, lesson, steps=40, batch_size=16, learning_rate=1e-3, seed=0)
    after = _overlaps(finder.tighten(pixels, discs_alone), wanted).mean()
    assert before < 0.8
    assert after > 0.88


def test_a_lesson_ends_when_it_is_told_to(tmp_path: Path) -> None:
    finder = EdgeFinder.shipped(CPU)
    lesson = lesson_from(finder, [example(tmp_path, 0)], times_per_box=1, seed=0)
    assert lesson is not None
    with pytest.raises(TuneInterrupted):
        learn(
            finder,
            lesson,
            steps=5,
            batch_size=2,
            learning_rate=1e-3,
            seed=0,
            should_stop=lambda: True,
        )
    assert not any(p.requires_grad for p in finder.network.parameters())


def test_what_was_learnt_is_the_same_after_it_was_stored() -> None:
    pixels, true = discs(5)
    finder = EdgeFinder.shipped(CPU)
    again = EdgeFinder(finder.tensors, load_encoder(CPU))
    np.testing.assert_array_equal(again.tighten(pixels, true), finder.tighten(pixels, true))


def test_tensors_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match="EdgeNetwork"):
        EdgeFinder({"elsewhere": torch.zeros(3)}, load_encoder(CPU))
