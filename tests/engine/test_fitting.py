"""The loop under pressure: short memory, a schedule that fades the prompt in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sdpt_engine.asking import ask
from sdpt_engine.backbones.base import Detector
from sdpt_engine.data import View, ViewCache
from sdpt_engine.fitting import Fit, Material
from sdpt_engine.prompt import PromptSet
from sdpt_engine.types import Example, ObjectClass, PromptConfig, TuneConfig

THINGS = (ObjectClass(1, "disc", "red disc"),)


@pytest.fixture
def fit(nano: Detector, tmp_path: Path) -> Fit:
    examples = []
    for number in range(4):
        Image.new("RGB", (64, 64), (200, 40 * number, 0)).save(tmp_path / f"{number}.png")
        box = np.array([[8, 8, 40, 40]], np.float32)
        examples.append(Example(tmp_path / f"{number}.png", box, np.zeros(1, np.int64)))
    asked = ask(nano, THINGS)
    prompts = PromptSet(nano.fusion_sites(), [1], PromptConfig(num_tokens=2))
    material = Material(ViewCache(nano, examples, asked), ViewCache(nano, [], asked), (), THINGS)
    return Fit(nano, prompts, material, TuneConfig(steps=3))


def test_short_memory_costs_time_first_and_batch_size_then(
    fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[bool, int]] = []
    really = fit._backward

    def short_of_memory(views: Sequence[View]) -> tuple[float, dict[str, float]]:
        tried.append((fit.detector.saves_memory, len(views)))
        if len(views) > 1 or not fit.detector.saves_memory:
            raise torch.OutOfMemoryError
        return really(views)

    monkeypatch.setattr(fit, "_backward", short_of_memory)
    fit.run()
    assert tried[:4] == [(False, 4), (True, 4), (True, 2), (True, 1)]
    assert tried[4:] == [(True, 1), (True, 1)]
    assert not fit.detector.saves_memory  # for whoever comes next


def test_memory_that_never_suffices_is_said(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    def always_short(_views: Sequence[View]) -> tuple[float, dict[str, float]]:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(fit, "_backward", always_short)
    with pytest.raises(torch.OutOfMemoryError):
        fit.run()


def test_prompt_fades_in_and_then_stays(nano: Detector) -> None:
    prompts = PromptSet(nano.fusion_sites(), [1], PromptConfig(num_tokens=2))
    seen = []
    for step in (0, 1, 2, 3, 60):
        prompts.move_to(step, 60)
        seen.append(float(prompts.presence))
    assert seen == pytest.approx([0, 1 / 3, 2 / 3, 1, 1])


def test_step_zero_is_next_to_zero_shot(fit: Fit) -> None:
    nano, prompts, train = fit.detector, fit.adaptation, fit.material.train
    prompts.prepare(nano, [], [])

    def moved_by(step: int) -> float:
        prompts.move_to(step, 60)
        inputs = (train.view(0).images, train.asked[0].text)
        base, prompted = (nano.detect(*inputs, a).proposal_logits for a in (None, prompts))
        return float((prompted - base).abs().mean())

    with torch.no_grad():
        assert moved_by(0) < 0.1 * moved_by(60)
