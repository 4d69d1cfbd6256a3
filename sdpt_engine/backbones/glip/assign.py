"""Which anchors answer for which box: adaptive training sample selection (ATSS, Zhang et al. 2020).

A anchors over all levels, N boxes, P positives, T text tokens. Boxes are xyxy in pixels of the resized image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sdpt_engine.backbones.glip.anchors import centres_of, pixel_iou

_INSIDE_PX = 0.01  # an anchor's centre this far within a box can be its own


@dataclass(frozen=True, slots=True)
class Assignment:
    """The positives of one image."""

    anchors: Tensor  # [P] int64, ascending
    boxes: Tensor  # [P] int64, rows of the image's boxes


@torch.no_grad()
def assign(levels: Sequence[Tensor], boxes: Tensor, *, candidates_per_box: int) -> Assignment:
    """`levels` are the anchors [A_l, 4] of each level, `boxes` [N, 4]."""
    if not len(boxes):
        none = torch.zeros(0, dtype=torch.long, device=boxes.device)
        return Assignment(none, none)
    anchors = torch.cat(list(levels))
    iou = pixel_iou(anchors, boxes)  # [A, N]
    candidates = _nearest(levels, boxes, candidates_per_box)  # [K, N]
    near = iou.gather(0, candidates)
    threshold = near.mean(0) + near.std(0)
    is_inside = _reach_inside(anchors, boxes).gather(0, candidates) > _INSIDE_PX
    is_positive = torch.zeros_like(iou, dtype=torch.bool)
    is_positive.scatter_(0, candidates, (near >= threshold) & is_inside)
    # An anchor that several boxes claim goes to the one that it covers best.
    best, owner = iou.masked_fill(~is_positive, -1.0).max(dim=1)
    chosen = torch.nonzero(best >= 0)[:, 0]
    return Assignment(chosen, owner[chosen])


def _nearest(levels: Sequence[Tensor], boxes: Tensor, count: int) -> Tensor:
    """Per level the `count` anchors whose centres are nearest to each box's: indices [K, N]."""
    found, start = [], 0
    for level in levels:
        distance = torch.cdist(
            centres_of(level), centres_of(boxes), compute_mode="donot_use_mm_for_euclid_dist"
        )
        nearest = distance.topk(min(count, len(level)), dim=0, largest=False).indices
        found.append(nearest + start)
        start += len(level)
    return torch.cat(found)


def _reach_inside(anchors: Tensor, boxes: Tensor) -> Tensor:
    """How far within each box each anchor's centre is, negative outside: [A, N] in pixels."""
    centres = centres_of(anchors)[:, None]
    return torch.cat((centres - boxes[None, :, :2], boxes[None, :, 2:] - centres), -1).amin(-1)
