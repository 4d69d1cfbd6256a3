"""The speed benchmark prints every row, and compares like with like. No test depends on a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sdpt_engine.bench.plain import concatenated, whole_output
from sdpt_engine.bench.speed import Row, measure_speed
from sdpt_engine.bench.subjects import Subject, random_subject
from sdpt_engine.bench.timing import in_turns, matrix_share
from sdpt_engine.types import Example, ObjectClass

BLOOD = (ObjectClass(1, "white", "white blood cell"), ObjectClass(2, "red", "red blood cell"))


@pytest.fixture(scope="module")
def tiny() -> Subject:
    return random_subject((64, 96), is_tiny=True)


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
        before = whole_output(tiny.detector.model, tiny.pixels, tiny.text.caption)
        with concatenated(tiny.detector, tiny.prompts()):
            prompted = whole_output(tiny.detector.model, tiny.pixels, tiny.text.caption)
        after = whole_output(tiny.detector.model, tiny.pixels, tiny.text.caption)
    assert not torch.equal(prompted.logits, before.logits)
    assert torch.equal(after.logits, before.logits)


def test_quick_run_prints_every_row_and_equal_results(sample_folder: Path) -> None:
    paths = sorted((sample_folder / "images").glob("*"))[:4]
    boxes, labels = np.array([[10, 10, 90, 80]], np.float32), np.array([0], np.int64)
    examples = [Example(path, boxes, labels) for path in paths]
    heard: list[Row] = []
    report = measure_speed("nano", BLOOD, examples, is_quick=True, on_row=heard.append)
    assert list(report.rows) == heard
    names = [row.what for row in report.rows]
    counts = {w: sum(w in n for n in names) for w in ("step", "prediction", "folder", "peak")}
    assert counts == {"step": 3, "prediction": 2, "folder": 1, "peak": 4}
    assert all(row.ratio > 0 for row in report.rows)
