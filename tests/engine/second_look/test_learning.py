"""Edges are learnt after a tuning, and kept only where the images that judge are the better for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sdpt_engine import (
    Predictor,
    judged_by_the_same,
    learn_edges,
    learn_names,
    start_helps,
    tune,
    with_look_of,
)
from sdpt_engine.backbones import nano_folder
from sdpt_engine.backbones.base import Detector
from sdpt_engine.backbones.nano import load_nano
from sdpt_engine.errors import TuneInterrupted
from sdpt_engine.second_look.edges.finder import EdgeFinder, shipped_edges
from sdpt_engine.second_look.edges.lesson import learn, lesson_from
from sdpt_engine.tuning import TuneResult
from sdpt_engine.types import Example, Metrics, ObjectClass, TuneConfig
from sdpt_engine.verdict import may_be_as_good
from tests.engine.second_look.scenes import example, example_of_two, grown

DISC = (ObjectClass(1, "disc", "disc"),)
TWO = (ObjectClass(7, "thing", "thing"), ObjectClass(3, "other thing", "other thing"))


@dataclass(frozen=True)
class Tuned:
    """A person who leaves a margin around each disc labelled six pictures, and a prompt was tuned on four."""

    detector: Detector
    train: list[Example]
    result: TuneResult


@pytest.fixture(scope="module")
def tuned(nano: Detector, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    return _tuned(nano, tmp_path_factory.mktemp("discs"), wider_by=0.12)


def _tuned(nano: Detector, folder: Path, *, wider_by: float) -> Tuned:
    labelled = [example(folder, seed, wider_by=wider_by) for seed in range(6)]
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
    assert taught.prompt_alone is tuned.result


def test_a_predictor_with_the_bundle_as_judged_looks_as_the_judges_did(
    tuned: Tuned, taught: TuneResult
) -> None:
    pair = taught.judged[0]
    predictor = Predictor(tuned.detector, DISC, taught.bundle.as_judged, min_score=0.01)
    (found,) = predictor.predict([pair.example.image_path])
    surest = pair.prediction.boxes[:4]
    np.testing.assert_allclose(found.boxes[:4], surest, atol=1.0)


def test_who_judged_the_edges_teaches_them_afterwards(taught: TuneResult) -> None:
    now, then = taught.bundle.edges, taught.bundle.as_judged.edges
    assert now is not None
    assert then is not None
    assert any(not torch.equal(now[name], tensor) for name, tensor in then.items())


def test_what_a_margin_taught_is_taken_whole_as_halfway_places_boxes_clearly_worse(
    tuned: Tuned, taught: TuneResult
) -> None:
    learnt, whole = _learnt_from(tuned.train), taught.bundle.as_judged.edges
    assert whole is not None
    assert all(torch.equal(whole[name], learnt[name]) for name in learnt)


def test_where_neither_places_boxes_clearly_better_half_of_what_was_learnt_is_taken(
    nano: Detector, tmp_path: Path
) -> None:
    exact = _tuned(nano, tmp_path, wider_by=0.0)
    a_little_wide = [replace(e, boxes=grown(e.boxes, 0.01)) for e in exact.train]
    taken = learn_edges(nano, exact.result, a_little_wide, most_steps=40).bundle.as_judged.edges
    start, learnt = shipped_edges(), _learnt_from(a_little_wide)
    assert taken is not None
    for name, tensor in taken.items():
        halfway = (start[name].float() + learnt[name].float()) / 2
        torch.testing.assert_close(tensor, halfway.half())


def test_two_boxes_are_enough_to_learn_from_and_one_is_not(tuned: Tuned) -> None:
    one_each = [replace(e, boxes=e.boxes[:1], labels=e.labels[:1]) for e in tuned.train]
    of_two, of_one = (
        learn_edges(tuned.detector, tuned.result, one_each[:number], most_steps=2)
        for number in (2, 1)
    )
    assert of_two.bundle.edges is not None
    assert of_one is tuned.result


def test_ten_steps_are_enough_for_a_cycle_of_the_rate(tuned: Tuned) -> None:
    assert learn_edges(tuned.detector, tuned.result, tuned.train[:1], most_steps=10).bundle.edges


def _learnt_from(train: list[Example]) -> dict[str, torch.Tensor]:
    """What forty steps make of the start."""
    finder = EdgeFinder.shipped(torch.device("cpu"))
    lesson = lesson_from(finder, train, times_per_box=8, seed=0)
    assert lesson is not None
    learn(finder, lesson, steps=40, batch_size=32, learning_rate=1e-3, seed=0)
    return finder.tensors


def test_a_bad_lesson_is_not_kept(tuned: Tuned) -> None:
    spoilt = learn_edges(tuned.detector, tuned.result, _shifted(tuned.train), most_steps=40)
    assert spoilt.bundle.as_judged.edges is None or _is_start(spoilt)


def test_where_a_lesson_is_bad_and_the_start_good_that_is_taken(
    nano: Detector, tmp_path: Path
) -> None:
    exact = _tuned(nano, tmp_path, wider_by=0.0)
    spoilt = learn_edges(nano, exact.result, _shifted(exact.train), most_steps=40)
    assert _is_start(spoilt)
    assert spoilt.bundle.judged_edges is None
    assert spoilt.tuned.ap > exact.result.tuned.ap


def _shifted(examples: list[Example]) -> list[Example]:
    aside = np.array([30, 0, 30, 0], np.float32)
    return [replace(e, boxes=e.boxes - aside) for e in examples]


def _is_start(result: TuneResult) -> bool:
    edges, start = result.bundle.edges, shipped_edges()
    return edges is not None and all(torch.equal(edges[name], start[name]) for name in start)


def test_without_a_prompt_the_done_images_say_whether_the_start_helps(
    tuned: Tuned, tmp_path: Path
) -> None:
    predictor = Predictor(tuned.detector, DISC, min_score=0.05)
    exact = [example(tmp_path, seed) for seed in range(10, 14)]
    assert start_helps(predictor, exact)
    assert start_helps(predictor, exact[:2])  # eight boxes tell nothing, but nano is known
    far_wider = [example(tmp_path, seed, wider_by=0.3) for seed in range(10, 14)]
    assert not start_helps(predictor, far_wider)


def test_an_image_that_cannot_be_read_does_not_judge(tuned: Tuned, tmp_path: Path) -> None:
    predictor = Predictor(tuned.detector, DISC, min_score=0.05)
    exact = [example(tmp_path, seed) for seed in range(10, 14)]
    exact[0].image_path.write_bytes(b"not an image")
    assert start_helps(predictor, exact)


def test_a_stop_while_images_judge_is_a_stop(tuned: Tuned, tmp_path: Path) -> None:
    predictor = Predictor(tuned.detector, DISC, min_score=0.05)
    exact = [example(tmp_path, seed) for seed in range(10, 14)]
    with pytest.raises(TuneInterrupted):
        start_helps(predictor, exact, should_stop=lambda: True)


def test_nothing_is_learnt_where_no_image_is_left_to_judge(tuned: Tuned) -> None:
    everyone = [*tuned.train, *(pair.example for pair in tuned.result.judged)]
    assert learn_edges(tuned.detector, tuned.result, everyone) is tuned.result


def test_a_stop_while_edges_are_learnt_is_a_stop_of_the_tuning(tuned: Tuned) -> None:
    with pytest.raises(TuneInterrupted):
        learn_edges(tuned.detector, tuned.result, tuned.train, should_stop=lambda: True)


@pytest.fixture(scope="module")
def two(nano: Detector, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    """Discs and tiles, under names that tell the detector nothing; the prompt has hardly begun to learn."""
    folder = tmp_path_factory.mktemp("two")
    labelled = [example_of_two(folder, seed) for seed in range(9)]
    config = TuneConfig(steps=1, eval_every=1, batch_size=2)
    result = tune(nano, labelled[:6], labelled[6:], config, categories=TWO)
    return Tuned(nano, labelled[:6], result)


def test_names_are_learnt_where_the_detector_confuses_classes(two: Tuned) -> None:
    named = learn_names(two.detector, two.result, two.train)
    assert named.bundle.names is not None
    assert named.tuned.ap50 > 1.2 * two.result.tuned.ap50
    assert named.has_gained


def test_names_come_on_top_of_edges(two: Tuned) -> None:
    with_edges = learn_edges(two.detector, two.result, two.train, most_steps=4)
    named = learn_names(two.detector, with_edges, two.train)
    assert named.prompt_alone is two.result
    assert named.bundle.edges is with_edges.bundle.edges


def test_who_judged_the_names_teaches_them_afterwards_and_what_was_judged_stays(two: Tuned) -> None:
    named = learn_names(two.detector, two.result, two.train)
    now, then = named.bundle.names, named.bundle.as_judged.names
    assert now is not None
    assert then is not None
    assert not torch.equal(now["weight"], then["weight"])
    pair = named.judged[0]
    predictor = Predictor(two.detector, TWO, named.bundle.as_judged, min_score=0.01)
    (found,) = predictor.predict([pair.example.image_path])
    np.testing.assert_allclose(found.scores[:4], pair.prediction.scores[:4], atol=0.01)


def test_an_older_prompt_is_measured_under_the_new_second_look(two: Tuned) -> None:
    named = learn_names(two.detector, two.result, two.train)
    alone = judged_by_the_same(two.detector, named.bundle, named, min_score=0.01)
    mixed = with_look_of(two.detector, alone, named.bundle, classes=TWO)
    assert alone.bundle.names is None
    assert mixed.bundle.names is named.bundle.names
    assert mixed.bundle.as_judged.names is named.bundle.as_judged.names
    assert mixed.tuned.ap50 == pytest.approx(named.tuned.ap50, abs=0.02)
    assert with_look_of(two.detector, alone, alone.bundle, classes=TWO) is alone


def test_wrong_names_are_not_kept(two: Tuned) -> None:
    swapped = [replace(e, labels=1 - e.labels) for e in two.train]
    assert learn_names(two.detector, two.result, swapped) is two.result


def test_judges_with_few_boxes_are_not_clearly_against_anything() -> None:
    before, after = Metrics(0.5, 0.7, {}, 1), Metrics(0.38, 0.6, {}, 1)
    assert may_be_as_good(after, before, num_boxes=9)
    assert not may_be_as_good(after, before, num_boxes=30)


def test_another_backbone_than_nano_needs_judges_that_are_for_it(two: Tuned) -> None:
    other = load_nano(nano_folder(), torch.device("cpu"), name="another")
    named = learn_names(two.detector, two.result, two.train)
    as_good = replace(two.result, tuned=named.tuned)
    assert learn_names(two.detector, as_good, two.train).bundle.names is not None
    assert learn_names(other, as_good, two.train) is as_good


def test_names_are_not_learnt_where_no_image_is_left_to_judge(two: Tuned) -> None:
    everyone = [*two.train, *(pair.example for pair in two.result.judged)]
    assert learn_names(two.detector, two.result, everyone) is two.result


def test_a_stop_while_names_are_learnt_is_a_stop_of_the_tuning(two: Tuned) -> None:
    with pytest.raises(TuneInterrupted):
        learn_names(two.detector, two.result, two.train, should_stop=lambda: True)
