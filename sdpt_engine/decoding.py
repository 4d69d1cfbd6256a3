"""From raw scores to boxes a person can look at: class scores by token span, duplicates merged.

B images, Q queries, T text tokens, C classes, N boxes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sdpt_engine.boxes import cxcywh_to_xyxy, iou_xyxy
from sdpt_engine.types import Prediction

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Caption


def class_scores(logits: Tensor, caption: Caption) -> Tensor:
    """Score of each class: the mean sigmoid over its own words. [B, Q, T] to [B, Q, C] in 0..1."""
    picks = torch.zeros(logits.shape[-1], len(caption.classes), device=logits.device)
    for column, span in enumerate(caption.token_spans):
        picks[list(span), column] = 1.0 / len(span)
    return logits.sigmoid() @ picks


def among_all(scores: Tensor, columns: Tensor, num_classes: int) -> Tensor:
    """Scores [B, K, C] of a caption's classes as [B, K, num_classes], 0 for the classes of other captions.

    `columns` [C] says which of all classes each class of the caption is.
    """
    spread = scores.new_zeros((*scores.shape[:2], num_classes))
    spread[..., columns] = scores
    return spread


def to_prediction(
    scores: Tensor,
    boxes: Tensor,
    size_wh: tuple[int, int],
    *,
    min_score: float,
    max_detections: int,
    nms_iou: float,
    duplicate_iou: float,
) -> Prediction:
    """One image's best boxes. `scores` [Q, C], `boxes` [Q, 4] cxcywh in 0..1 of the image."""
    width, height = size_wh
    scale = boxes.new_tensor([width, height, width, height])
    corners = cxcywh_to_xyxy(boxes) * scale
    corners = torch.minimum(corners.clamp(min=0.0), scale)
    is_real = ((corners[:, 2:] - corners[:, :2]) >= 1.0).all(dim=-1)  # a pixel at least
    is_likely = (scores >= min_score) & (scores > 0)  # 0 stands where a class was not asked for
    query, label = torch.nonzero(is_likely & is_real[:, None], as_tuple=True)
    flat = scores[query, label]
    order = flat.argsort(descending=True, stable=True)[: 4 * max_detections]
    query, label, flat = query[order], label[order], flat[order]
    kept = without_duplicates(corners[query], label, nms_iou, duplicate_iou)[:max_detections]
    return Prediction(
        boxes=corners[query[kept]].cpu().numpy().astype(np.float32),
        scores=flat[kept].cpu().numpy().astype(np.float32),
        labels=label[kept].cpu().numpy().astype(np.int64),
        size_wh=size_wh,
    )


def without_duplicates(
    boxes: Tensor, labels: Tensor, nms_iou: float, duplicate_iou: float
) -> Tensor:
    """Indices that survive greedy suppression: within a class at `nms_iou`, across at `duplicate_iou`.

    Boxes come best first. [N, 4] and [N] to at most N indices in order.
    """
    overlap = iou_xyxy(boxes, boxes)  # [N, N]
    same = labels[:, None] == labels[None, :]
    clashes = torch.where(same, overlap > nms_iou, overlap > duplicate_iou).cpu().numpy()
    alive = np.ones(len(boxes), dtype=bool)
    for index in np.flatnonzero(np.triu(clashes, 1).any(axis=1)):  # the others suppress nothing
        if alive[index]:
            alive[index + 1 :] &= ~clashes[index, index + 1 :]
    return torch.from_numpy(np.flatnonzero(alive)).to(boxes.device)
