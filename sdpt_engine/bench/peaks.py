"""Peak memory of a way to train, measured in a process of its own that does nothing else.

`python -m sdpt_engine.bench.peaks WHAT SUBJECT` prints the peak in bytes. WHAT trains prompts on cached encoder
outputs, or everything behind the frozen encoders, or the whole model; the latter two as transformers does.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from sdpt_engine.backbones import load_detector
from sdpt_engine.backbones.grounding_dino import GroundingDinoDetector
from sdpt_engine.bench.plain import whole_output
from sdpt_engine.bench.subjects import RANDOM_CLASSES, Subject, from_noise, random_subject
from sdpt_engine.errors import EngineError

WAYS = ("loading", "prompts", "prompts-frugal", "behind-encoders", "whole-model")
TINY, SWIN = "tiny", "swin"
_BATCH = 4
_STEPS = 2


def peak_bytes(way: str, subject: str) -> int:
    """Largest resident size of a fresh process that takes a few optimiser steps in the given way."""
    done = subprocess.run(
        [sys.executable, "-m", "sdpt_engine.bench.peaks", way, subject],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise EngineError(f"Measuring the memory of '{way}' on '{subject}' failed: {last}")
    return int(done.stdout)


def take_steps(way: str, subject: Subject) -> None:
    """A few optimiser steps: forward, loss, backward, Adam."""
    detector = subject.detector
    model: Any = detector.model
    if way == "loading":
        return
    if way.startswith("prompts"):
        detector.saves_memory = way == "prompts-frugal"
        prompts = subject.prompts()
        _train(prompts.parameters(), lambda: subject.tuning_loss(prompts))
        return
    model.requires_grad_(True)
    if way == "behind-encoders":
        model.model.backbone.requires_grad_(False)
        model.model.text_backbone.requires_grad_(False)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    _train(
        trained, lambda: subject.loss_of(whole_output(model, subject.pixels, subject.text.caption))
    )


def _train(parameters: Iterable[nn.Parameter], loss_of: Any) -> None:
    optimizer = torch.optim.AdamW(list(parameters), lr=1e-6)
    for _ in range(_STEPS):
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss_of())
        optimizer.step()


def _subject(name: str) -> Subject:
    if name in (TINY, SWIN):
        size = (64, 96) if name == TINY else (480, 640)
        return random_subject(size, is_tiny=name == TINY)
    detector = load_detector(name, device="cpu")
    if not isinstance(detector, GroundingDinoDetector):
        raise EngineError(
            f"Speed is measured on the Grounding DINO family, and '{name}' is not of it."
        )
    return from_noise(detector, RANDOM_CLASSES, (480, 640), number=_BATCH)


def main(way: str, subject: str) -> None:
    take_steps(way, _subject(subject))
    unit = 1 if sys.platform == "darwin" else 1024
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}\n")


if __name__ == "__main__":
    main(*sys.argv[1:3])
