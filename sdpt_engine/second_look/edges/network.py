"""The network: frozen maps of a cut-out in, for each edge a distribution over where it lies out.

N cut-outs, 32 places along a side. An edge as a distribution whose mean is its place is the idea of Generalized
Focal Loss (Li et al. 2020); here it runs along the whole cut-out, one axis at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sdpt_engine.backbones.efficientnet_lite import EfficientNetLite0

PLACES = 32
_WIDTH = 64
_CHANNELS = (24, 40, 112)
_STAGES = (1, 2, 4)  # of the encoder: strides 4, 8, 16
_DISTANCE_WEIGHT = 5.0


class Maps(NamedTuple):
    """What the frozen encoder makes of cut-outs: [N, 24, 32, 32], [N, 40, 16, 16], [N, 112, 8, 8]."""

    fine: Tensor
    middle: Tensor
    coarse: Tensor

    def at(self, indices: Tensor) -> Maps:
        """Some of the cut-outs, in full precision."""
        return Maps(*(level[indices].float() for level in self))


@torch.no_grad()
def encode(encoder: EfficientNetLite0, crops: Tensor) -> Maps:
    """The maps of crops [N, 3, 128, 128]."""
    return Maps(*encoder.maps(crops, _STAGES))


class EdgeNetwork(nn.Module):
    """Maps to logits [N, 4, 32]: left, top, right, bottom, over places along the width or the height."""

    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = _CHANNELS
        self.fine, self.middle, self.coarse = (
            nn.Conv2d(n, _WIDTH, 1) for n in (fine, middle, coarse)
        )
        self.position = nn.Parameter(torch.zeros(_WIDTH, PLACES, PLACES))
        self.trunk = nn.Sequential(*_normed(), *_wide(1), *_wide(2), *_wide(4))
        self.across, self.down = _along(), _along()

    def forward(self, maps: Maps) -> Tensor:
        hidden = self.fine(maps.fine) + self.position
        for layer, level in ((self.middle, maps.middle), (self.coarse, maps.coarse)):
            hidden = hidden + F.interpolate(layer(level), size=(PLACES, PLACES), mode="bilinear")
        hidden = self.trunk(hidden)
        across = self.across(torch.cat((hidden.mean(2), hidden.amax(2)), dim=1))  # [N, 2, 32]
        down = self.down(torch.cat((hidden.mean(3), hidden.amax(3)), dim=1))
        return torch.stack((across[:, 0], down[:, 0], across[:, 1], down[:, 1]), dim=1)


def places(logits: Tensor) -> Tensor:
    """The mean of each distribution: [N, 4, 32] to shares [N, 4] in 0..1 of the cut-out."""
    return (logits.softmax(dim=-1) * _centres(logits)).sum(dim=-1)


def scatter(logits: Tensor) -> Tensor:
    """The standard deviation of each distribution: [N, 4, 32] to shares [N, 4] of the cut-out."""
    off = _centres(logits) - places(logits)[..., None]
    return (logits.softmax(dim=-1) * off**2).sum(dim=-1).sqrt()


def _centres(logits: Tensor) -> Tensor:
    return (torch.arange(PLACES, device=logits.device) + 0.5) / PLACES


def edge_loss(logits: Tensor, shares: Tensor) -> Tensor:
    """Cross entropy with the two places around each true edge, and the distance from it. `shares` [N, 4]."""
    exact = (shares * PLACES - 0.5).clamp(0, PLACES - 1)
    below = exact.floor().long().clamp(max=PLACES - 2)
    above = exact - below
    likely = logits.log_softmax(dim=-1)
    entropy = -(
        likely.gather(-1, below[..., None])[..., 0] * (1 - above)
        + likely.gather(-1, below[..., None] + 1)[..., 0] * above
    )
    return entropy.mean() + _DISTANCE_WEIGHT * (places(logits) - shares).abs().mean()


def together(parts: Sequence[Maps]) -> Maps:
    """Maps of several lots of cut-outs as one, in half precision: they are kept, not trained."""
    levels = zip(*parts, strict=True)
    return Maps(*(torch.cat([level.half() for level in lots]) for lots in levels))


def _normed() -> list[nn.Module]:
    return [nn.GroupNorm(8, _WIDTH), nn.ReLU()]


def _wide(dilation: int) -> list[nn.Module]:
    layer = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=dilation, dilation=dilation)
    return [layer, *_normed()]


def _along() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(2 * _WIDTH, _WIDTH, 3, padding=1), nn.ReLU(), nn.Conv1d(_WIDTH, 2, 1)
    )
