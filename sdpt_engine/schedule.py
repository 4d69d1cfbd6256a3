"""The learning rate over a run."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR

WARMUP_SHARE = 0.05
FINAL_SHARE = 0.1


def learning_rate_factor(step: int, total_steps: int) -> float:
    """Factor in (0, 1] for `step` (from 0): a short linear rise, then a cosine to a tenth."""
    warmup = max(1, round(total_steps * WARMUP_SHARE))
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, total_steps - warmup)
    return FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def one_cycle(
    optimizer: Optimizer,
    peak: float | Sequence[float],
    *,
    steps: int,
    warm_up: float,
    cycles_momentum: bool = True,
) -> OneCycleLR:
    """Up to the peak (one, or one for each group) in a share of the steps, and down again (Smith & Topin 2019).

    torch divides by the length of the rise less one step; a rise that is one step long takes half a step more.
    """
    total = max(steps, 2)
    if warm_up * total == 1.0:
        warm_up = 1.5 / total
    peaks = peak if isinstance(peak, float) else list(peak)
    return OneCycleLR(
        optimizer, peaks, total_steps=total, pct_start=warm_up, cycle_momentum=cycles_momentum
    )
