"""Edges are learnt after a tuning, and kept only where the images that judge are the better for it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from sdpt_engine import EdgeFinder, Predictor, learn_edges, start_helps, tune
from sdpt_engine.backbones.base import Detector
from sdpt_engine.errors import TuneInterrupted
from sdpt_engine.tuning import TuneResult
from sdpt_engine.types import Example, ObjectClass, TuneConfig
from tests.engine.second_look.scenes import example

DISC = (ObjectClass(1, "disc", "disc"),)


@dataclasses.dataclass(frozen=True)
class Tuned:
    """A person who leaves a margin around each disc labelled six pictures, and a prompt was tuned on four."""

    detector: Detector
    train: list[Example]
    result: TuneResult


@pytest.fixture(scope="module")
def tuned(nano: Detector, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    folder = tmp_path_factory.mktemp("discs")
    labelled = [example(folder, seed, wider_by=0.12) for seed in range(6)]
    train, held_out = labelled[:4], labelled[4:]
    config = TuneConfig(steps=2, eval_every=1, batch_size=2)
    return Tuned(nano, train, tune(nano, train, held_out, config, categories=DISC))


@pytest.fixture(scope="module")
def taught(tuned: Tuned) -> TuneResult:
    return learn_edges(tuned.detector, tuned.result, tuned.train, most_steps=40)


def test_held_out_images_are_the_better_for_it(tuned: Tuned, taught: TuneResult) -> None:
    assert taught.bundle.edges is not None
    assert taught.tuned.ap > 1.2 * tuned.result.tuned.ap
    assert taught.bundle.metrics["tuned"]["ap"] == taught.tuned.ap
    assert taught.without_edges == tuned.result.tuned


def test_a_predictor_with_the_bundle_looks_as_the_judges_did(
    tuned: Tuned, taught: TuneResult
) -> None:
    pair = taught.judged[0]
    (found,) = Predictor(tuned.detector, DISC, taught.bundle, min_score=0.01).predict(
        [pair.example.image_path]
    )
    surest = pair.prediction.boxes[:4]
    np.testing.assert_allclose(found.boxes[:4], surest, atol=1.0)


def test_a_bad_lesson_is_not_kept(tuned: Tuned) -> None:
    contrary = [
        dataclasses.replace(e, boxes=e.boxes - np.array([30, 0, 30, 0], np.float32))
        for e in tuned.train
    ]
    spoilt = learn_edges(tuned.detector, tuned.result, contrary, most_steps=40)
    start = EdgeFinder.shipped(tuned.detector.device).tensors
    kept = spoilt.bundle.edges or start
    assert all(torch.equal(kept[name], tensor) for name, tensor in start.items())


def test_without_a_prompt_the_done_images_say_whether_the_start_helps(
    tuned: Tuned, tmp_path: Path
) -> None:
    predictor = Predictor(tuned.detector, DISC, min_score=0.05)
    exact = [example(tmp_path, seed) for seed in range(10, 14)]
    assert start_helps(predictor, exact)
    assert start_helps(predictor, exact[:2])  # eight boxes tell nothing, but nano is known
    far_wider = [example(tmp_path, seed, wider_by=0.3) for seed in range(10, 14)]
    assert not start_helps(predictor, far_wider)


def test_nothing_is_learnt_from_a_few_boxes(tuned: Tuned) -> None:
    assert learn_edges(tuned.detector, tuned.result, tuned.train[:2]) is tuned.result


def test_nothing_is_learnt_where_no_image_is_left_to_judge(tuned: Tuned) -> None:
    everyone = [*tuned.train, *(pair.example for pair in tuned.result.judged)]
    assert learn_edges(tuned.detector, tuned.result, everyone) is tuned.result


def test_a_stop_while_edges_are_learnt_is_a_stop_of_the_tuning(tuned: Tuned) -> None:
    with pytest.raises(TuneInterrupted):
        learn_edges(tuned.detector, tuned.result, tuned.train, should_stop=lambda: True)
