"""One square anchor per place, and boxes told as changes of it. Widths count pixels: x2 - x1 + 1.

Boxes and anchors are xyxy in pixels of the resized image; A anchors over all levels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_CENTRE_UNITS, _SIZE_UNITS = 10.0, 5.0
_LARGEST_GROWTH = math.log(1000.0 / 16)


def level_anchors(size_hw: tuple[int, int], *, stride_px: int, anchor_px: int) -> Tensor:
    """[h * w, 4], row by row, centred on each cell's pixels."""
    height, width = size_hw
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    centres = torch.stack((x, y), dim=-1).flatten(0, 1) * stride_px + (stride_px - 1) / 2
    reach = (anchor_px - 1) / 2
    return torch.cat((centres - reach, centres + reach), dim=-1)


def pyramid_anchors(
    sizes_hw: Sequence[tuple[int, int]], strides_px: Sequence[int], anchor_sizes_px: Sequence[int]
) -> tuple[Tensor, ...]:
    """The anchors of each level, finest first."""
    return tuple(
        level_anchors(size, stride_px=stride, anchor_px=anchor)
        for size, stride, anchor in zip(sizes_hw, strides_px, anchor_sizes_px, strict=True)
    )


def centres_of(boxes: Tensor) -> Tensor:
    """[..., 4] to [..., 2] as (x, y)."""
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """What the head should say for `boxes` [..., 4] at `anchors` [..., 4]."""
    size, anchor_size = _pixel_sizes(boxes), _pixel_sizes(anchors)
    shift = (centres_of(boxes) - centres_of(anchors)) / anchor_size * _CENTRE_UNITS
    growth = (size / anchor_size).log() * _SIZE_UNITS
    return torch.cat((shift, growth), dim=-1)


def decode(deltas: Tensor, anchors: Tensor) -> Tensor:
    """The boxes [..., 4] that the head means by `deltas` [..., 4]; not clipped to the image."""
    anchor_size = _pixel_sizes(anchors)
    centre = deltas[..., :2] / _CENTRE_UNITS * anchor_size + centres_of(anchors)
    growth = (deltas[..., 2:] / _SIZE_UNITS).clamp(max=_LARGEST_GROWTH)
    reach = (growth.exp() * anchor_size - 1) / 2
    return torch.cat((centre - reach, centre + reach), dim=-1)


def _pixel_sizes(boxes: Tensor) -> Tensor:
    return boxes[..., 2:] - boxes[..., :2] + 1


def pixel_iou(first: Tensor, second: Tensor) -> Tensor:
    """[N, 4] and [M, 4] to [N, M], both ends of a box counted as pixels."""
    low = torch.maximum(first[:, None, :2], second[None, :, :2])
    high = torch.minimum(first[:, None, 2:], second[None, :, 2:])
    overlap = (high - low + 1).clamp(min=0).prod(dim=-1)
    areas = [_pixel_sizes(boxes).prod(dim=-1) for boxes in (first, second)]
    return overlap / (areas[0][:, None] + areas[1][None, :] - overlap)
