"""Peak memory of a way to train, measured in a process of its own that does nothing else.

`python -m sdpt_engine.bench.peaks WAY SUBJECT CLASS...` prints it in MB. A way trains prompts on cached encoder
outputs, or everything behind the frozen encoders, or the whole model; the latter two with the rival's own model.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sdpt_engine.backbones import load_detector
from sdpt_engine.backbones.base import Detector
from sdpt_engine.bench.memory import PeakMemory
from sdpt_engine.bench.random_models import is_random_model
from sdpt_engine.bench.subjects import Subject, from_noise, random_subject
from sdpt_engine.errors import EngineError
from sdpt_engine.types import ObjectClass

LOADING, PROMPTS, FRUGAL = "loading", "prompts", "prompts-frugal"
BEHIND_ENCODERS, WHOLE_MODEL = "behind-encoders", "whole-model"
SIZE_HW = (480, 640)
_BATCH = 4
_STEPS = 2


def ways_of(detector: Detector) -> tuple[str, ...]:
    """What there is to measure; a family that always saves memory has no way without."""
    tuned = (PROMPTS,) if detector.saves_memory else (PROMPTS, FRUGAL)
    return (LOADING, *tuned, BEHIND_ENCODERS, WHOLE_MODEL)


def peak_megabytes(way: str, subject: str, classes: Sequence[ObjectClass]) -> float:
    """Of a fresh process that takes a few optimiser steps in the given way.

    `subject` is a backbone or a random model; `classes` have words that a backbone knows.
    """
    texts = [item.prompt_text for item in classes]
    done = subprocess.run(
        [sys.executable, "-m", "sdpt_engine.bench.peaks", way, subject, *texts],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise EngineError(f"Measuring the memory of '{way}' on '{subject}' failed: {last}")
    return float(done.stdout)


def peak_of_steps(way: str, subject: Subject) -> float:
    """In this process, MB: what is resident at the most during the steps."""
    with PeakMemory(torch.device("cpu")) as peak:
        take_steps(way, subject)
    return peak.megabytes


def take_steps(way: str, subject: Subject) -> None:
    """A few optimiser steps: forward, loss, backward, Adam. Loading takes none."""
    if way == LOADING:
        return
    if way in (PROMPTS, FRUGAL):
        _tune(subject, is_frugal=way == FRUGAL)
        return
    model: Any = subject.detector.model
    trained = dict(model.named_parameters())
    if way == BEHIND_ENCODERS:
        frozen = subject.rival.encoders
        trained = {name: p for name, p in trained.items() if not name.startswith(frozen)}
    for parameter in trained.values():
        parameter.requires_grad_(True)
    _train(trained.values(), subject.whole_loss)
    model.requires_grad_(False).zero_grad()


def _tune(subject: Subject, *, is_frugal: bool) -> None:
    detector, prompts = subject.detector, subject.prompts()
    before = detector.saves_memory
    detector.saves_memory = before or is_frugal
    _train(prompts.parameters(), lambda: subject.tuning_loss(prompts))
    detector.saves_memory = before


def _train(parameters: Iterable[nn.Parameter], loss_of: Callable[[], Tensor]) -> None:
    optimizer = torch.optim.AdamW(list(parameters), lr=1e-6)
    for _ in range(_STEPS):
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss_of())
        optimizer.step()


def _subject(name: str, texts: Sequence[str]) -> Subject:
    if is_random_model(name):
        return random_subject(name, SIZE_HW)
    detector = load_detector(name, device="cpu")
    classes = [ObjectClass(number, text, text) for number, text in enumerate(texts)]
    return from_noise(detector, classes, SIZE_HW, number=_BATCH)


if __name__ == "__main__":
    asked_way, asked_subject, *asked_texts = sys.argv[1:]
    peak = peak_of_steps(asked_way, _subject(asked_subject, asked_texts))
    sys.stdout.write(f"{peak:.1f}\n")
