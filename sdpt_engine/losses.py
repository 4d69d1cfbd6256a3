"""What tuning minimises: naming and placing, on every decoder layer and on the proposal stage.

Legend: B images, Q queries, V image tokens, K caption tokens of some class, C classes, N boxes.
All boxes in here are cxcywh in 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from sdpt_engine.boxes import cxcywh_to_xyxy
from sdpt_engine.matching import match, paired_iou

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Caption, DetectorOutput

NAMING_WEIGHT, L1_WEIGHT, GIOU_WEIGHT = 2.0, 5.0, 2.0
NEAR_IOU = 0.3  # closer than this to a labelled box, a second proposal is a duplicate
REJECTED_IOU = 0.5  # what counts as the proposal that a person rejected
CANDIDATES_PER_BOX = 8


@dataclass(frozen=True, slots=True)
class Target:
    """One image's labels; `classes` [N] and `negative_classes` [M] index the caption's classes."""

    boxes: Tensor
    classes: Tensor
    is_exhaustive: bool
    negatives: Tensor
    negative_classes: Tensor

    def to(self, device: torch.device) -> Target:
        return Target(
            boxes=self.boxes.to(device),
            classes=self.classes.to(device),
            is_exhaustive=self.is_exhaustive,
            negatives=self.negatives.to(device),
            negative_classes=self.negative_classes.to(device),
        )


@dataclass(frozen=True, slots=True)
class Stage:
    """One prediction stage of one image: logits [Q, K], boxes [Q, 4]."""

    logits: Tensor
    boxes: Tensor


def detection_loss(
    output: DetectorOutput, targets: Sequence[Target], caption: Caption
) -> tuple[Tensor, dict[str, float]]:
    """Mean loss over the batch and its parts, with gradient through decoder and proposals."""
    columns, class_tokens = class_token_map(caption)
    columns, class_tokens = columns.to(output.boxes.device), class_tokens.to(output.boxes.device)
    decoder = [(output.logits, output.boxes), *output.auxiliary]
    names = ["decoder"] * len(decoder) + ["proposal"]
    stages = [*decoder, (output.proposal_logits, output.proposal_boxes)]
    boxes_in_batch = max(sum(len(target.boxes) for target in targets), 1)
    total = output.boxes.new_zeros(())
    parts: dict[str, float] = {}
    for name, (logits, boxes) in zip(names, stages, strict=True):
        for index, target in enumerate(targets):
            stage = Stage(logits[index][:, columns], boxes[index])
            assign = _assign_densely if name == "proposal" else _assign_once
            assigned = assign(stage, target, class_tokens)
            naming, placing = _stage_loss(stage, target, class_tokens, assigned)
            for part, value in ((f"{name}_naming", naming), (f"{name}_placing", placing)):
                total = total + value / boxes_in_batch
                parts[part] = parts.get(part, 0.0) + float(value.detach()) / boxes_in_batch
    return total, parts


def class_token_map(caption: Caption) -> tuple[Tensor, Tensor]:
    """Columns [K] of the logits that belong to a class, and [C, K] with 1 on each class's own."""
    columns = sorted({token for span in caption.token_spans for token in span})
    place = {token: index for index, token in enumerate(columns)}
    own = torch.zeros(len(caption.token_spans), len(columns))
    for row, span in enumerate(caption.token_spans):
        own[row, [place[token] for token in span]] = 1.0
    return torch.tensor(columns, dtype=torch.long), own


@dataclass(frozen=True, slots=True)
class _Assignment:
    queries: Tensor  # [P]
    boxes: Tensor  # [P] indices into the target's boxes
    quality: Tensor  # [P] in 0..1, the score to reach


def _assign_once(stage: Stage, target: Target, class_tokens: Tensor) -> _Assignment:
    if not len(target.boxes):
        return _no_assignment(stage)
    positives = class_tokens[target.classes]
    queries, boxes = match(stage.logits, stage.boxes, target.boxes, positives=positives)
    return _Assignment(queries, boxes, torch.ones_like(queries, dtype=stage.boxes.dtype))


