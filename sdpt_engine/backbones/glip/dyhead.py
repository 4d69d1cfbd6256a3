"""The step on the image side of the tower: each level is mended from itself and its two neighbours.

B images, C channels, h and w of a level.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from sdpt_engine.backbones.glip.deform_conv import TAPS, DeformableConv

_FROM_COARSER, _FROM_SAME, _FROM_FINER = 0, 1, 2
_STRIDES = (1, 1, 2)


class Branch(nn.Module):
    """A deformable convolution and its GroupNorm, shared by all levels."""

    def __init__(self, channels: int, *, stride: int, groups: int) -> None:
        super().__init__()
        self.conv = DeformableConv(channels, stride=stride)
        self.norm = nn.GroupNorm(groups, channels, eps=1e-5)

    def forward(self, features: Tensor, offsets: Tensor, mask: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.conv(features, offsets, mask))
        return normed


class DynamicRelu(nn.Module):
    """max(y a1 + b1, y a2 + b2), its slopes and shifts worked out from the map's mean."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // reduction)
        self.expand = nn.Linear(channels // reduction, 4 * channels)

    def forward(self, features: Tensor) -> Tensor:
        """[B, C, h, w] to the same."""
        wide = self.expand(F.relu(self.squeeze(features.mean((2, 3)))))
        slope1, shift1, slope2, shift2 = (F.hardsigmoid(wide) - 0.5)[:, :, None, None].chunk(
            4, dim=1
        )  # [B, C, 1, 1] each
        first = features * (2.0 * slope1 + 1.0) + shift1
        return first.maximum(features * (2.0 * slope2) + shift2)


class PyramidStep(nn.Module):
    """Level by level: up to three branches, each weighed by a gate, their mean through the dynamic ReLU."""

    def __init__(self, channels: int, *, groups: int, reduction: int) -> None:
        super().__init__()
        self.offset = nn.Conv2d(channels, 3 * TAPS, 3, padding=1)
        self.branches = nn.ModuleList(
            Branch(channels, stride=stride, groups=groups) for stride in _STRIDES
        )
        self.gate = nn.Conv2d(channels, 1, 1)
        self.relu = DynamicRelu(channels, reduction)

    def forward(self, levels: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Maps [B, C, h, w], finest first, to the same; no level sees another's new state."""
        return tuple(self.relu(self._gathered(levels, number)) for number in range(len(levels)))

    def _gathered(self, levels: tuple[Tensor, ...], number: int) -> Tensor:
        here = levels[number]
        moved = self.offset(here)
        place = (moved[:, : 2 * TAPS], moved[:, 2 * TAPS :].sigmoid())
        found = [self.branches[_FROM_SAME](here, *place)]
        if number > 0:
            found.append(self.branches[_FROM_FINER](levels[number - 1], *place))
        if number + 1 < len(levels):
            coarse = self.branches[_FROM_COARSER](levels[number + 1], *place)
            size = here.shape[-2:]
            found.append(F.interpolate(coarse, size, mode="bilinear", align_corners=True))
        total: Tensor = self._weight(found[0]) * found[0]
        for branch in found[1:]:
            total = total + self._weight(branch) * branch
        return total / len(found)

    def _weight(self, branch: Tensor) -> Tensor:
        """[B, C, h, w] to [B, 1, 1, 1] in 0.5..1."""
        gate: Tensor = self.gate(branch.mean((2, 3), keepdim=True))
        weight: Tensor = F.hardsigmoid(F.relu(gate))
        return weight
