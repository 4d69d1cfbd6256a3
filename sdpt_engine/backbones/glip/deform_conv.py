"""Modulated deformable convolution (Zhu et al. 2019) in plain PyTorch, 3 x 3 with padding 1.

B images, C channels in, O channels out, h and w of the map, p and q of the output.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

TAPS = 9
SAMPLES_AT_ONCE = 2**24  # numbers of the sampled columns that may exist at a time: 64 MB


class DeformableConv(nn.Module):
    """Each of the nine taps looks beside its place by an offset, and counts as much as its mask says."""

    def __init__(self, channels: int, *, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(channels, channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(channels))
        nn.init.normal_(self.weight, std=0.01)

    def forward(self, features: Tensor, offsets: Tensor, mask: Tensor) -> Tensor:
        """Map [B, C, h, w], offsets [B, 18, ...] px, mask [B, 9, ...] in 0..1 to [B, O, p, q].

        Offsets are (dy, dx) per tap, taps row by row. Their own height and width are those of the output,
        or larger: see `fitted`.
        """
        height, width = output_hw(features, self.stride)
        offsets, mask = fitted(offsets, (height, width)), fitted(mask, (height, width))
        rows = max(1, SAMPLES_AT_ONCE // (features.shape[:2].numel() * TAPS * width))
        parts = []
        for top in range(0, height, rows):
            part = slice(top, top + rows)
            operands = (features, offsets[:, :, part], mask[:, :, part], self.weight, self.bias)
            if torch.is_grad_enabled() and any(operand.requires_grad for operand in operands):
                # The samples are nine times the map: they are taken again on the way back. The weights come
                # along, for others may lie in this module by then.
                rows_of = partial(_rows, top=top, stride=self.stride)
                parts.append(checkpoint(rows_of, *operands, use_reentrant=False))
            else:
                parts.append(_rows(*operands, top=top, stride=self.stride))
        return torch.cat(parts, dim=2)


def _rows(
    features: Tensor,
    offsets: Tensor,
    mask: Tensor,
    weight: Tensor,
    bias: Tensor,
    *,
    top: int,
    stride: int,
) -> Tensor:
    """The output from row `top` on, as many rows as the offsets have."""
    batch, _, rows, width = mask.shape
    samples: Tensor = F.grid_sample(
        features,
        _places(features, offsets, top=top, stride=stride),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
    )  # [B, C, 9 * rows, width]
    columns = samples.view(batch, -1, TAPS, rows, width) * mask[:, None]
    columns = columns.reshape(batch, -1, rows * width)  # [B, C * 9, rows * width]
    out = weight.flatten(1) @ columns + bias[:, None]
    return out.view(batch, -1, rows, width)


def output_hw(features: Tensor, stride: int) -> tuple[int, int]:
    height, width = features.shape[-2:]
    return (height - 1) // stride + 1, (width - 1) // stride + 1


def fitted(values: Tensor, size: tuple[int, int]) -> Tensor:
    """[B, k, h, w] read as [B, k, p, q] from the start of each sample's memory, not cropped.

    GLIP hands the offsets of a fine level to a convolution on the next coarser one; the kernel that it was
    trained with reads them so, and the weights rely on it.
    """
    if values.shape[-2:] == size:
        return values
    batch, kinds = values.shape[:2]
    return values.flatten(1)[:, : kinds * size[0] * size[1]].reshape(batch, kinds, *size)


def _places(features: Tensor, offsets: Tensor, *, top: int, stride: int) -> Tensor:
    """Where each tap of each output looks, in grid_sample's -1..1: [B, 9 * rows, width, 2] as (x, y)."""
    batch, _, rows, width = offsets.shape
    pairs = offsets.view(batch, TAPS, 2, rows, width)
    tap = torch.arange(3, device=offsets.device, dtype=offsets.dtype) - 1
    y = (torch.arange(rows, device=offsets.device, dtype=offsets.dtype) + top) * stride
    x = torch.arange(width, device=offsets.device, dtype=offsets.dtype) * stride
    y = pairs[:, :, 0] + (tap.repeat_interleave(3)[:, None, None] + y[:, None])
    x = pairs[:, :, 1] + (tap.repeat(3)[:, None, None] + x)
    height_in, width_in = features.shape[-2:]
    grid = torch.stack(((2 * x + 1) / width_in - 1, (2 * y + 1) / height_in - 1), dim=-1)
    return grid.flatten(1, 2)