@torch.no_grad()
def _assign_densely(stage: Stage, target: Target, class_tokens: Tensor) -> _Assignment:
    """Task-aligned: the locations that place and name a box best share it, graded by IoU."""
    if not len(target.boxes):
        return _no_assignment(stage)
    positives = class_tokens[target.classes]
    weights = positives / positives.sum(-1, keepdim=True).clamp_min(1)
    score = stage.logits.sigmoid() @ weights.T  # [V, N]
    iou = paired_iou(cxcywh_to_xyxy(stage.boxes)[:, None], cxcywh_to_xyxy(target.boxes)[None])[0]
    alignment = score.clamp_min(1e-6).sqrt() * iou.pow(3)
    chosen = torch.zeros_like(alignment, dtype=torch.bool)
    best = alignment.topk(min(CANDIDATES_PER_BOX, len(alignment)), dim=0).indices
    chosen.scatter_(0, best, True)
    # A location serves one box: the one it is best aligned with.
    owner = alignment.masked_fill(~chosen, -1.0).argmax(1)
    queries = chosen.any(1).nonzero().flatten()
    boxes = owner[queries]
    top = alignment.amax(0).clamp_min(1e-9)
    quality = alignment[queries, boxes] / top[boxes] * iou.amax(0)[boxes]
    return _Assignment(queries, boxes, quality.clamp(0, 1))


def _no_assignment(stage: Stage) -> _Assignment:
    none = torch.zeros(0, dtype=torch.long, device=stage.boxes.device)
    return _Assignment(none, none, stage.boxes.new_zeros(0))


def _stage_loss(
    stage: Stage, target: Target, class_tokens: Tensor, assigned: _Assignment
) -> tuple[Tensor, Tensor]:
    wanted = torch.zeros_like(stage.logits)
    rows = class_tokens[target.classes[assigned.boxes]]
    wanted[assigned.queries] = rows * assigned.quality[:, None]
    weights = background_weights(stage, target, class_tokens)
    weights[assigned.queries] = 1.0
    naming = NAMING_WEIGHT * (focal_loss(stage.logits, wanted) * weights).sum()
    if not len(assigned.queries):
        return naming, stage.boxes.sum() * 0.0
    mine, theirs = stage.boxes[assigned.queries], target.boxes[assigned.boxes]
    giou = paired_iou(cxcywh_to_xyxy(mine), cxcywh_to_xyxy(theirs))[1]
    each = L1_WEIGHT * (mine - theirs).abs().sum(-1) + GIOU_WEIGHT * (1 - giou)
    share = assigned.quality / assigned.quality.sum().clamp_min(1e-6)
    return naming, (each * share).sum() * len(target.boxes)


@torch.no_grad()
def background_weights(stage: Stage, target: Target, class_tokens: Tensor) -> Tensor:
    """[Q, K]: how much a score on nothing labelled is punished.

    In a partly labelled image a proposal away from every box may be an object that nobody has
    labelled yet, so it costs nothing, unless a person rejected just that class there.
    """
    weights = torch.ones_like(stage.logits)
    mine = cxcywh_to_xyxy(stage.boxes)
    if not target.is_exhaustive:
        weights.zero_()
        if len(target.boxes):
            iou = paired_iou(mine[:, None], cxcywh_to_xyxy(target.boxes)[None])[0]
            weights[iou.amax(1) >= NEAR_IOU] = 1.0
    if len(target.negatives):
        iou = paired_iou(mine[:, None], cxcywh_to_xyxy(target.negatives)[None])[0]  # [Q, M]
        rejected = (iou >= REJECTED_IOU).float() @ class_tokens[target.negative_classes]
        weights = torch.where(rejected > 0, torch.full_like(weights, 2.0), weights)
    return weights


def focal_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Focal loss towards graded targets in 0..1, elementwise; gamma 2, alpha .25 on positives."""
    score = logits.sigmoid()
    plain = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    alpha = torch.where(wanted > 0, 0.25, 0.75)
    return alpha * (wanted - score).abs() ** 2 * plain
