"""Box arithmetic. The format is in every name: xyxy or cxcywh, pixels or 0..1 as the caller has them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sdpt_engine.types import Boxes


def cxcywh_to_xyxy(boxes: Tensor) -> Tensor:
    """[..., 4] to [..., 4]."""
    centre, size = boxes[..., :2], boxes[..., 2:]
    return torch.cat((centre - size / 2, centre + size / 2), dim=-1)


def xyxy_to_cxcywh(boxes: Tensor) -> Tensor:
    """[..., 4] to [..., 4]."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return torch.cat(((low + high) / 2, high - low), dim=-1)


def area_xyxy(boxes: Boxes) -> NDArray[np.float32]:
    """[..., 4] to [...]; 0 for a box that is turned inside out."""
    return np.asarray((boxes[..., 2:] - boxes[..., :2]).clip(min=0).prod(axis=-1), np.float32)


def mirrored_xyxy(boxes: Boxes, width: int) -> Boxes:
    """As seen in a mirror, in an image `width` pixels wide: [..., 4] to [..., 4]."""
    result = boxes.copy()
    result[..., 0], result[..., 2] = width - boxes[..., 2], width - boxes[..., 0]
    return result


def iou_xyxy(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of each pair: [N, 4] and [M, 4] to [N, M] in 0..1."""
    overlap, union = _overlap_and_union(first, second)
    return overlap / union.clamp(min=1e-9)


def overlaps(first: Boxes, second: Boxes) -> NDArray[np.float32]:
    """`iou_xyxy` of arrays."""
    found: NDArray[np.float32] = iou_xyxy(torch.from_numpy(first), torch.from_numpy(second)).numpy()
    return found


def common_xyxy(first: Boxes, second: Boxes) -> NDArray[np.float32]:
    """The area that each pair has in common: [N, 4] and [M, 4] to [N, M]."""
    common, _ = _overlap_and_union(torch.from_numpy(first), torch.from_numpy(second))
    found: NDArray[np.float32] = common.numpy()
    return found


def giou_xyxy(first: Tensor, second: Tensor) -> Tensor:
    """Generalised IoU (Rezatofighi et al. 2019) of each pair: [N, 4] and [M, 4] to [N, M] in -1..1."""
    overlap, union = _overlap_and_union(first, second)
    low = torch.minimum(first[:, None, :2], second[None, :, :2])
    high = torch.maximum(first[:, None, 2:], second[None, :, 2:])
    hull = (high - low).clamp(min=0).prod(dim=-1)
    return overlap / union.clamp(min=1e-9) - (hull - union) / hull.clamp(min=1e-9)


def _overlap_and_union(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    low = torch.maximum(first[:, None, :2], second[None, :, :2])
    high = torch.minimum(first[:, None, 2:], second[None, :, 2:])
    overlap = (high - low).clamp(min=0).prod(dim=-1)  # [N, M]
    areas = [(boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=-1) for boxes in (first, second)]
    return overlap, areas[0][:, None] + areas[1][None, :] - overlap
