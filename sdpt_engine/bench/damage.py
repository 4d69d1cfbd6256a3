"""A detector made worse on purpose, to see what a method does with a backbone of any quality.

B images, K candidates, C classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sdpt_engine.errors import InvalidExampleError

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Caption, Detector, DetectorOutput

_SEED = 0


def damage(detector: Detector, share: float) -> Detector:
    """The same detector, changed in place: that share of its candidates swap their scores among each other.

    Scores stay as high as they were and say less about what is where: at 1 the detector is sure and blind.
    Raises InvalidExampleError for a share outside 0..1.
    """
    if not 0.0 <= share <= 1.0:
        raise InvalidExampleError(f"The damaged share must lie between 0 and 1; found {share}.")
    intact = detector.candidates

    def candidates(output: DetectorOutput, caption: Caption) -> tuple[Tensor, Tensor]:
        scores, boxes = intact(output, caption)  # [B, K, C], [B, K, 4]
        return scores[:, _swaps(scores.shape[1], share).to(scores.device)], boxes

    if share > 0.0:
        setattr(detector, "candidates", candidates)  # noqa: B010  a method of this one detector alone
    return detector


def _swaps(number: int, share: float) -> Tensor:
    """For each of K candidates, whose scores it gets; the same at every call."""
    chance = torch.Generator().manual_seed(_SEED)
    chosen = torch.randperm(number, generator=chance)[: round(share * number)]
    order = torch.arange(number)
    order[chosen] = chosen[torch.randperm(len(chosen), generator=chance)]
    return order
