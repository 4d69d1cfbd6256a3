"""The speed benchmark prints every row, and compares like with like. No test depends on a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from sdpt_engine.backbones.base import Detector
from sdpt_engine.bench.comparisons import Row, raw_difference
from sdpt_engine.bench.peaks import FRUGAL, ways_of
from sdpt_engine.bench.plain import rival_of
from sdpt_engine.bench.random_models import TINY_GLIP, TINY_GROUNDING_DINO
from sdpt_engine.bench.rival import concatenated
from sdpt_engine.bench.speed import SpeedReport, measure_speed
from sdpt_engine.bench.subjects import RANDOM_CLASSES, Subject, random_subject
from sdpt_engine.bench.timing import in_turns, matrix_share
from sdpt_engine.errors import EngineError
from sdpt_engine.types import Example, ObjectClass
from tests.engine.glip.scenes import CLASSES as SHAPES
from tests.engine.glip.scenes import TINY_GLIP as GLIP_FOLDER
from tests.engine.glip.scenes import write_scenes

NUM_IMAGES = 2  # the least that makes a batch
BLOOD = (ObjectClass(1, "white", "white blood cell"), ObjectClass(2, "red", "red blood cell"))


@pytest.fixture(scope="module", params=[TINY_GROUNDING_DINO, TINY_GLIP])
def tiny(request: pytest.FixtureRequest) -> Subject:
    return random_subject(request.param, (64, 96))


def test_both_take_turns_after_a_warm_up() -> None:
    calls: list[str] = []
    pair = in_turns(lambda: calls.append("ours"), lambda: calls.append("rival"), rounds=2)
    assert calls == ["ours", "rival", "ours", "rival", "rival", "ours"]
    assert pair.rounds == 2
    assert pair.ratio > 0


def test_only_matrix_products_count_as_such() -> None:
    matrix = torch.randn(300, 300)
    assert 0 < matrix_share(lambda: matrix @ matrix) <= 1
    assert matrix_share(lambda: matrix.exp()) == 0


@pytest.mark.parametrize("layers", ["all", "last-3"])
def test_rival_and_cached_step_have_the_same_loss_and_gradient(tiny: Subject, layers: str) -> None:
    prompts = tiny.prompts(layers)
    wanted = [p for p in prompts.parameters() if len(p)]
    mine = tiny.advanced(prompts).tuning_loss(prompts)
    with concatenated(tiny.detector, prompts):
        theirs = tiny.whole_loss()
    torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)
    for left, right in zip(
        torch.autograd.grad(mine, wanted), torch.autograd.grad(theirs, wanted), strict=True
    ):
        torch.testing.assert_close(left, right, atol=1e-4 * float(right.abs().max()), rtol=1e-3)


def test_rival_leaves_the_model_as_it_was(tiny: Subject) -> None:
    with torch.no_grad():
        before = tiny.whole_output()
        with concatenated(tiny.detector, tiny.prompts()):
            prompted = tiny.whole_output()
        after = tiny.whole_output()
    assert not torch.equal(prompted.logits, before.logits)
    assert torch.equal(after.logits, before.logits)


def test_what_the_rival_trains_is_what_the_detector_runs_behind_its_encoders(tiny: Subject) -> None:
    names = {name for name, _ in tiny.detector.model.named_parameters()}
    constant = {name for name in names if name.startswith(tiny.rival.encoders)}
    assert constant
    assert names - constant >= tiny.detector.body_parameters().keys()


def examples_of(paths: list[Path]) -> list[Example]:
    boxes, labels = np.array([[10, 10, 90, 80]], np.float32), np.array([0], np.int64)
    return [Example(path, boxes, labels) for path in paths]


def counts(report: SpeedReport) -> dict[str, int]:
    names = [row.what for row in report.rows]
    assert all(row.ratio > 0 for row in report.rows)
    return {w: sum(w in n for n in names) for w in ("step", "prediction", "folder", "peak")}


def test_quick_run_prints_every_row_and_equal_results(sample_folder: Path) -> None:
    paths = sorted((sample_folder / "images").glob("*"))[:NUM_IMAGES]
    heard: list[Row] = []
    report = measure_speed("nano", BLOOD, examples_of(paths), is_quick=True, on_row=heard.append)
    assert list(report.rows) == heard
    assert counts(report) == {"step": 3, "prediction": 2, "folder": 1, "peak": 4}
    assert report.remarks == ()


def test_glip_is_measured_beside_its_own_plain_model_and_the_report_says_so(tmp_path: Path) -> None:
    scenes = write_scenes(tmp_path, NUM_IMAGES, seed=3)
    report = measure_speed(str(GLIP_FOLDER), SHAPES, scenes, is_quick=True)
    assert counts(report) == {"step": 3, "prediction": 2, "folder": 1, "peak": 2}
    assert not any("transformers" in row.what for row in report.rows)
    assert "transformers has no GLIP" in report.remarks[0]
    assert "always" in report.remarks[1]


def test_rival_sees_what_the_engine_sees(tiny: Subject, tmp_path: Path) -> None:
    paths = [scene.image_path for scene in write_scenes(tmp_path, 2, seed=3)]
    boxes_px, scores = raw_difference(tiny.rival, RANDOM_CLASSES, paths)
    assert boxes_px < 1e-2
    assert scores < 1e-4
    shown = tiny.rival.predict_one_by_one(RANDOM_CLASSES, paths, min_score=0.0)
    assert len(shown) == len(paths)


def test_only_a_family_that_can_do_without_is_measured_saving_memory(tiny: Subject) -> None:
    assert (FRUGAL in ways_of(tiny.detector)) == (not tiny.detector.saves_memory)


def test_a_detector_of_another_family_is_refused() -> None:
    class Other:
        name = "other"

    with pytest.raises(EngineError, match="'other' is neither"):
        rival_of(cast("Detector", cast("Any", Other())))
