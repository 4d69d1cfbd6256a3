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
    """The same detector, changed in place: that share of its candidates is displaced and swaps its scores.

    Scores stay as high as they were and say nothing of those places: at 1 the detector is sure and blind.
    Raises InvalidExampleError for a share outside 0..1.
    """
    if not 0.0 <= share <= 1.0:
        raise InvalidExampleError(f"The damaged share must lie between 0 and 1; found {share}.")
    intact = detector.candidates

    def candidates(output: DetectorOutput, caption: Caption) -> tuple[Tensor, Tensor]:
        scores, boxes = intact(output, caption)  # [B, K, C], [B, K, 4]
        order, moves = _chaos(scores.shape[1], share)  # [K], [K, 2]
        moved = boxes.clone()
        moved[..., :2] = (boxes[..., :2] + moves.to(boxes) * boxes[..., 2:]).clamp(0.0, 1.0)
        return scores[:, order.to(scores.device)], moved

    if share > 0.0:
        setattr(detector, "candidates", candidates)  # noqa: B010  a method of this one detector alone
    return detector


def _chaos(number: int, share: float) -> tuple[Tensor, Tensor]:
    """Of K candidates: whose scores each gets, and by how many of its own sides it moves; the same at every call."""
    chance = torch.Generator().manual_seed(_SEED)
    chosen = torch.randperm(number, generator=chance)[: round(share * number)]
    order, moves = torch.arange(number), torch.zeros(number, 2)
    order[chosen] = chosen[torch.randperm(len(chosen), generator=chance)]
    moves[chosen] = torch.randint(0, 2, (len(chosen), 2), generator=chance) * 2.0 - 1.0
    return order, moves
