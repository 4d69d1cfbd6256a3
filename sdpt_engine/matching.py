"""One-to-one assignment of queries to labelled boxes.

Legend: G groups (a stage of an image each), Q queries, N boxes, K caption tokens that belong to a class, A pairs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from sdpt_engine.boxes import cxcywh_to_xyxy

CLASS_COST, L1_COST, GIOU_COST = 1.0, 5.0, 2.0


def paired_iou(left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """(IoU, generalised IoU) of broadcastable xyxy boxes [..., 4]."""
    low = torch.maximum(left[..., :2], right[..., :2])
    high = torch.minimum(left[..., 2:], right[..., 2:])
    overlap = _spread((high - low).clamp_min(0))
    union = _area(left) + _area(right) - overlap
    iou = overlap / union.clamp_min(1e-9)
    outer_low = torch.minimum(left[..., :2], right[..., :2])
    outer_high = torch.maximum(left[..., 2:], right[..., 2:])
    hull = _spread((outer_high - outer_low).clamp_min(0))
    return iou, iou - (hull - union) / hull.clamp_min(1e-9)


def focal_cost(logits: Tensor, positives: Tensor) -> Tensor:
    """Cost [..., Q, N] of naming: logits [..., Q, K], positives [..., N, K] 0/1."""
    score = logits.sigmoid()
    as_positive = -0.25 * (1 - score) ** 2 * (score + 1e-8).log()
    as_negative = -0.75 * score**2 * (1 - score + 1e-8).log()
    weights = positives / positives.sum(-1, keepdim=True).clamp_min(1)
    return (as_positive - as_negative) @ weights.transpose(-1, -2)


@torch.no_grad()
def matching_costs(
    logits: Tensor, boxes: Tensor, target_boxes: Tensor, *, positives: Tensor
) -> Tensor:
    """Cost [..., Q, N] of giving a query to a box; boxes cxcywh 0..1, leading dimensions broadcast."""
    mine, theirs = boxes[..., None, :], target_boxes[..., None, :, :]
    overlap = paired_iou(cxcywh_to_xyxy(mine), cxcywh_to_xyxy(theirs))[1]
    distance = (mine - theirs).abs().sum(-1)
    naming = CLASS_COST * focal_cost(logits, positives)
    cost = naming + L1_COST * distance - GIOU_COST * overlap
    # A diverging run must reach the loss, where it is named, rather than fail inside scipy.
    return torch.nan_to_num(cost, nan=1e6, posinf=1e6, neginf=-1e6)


def assign(costs: Tensor, counts: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Hungarian assignment in each group of costs [G, Q, N], whose first `counts` columns are boxes.

    (groups, queries, boxes), each [A].
    """
    found: list[list[np.ndarray[tuple[int, ...], np.dtype[np.int64]]]] = [[], [], []]
    for group, (cost, count) in enumerate(zip(costs.cpu().numpy(), counts, strict=True)):
        queries, boxes = linear_sum_assignment(cost[:, :count])
        for column, part in zip(found, (np.full_like(queries, group), queries, boxes), strict=True):
            column.append(part)
    pairs = torch.from_numpy(np.stack([np.concatenate(column) for column in found]))
    groups, queries_, boxes_ = pairs.to(costs.device).unbind()
    return groups, queries_, boxes_


def match(
    logits: Tensor, boxes: Tensor, target_boxes: Tensor, *, positives: Tensor
) -> tuple[Tensor, Tensor]:
    """Hungarian assignment of boxes cxcywh 0..1 of one image: (queries, targets), each [min(Q, N)]."""
    costs = matching_costs(logits, boxes, target_boxes, positives=positives)
    return assign(costs[None], [len(target_boxes)])[1:]


def _area(boxes: Tensor) -> Tensor:
    return _spread((boxes[..., 2:] - boxes[..., :2]).clamp_min(0))


def _spread(sides: Tensor) -> Tensor:
    return sides[..., 0] * sides[..., 1]  # the gradient of a product over an axis is far dearer
