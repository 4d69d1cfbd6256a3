"""Tune or keep: what is adopted has gained, and against the prompt in use too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sdpt_engine
from app.bundles import adopt_bundle, list_bundles
from app.comparison import compare
from app.following import follow
from app.progress import ignore_progress
from app.settings import choose_backbone
from app.tuning import TuneRequest, enqueue_tune
from app.workspace import Workspace
from sdpt_engine.backbones.base import Detector
from sdpt_engine.tuning import Judged, TuneResult, tune
from sdpt_engine.types import Example, Metrics, ObjectClass, Prediction, TuneConfig
from sdpt_engine.verdict import may_find_as_much
from storage.types import JobStatus
from tests.app.blood_cells import SAMPLES, blood_cells, now

CLASSES = (ObjectClass(1, "cell", "red blood cell"),)
BOX = np.array([[10, 10, 60, 60]], np.float32)
LABEL = np.zeros(1, np.int64)
POOR, GOOD = Metrics(0.10, 0.20, {}, 1), Metrics(0.30, 0.50, {}, 1)


@pytest.fixture(scope="module")
def nano() -> Detector:
    return sdpt_engine.load_detector("nano", device="cpu")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with blood_cells(tmp_path) as made:
        choose_backbone(made, "nano")
        yield made


@pytest.fixture(scope="module")
def result(nano: Detector) -> TuneResult:
    """A real bundle of one step, on whose figures the tests put others."""
    path = min((SAMPLES / "images").glob("*.jpg"))
    example = Example(path, BOX, LABEL)
    made = tune(nano, [example], [], TuneConfig(steps=1, batch_size=1), categories=CLASSES)
    found = Prediction(BOX, np.array([0.9], np.float32), LABEL, (640, 480))
    judged = (Judged(example, found),)
    return replace(made, zero_shot=POOR, tuned=GOOD, judged=judged, best_step=1)


def test_first_prompt_that_gains_is_adopted(
    workspace: Workspace, nano: Detector, result: TuneResult
) -> None:
    assert compare(workspace, nano, result, classes=CLASSES).is_better


@pytest.mark.parametrize(
    "figures",
    [
        {"tuned": POOR},
        {"tuned": Metrics(0.1005, 0.21, {}, 1)},  # a hair
        {"tuned": Metrics(0.30, 0.15, {}, 1)},  # better placed, but finds less
        {"best_step": 0},  # it is the start that was kept
    ],
)
def test_prompt_without_a_gain_is_kept_as_a_choice_only(
    workspace: Workspace, nano: Detector, result: TuneResult, figures: dict[str, object]
) -> None:
    comparison = compare(workspace, nano, replace(result, **figures), classes=CLASSES)  # type: ignore[arg-type]
    assert not comparison.is_better
    assert "not adopted" in comparison.reason


def _unlucky(result: TuneResult, *, num_boxes: int) -> TuneResult:
    """With a second look, judged on so many boxes, somewhat below the detector alone."""
    judged = _finding_nothing(result, num_boxes=num_boxes).judged
    below = {"zero_shot": Metrics(0.10, 0.25, {}, 1), "tuned": Metrics(0.08, 0.17, {}, 1)}
    return replace(result, judged=judged, prompt_alone=result, **below)  # type: ignore[arg-type]


def test_few_boxes_without_a_gain_do_not_speak_against_a_second_look_of_nano(
    workspace: Workspace, nano: Detector, result: TuneResult
) -> None:
    few = compare(workspace, nano, _unlucky(result, num_boxes=9), classes=CLASSES)
    many = compare(workspace, nano, _unlucky(result, num_boxes=10), classes=CLASSES)
    assert few.is_better
    assert "(on 9 boxes, too few to tell), and nano is known to gain" in few.reason
    assert not many.is_better


@pytest.mark.parametrize(
    "figures",
    [
        {"prompt_alone": None},  # a prompt by itself, from few images, finds next to nothing
        {"tuned": Metrics(0.0, 0.0, {}, 1)},  # it finds nothing at all
        {"zero_shot": Metrics(0.60, 0.80, {}, 1)},  # clearly below the detector alone
    ],
)
def test_few_boxes_speak_against_what_luck_does_not_explain(
    workspace: Workspace, nano: Detector, result: TuneResult, figures: dict[str, object]
) -> None:
    unlucky = replace(_unlucky(result, num_boxes=2), **figures)  # type: ignore[arg-type]
    assert not compare(workspace, nano, unlucky, classes=CLASSES).is_better


@pytest.fixture
def in_use(workspace: Workspace) -> Workspace:
    job = enqueue_tune(workspace, TuneRequest(steps=6), now())
    assert follow(workspace, job.id, device="cpu", on_progress=ignore_progress).status is (
        JobStatus.SUCCEEDED
    )
    adopt_bundle(workspace, list_bundles(workspace)[-1].id, now())  # whatever six steps are worth
    return workspace


def _finding_nothing(result: TuneResult, *, num_boxes: int) -> TuneResult:
    """As if it had been judged by an image with this many boxes, and found none of them."""
    (pair,) = result.judged
    nothing = Prediction(BOX[:0], np.zeros(0, np.float32), LABEL[:0], (640, 480))
    boxes = BOX.repeat(num_boxes, axis=0) + np.arange(num_boxes, dtype=np.float32)[:, None]
    example = replace(pair.example, boxes=boxes, labels=LABEL.repeat(num_boxes))
    return replace(result, judged=(Judged(example, nothing),))


def test_prompt_in_use_stays_when_the_new_one_finds_clearly_less(
    in_use: Workspace, nano: Detector, result: TuneResult
) -> None:
    comparison = compare(in_use, nano, _finding_nothing(result, num_boxes=10), classes=CLASSES)
    assert not comparison.is_better
    assert "against" in comparison.reason


def test_a_few_boxes_do_not_speak_for_the_prompt_that_has_learnt_from_less(
    in_use: Workspace, nano: Detector, result: TuneResult
) -> None:
    comparison = compare(in_use, nano, _finding_nothing(result, num_boxes=9), classes=CLASSES)
    assert comparison.is_better
    assert "9 boxes, too few to tell" in comparison.reason


def test_a_newer_prompt_need_not_place_boxes_as_the_one_did_whose_boxes_were_accepted() -> None:
    placed, found = Metrics(0.9, 0.8, {}, 9), Metrics(0.6, 0.8, {}, 9)
    assert may_find_as_much(found, placed, num_boxes=100)


def test_a_newer_prompt_is_turned_down_where_luck_does_not_explain_that_it_finds_less() -> None:
    newer, older = Metrics(0.6, 0.74, {}, 9), Metrics(0.6, 0.8, {}, 9)
    assert may_find_as_much(newer, older, num_boxes=25)
    assert not may_find_as_much(newer, older, num_boxes=100)
    assert not may_find_as_much(replace(newer, ap50=0.0), replace(older, ap50=0.0), num_boxes=25)
