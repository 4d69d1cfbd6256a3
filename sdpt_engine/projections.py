"""Inverse linear projections: from the modality-aligning space back to the inputs of a frozen projection."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def pseudo_inverse(weight: Tensor, rcond: float) -> tuple[Tensor, float]:
    """Left inverse J [in, out] of `weight` [out, in] with J W = I, and the condition number of W.

    Worked out in float64: singular values below rcond * largest count as zero.
    """
    left, singular, right = torch.linalg.svd(weight.detach().cpu().double(), full_matrices=False)
    condition = float(singular[0] / singular[-1].clamp_min(torch.finfo(torch.float64).tiny))
    kept = singular > rcond * singular[0]
    inverted = torch.where(kept, 1 / singular.clamp_min(torch.finfo(torch.float64).tiny), 0.0)
    return (right.T * inverted @ left.T).to(torch.float32), condition


def bias_of(projection: nn.Linear) -> Tensor:
    """The bias [out] of a linear map, zeros where it has none; a copy on the CPU."""
    # nn.Linear declares its bias as a Tensor, though it is None when built without one.
    bias: Tensor | None = projection.bias
    if bias is None:
        return torch.zeros(projection.out_features)
    return bias.detach().cpu().float().clone()
