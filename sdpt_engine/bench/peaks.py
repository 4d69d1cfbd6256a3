"""Peak memory of a way to train, measured in a process of its own that does nothing else.

`python -m sdpt_engine.bench.peaks WAY SUBJECT` prints it in MB. A way trains prompts on cached encoder outputs, or
everything behind the frozen encoders, or the whole model; the latter two as transformers does.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from sdpt_engine.backbones import load_detector
from sdpt_engine.bench.memory import PeakMemory
from sdpt_engine.bench.subjects import (
    RANDOM_CLASSES,
    Subject,
    from_noise,
    random_subject,
    require_family,
)
from sdpt_engine.errors import EngineError

WAYS = ("loading", "prompts", "prompts-frugal", "behind-encoders", "whole-model")
SWIN = "swin-t-sized"
SWIN_SIZE_HW = (480, 640)
_BATCH = 4
_STEPS = 2


def peak_megabytes(way: str, subject: str) -> float:
    """Of a fresh process that takes a few optimiser steps in the given way."""
    done = subprocess.run(
        [sys.executable, "-m", "sdpt_engine.bench.peaks", way, subject],
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
    detector = subject.detector
    model: Any = detector.model
    if way == "loading":
        return
    if way.startswith("prompts"):
        detector.saves_memory = way == "prompts-frugal"
        prompts = subject.prompts()
        _train(prompts.parameters(), lambda: subject.tuning_loss(prompts))
        detector.saves_memory = False
        return
    trained = dict(model.named_parameters())
    if way == "behind-encoders":
        frozen = ("model.backbone.", "model.text_backbone.")
        trained = {name: p for name, p in trained.items() if not name.startswith(frozen)}
    for parameter in trained.values():
        parameter.requires_grad_(True)
    _train(trained.values(), subject.whole_loss)
    model.requires_grad_(False).zero_grad()


def _train(parameters: Iterable[nn.Parameter], loss_of: Callable[[], Tensor]) -> None:
    optimizer = torch.optim.AdamW(list(parameters), lr=1e-6)
    for _ in range(_STEPS):
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss_of())
        optimizer.step()


def _subject(name: str) -> Subject:
    if name == SWIN:
        return random_subject(SWIN_SIZE_HW)
    detector = require_family(load_detector(name, device="cpu"))
    return from_noise(detector, RANDOM_CLASSES, (480, 640), number=_BATCH)


if __name__ == "__main__":
    sys.stdout.write(f"{peak_of_steps(sys.argv[1], _subject(sys.argv[2])):.1f}\n")
