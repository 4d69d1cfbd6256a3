"""The learning rate over a run."""

from __future__ import annotations

import math

WARMUP_SHARE = 0.05
FINAL_SHARE = 0.1


def learning_rate_factor(step: int, total_steps: int) -> float:
    """Factor in (0, 1] for `step` (from 0): a short linear rise, then a cosine to a tenth."""
    warmup = max(1, round(total_steps * WARMUP_SHARE))
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, total_steps - warmup)
    return FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
