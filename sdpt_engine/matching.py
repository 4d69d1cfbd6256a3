"""One-to-one assignment of queries to labelled boxes.

Legend: Q queries, N boxes, K caption tokens that belong to a class.
"""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from sdpt_engine.boxes import cxcywh_to_xyxy

CLASS_COST, L1_COST, GIOU_COST = 1.0, 5.0, 2.0


def paired_iou(left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """(IoU, generalised IoU) of broadcastable xyxy boxes [..., 4]."""
    low = torch.maximum(left[..., :2], right[..., :2])
    high = torch.minimum(left[..., 2:], right[..., 2:])
    overlap = (high - low).clamp_min(0).prod(-1)
    union = _area(left) + _area(right) - overlap
    iou = overlap / union.clamp_min(1e-9)
    outer_low = torch.minimum(left[..., :2], right[..., :2])
    outer_high = torch.maximum(left[..., 2:], right[..., 2:])
    hull = (outer_high - outer_low).clamp_min(0).prod(-1)
    return iou, iou - (hull - union) / hull.clamp_min(1e-9)


def focal_cost(logits: Tensor, positives: Tensor) -> Tensor:
    """Cost [Q, N] of naming: logits [Q, K], positives [N, K] 0/1 with at least one 1 per row."""
    score = logits.sigmoid()
    as_positive = -0.25 * (1 - score) ** 2 * (score + 1e-8).log()
    as_negative = -0.75 * score**2 * (1 - score + 1e-8).log()
    weights = positives / positives.sum(-1, keepdim=True).clamp_min(1)
    return (as_positive - as_negative) @ weights.T


@torch.no_grad()
def match(
    logits: Tensor, boxes: Tensor, target_boxes: Tensor, *, positives: Tensor
) -> tuple[Tensor, Tensor]:
    """Hungarian assignment of boxes cxcywh 0..1: (queries, targets), each [min(Q, N)]."""
    overlap = paired_iou(cxcywh_to_xyxy(boxes)[:, None], cxcywh_to_xyxy(target_boxes)[None])[1]
    distance = torch.cdist(boxes.float(), target_boxes.float(), p=1)
    naming = CLASS_COST * focal_cost(logits, positives)
    cost = naming + L1_COST * distance - GIOU_COST * overlap
    # A diverging run must reach the loss, where it is named, rather than fail inside scipy.
    finite = torch.nan_to_num(cost, nan=1e6, posinf=1e6, neginf=-1e6)
    rows, columns = linear_sum_assignment(finite.cpu().numpy())
    device = boxes.device
    return torch.as_tensor(rows, device=device), torch.as_tensor(columns, device=device)


def _area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).clamp_min(0).prod(-1)
