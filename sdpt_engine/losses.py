"""What tuning minimises: naming and placing, on every decoder layer and on the proposal stage.

Legend: S stages of one kind, B images, Q queries or image tokens, K caption tokens of some class, C classes,
N boxes of the image that has most (fewer are padded), M rejected boxes likewise, A assigned pairs.
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
from sdpt_engine.matching import assign, matching_costs, paired_iou

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
    num_in_all_captions: int | None = None  # boxes of all classes; None: those here are all

    @property
    def num_boxes(self) -> int:
        """What the loss is divided by, so that it does not depend on where captions are cut."""
        return len(self.boxes) if self.num_in_all_captions is None else self.num_in_all_captions

    def to(self, device: torch.device) -> Target:
        return Target(
            boxes=self.boxes.to(device),
            classes=self.classes.to(device),
            is_exhaustive=self.is_exhaustive,
            negatives=self.negatives.to(device),
            negative_classes=self.negative_classes.to(device),
            num_in_all_captions=self.num_in_all_captions,
        )


@dataclass(frozen=True, slots=True)
class Stage:
    """One kind of prediction: logits [..., Q, K], boxes [..., Q, 4]."""

    logits: Tensor
    boxes: Tensor

    def corners(self) -> Tensor:
        return cxcywh_to_xyxy(self.boxes)


def detection_loss(
    output: DetectorOutput, targets: Sequence[Target], caption: Caption
) -> tuple[Tensor, dict[str, float]]:
    """Mean loss over the batch and its parts, with gradient through decoder and proposals."""
    columns, class_tokens = class_token_map(caption)
    columns, class_tokens = columns.to(output.boxes.device), class_tokens.to(output.boxes.device)
    labels = _Labels.of(targets, class_tokens)
    layers = [(output.logits, output.boxes), *output.auxiliary]
    decoder = Stage(
        logits=torch.stack([logits for logits, _ in layers])[..., columns],
        boxes=torch.stack([boxes for _, boxes in layers]),
    )
    proposal = Stage(output.proposal_logits[None, ..., columns], output.proposal_boxes[None])
    pieces = (
        *_stage_loss(decoder, labels, _assign_once(decoder, labels)),
        *_stage_loss(proposal, labels, _assign_densely(proposal, labels)),
    )
    parts = torch.stack(pieces) / max(sum(target.num_boxes for target in targets), 1)
    names = ("decoder_naming", "decoder_placing", "proposal_naming", "proposal_placing")
    return parts.sum(), dict(zip(names, parts.detach().tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class _Labels:
    """The targets of a batch side by side. What is padded belongs to no class."""

    counts: tuple[int, ...]  # boxes of each image
    boxes: Tensor  # [B, N, 4]
    positives: Tensor  # [B, N, K], 1 on the tokens of the box's class
    is_box: Tensor  # bool [B, N]
    are_all_exhaustive: bool
    is_exhaustive: Tensor  # bool [B]
    negatives: Tensor  # [B, M, 4]
    rejected: Tensor  # [B, M, K], 1 on the tokens of the rejected class

    @classmethod
    def of(cls, targets: Sequence[Target], class_tokens: Tensor) -> _Labels:
        counts = tuple(len(target.boxes) for target in targets)
        places = torch.arange(max(counts), device=class_tokens.device)
        is_box = places < torch.tensor(counts, device=class_tokens.device)[:, None]
        complete = [target.is_exhaustive for target in targets]
        return cls(
            counts=counts,
            boxes=_side_by_side([target.boxes for target in targets]),
            positives=_side_by_side([class_tokens[target.classes] for target in targets]),
            is_box=is_box,
            are_all_exhaustive=all(complete),
            is_exhaustive=torch.tensor(complete, device=class_tokens.device),
            negatives=_side_by_side([target.negatives for target in targets]),
            rejected=_side_by_side([class_tokens[t.negative_classes] for t in targets]),
        )


def _side_by_side(tensors: Sequence[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(list(tensors), batch_first=True)


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
    stages: Tensor  # int64 [A]
    images: Tensor  # int64 [A]
    queries: Tensor  # int64 [A]
    boxes: Tensor  # int64 [A], indices into the image's boxes
    quality: Tensor  # [A] in 0..1, the score to reach


@torch.no_grad()
def _assign_once(stage: Stage, labels: _Labels) -> _Assignment:
    costs = matching_costs(stage.logits, stage.boxes, labels.boxes, positives=labels.positives)
    groups, queries, boxes = assign(costs.flatten(0, 1), labels.counts * len(costs))
    return _Assignment(
        stages=groups // len(labels.counts),
        images=groups % len(labels.counts),
        queries=queries,
        boxes=boxes,
        quality=stage.boxes.new_ones(len(groups)),
    )


@torch.no_grad()
def _assign_densely(stage: Stage, labels: _Labels) -> _Assignment:
    """Task-aligned: the locations that place and name a box best share it, graded by IoU."""
    if not max(labels.counts):
        none = torch.zeros(0, dtype=torch.long, device=stage.boxes.device)
        return _Assignment(none, none, none, none, stage.boxes.new_zeros(0))
    weights = labels.positives / labels.positives.sum(-1, keepdim=True).clamp_min(1)
    score = stage.logits.sigmoid() @ weights.transpose(1, 2)  # [S, B, Q, N]
    iou = _overlaps(stage, labels.boxes)
    alignment = score.clamp_min(1e-6).sqrt() * iou.pow(3)
    best = alignment.topk(min(CANDIDATES_PER_BOX, alignment.shape[2]), dim=2).indices
    chosen = torch.zeros_like(alignment, dtype=torch.bool).scatter_(2, best, True)
    chosen &= labels.is_box[:, None] & (iou > 0)  # what touches no box belongs to none
    # A location serves one box: the one it is best aligned with.
    owner = alignment.masked_fill(~chosen, -1.0).argmax(-1)
    stages, images, queries = chosen.any(-1).nonzero(as_tuple=True)
    boxes = owner[stages, images, queries]
    top = alignment.amax(2).clamp_min(1e-9)[stages, images, boxes]
    nearest = iou.amax(2)[stages, images, boxes]
    quality = alignment[stages, images, queries, boxes] / top * nearest
    return _Assignment(stages, images, queries, boxes, quality.clamp(0, 1))


def _overlaps(stage: Stage, boxes: Tensor) -> Tensor:
    """IoU [..., B, Q, N] of each prediction with each of the image's boxes [B, N, 4]."""
    return paired_iou(stage.corners()[..., None, :], cxcywh_to_xyxy(boxes)[:, None])[0]


def _stage_loss(stage: Stage, labels: _Labels, assigned: _Assignment) -> tuple[Tensor, Tensor]:
    """Naming and placing, summed over stages and images."""
    places = (assigned.stages, assigned.images, assigned.queries)
    theirs = (assigned.images, assigned.boxes)
    wanted = torch.zeros_like(stage.logits)
    wanted[places] = labels.positives[theirs] * assigned.quality[:, None]
    weights = _background(stage, labels)
    weights[places] = 1.0
    naming = NAMING_WEIGHT * (focal_loss(stage.logits, wanted) * weights).sum()
    mine, aims = stage.boxes[places], labels.boxes[theirs]
    giou = paired_iou(cxcywh_to_xyxy(mine), cxcywh_to_xyxy(aims))[1]
    each = L1_WEIGHT * (mine - aims).abs().sum(-1) + GIOU_WEIGHT * (1 - giou)
    return naming, (each * _shares(assigned, labels, len(stage.logits))).sum()


def _shares(assigned: _Assignment, labels: _Labels, num_stages: int) -> Tensor:
    """[A]: by quality among the pairs of one stage of one image; they add up to its number of boxes."""
    counts = assigned.quality.new_tensor(labels.counts)
    groups = assigned.stages * len(counts) + assigned.images
    sums = assigned.quality.new_zeros(num_stages * len(counts))
    sums = sums.index_add(0, groups, assigned.quality).clamp_min(1e-6)
    return assigned.quality / sums[groups] * counts[assigned.images]


@torch.no_grad()
def background_weights(stage: Stage, target: Target, class_tokens: Tensor) -> Tensor:
    """[Q, K]: how much a score on nothing labelled is punished, for one image.

    In a partly labelled image a proposal away from every box may be an object that nobody has
    labelled yet, so it costs nothing, unless a person rejected just that class there.
    """
    alone = Stage(stage.logits[None], stage.boxes[None])
    return _background(alone, _Labels.of([target], class_tokens))[0]


@torch.no_grad()
def _background(stage: Stage, labels: _Labels) -> Tensor:
    weights = torch.ones_like(stage.logits)  # [..., B, Q, K]
    if not labels.are_all_exhaustive:
        is_near = (_overlaps(stage, labels.boxes) >= NEAR_IOU) & labels.is_box[:, None]
        weights *= (labels.is_exhaustive[:, None] | is_near.any(-1))[..., None]
    if labels.negatives.shape[1]:
        is_there = (_overlaps(stage, labels.negatives) >= REJECTED_IOU).to(weights.dtype)
        weights = torch.where(is_there @ labels.rejected > 0, 2.0, weights)
    return weights


def focal_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Focal loss towards graded targets in 0..1, elementwise; gamma 2, alpha .25 on positives."""
    score = logits.sigmoid()
    plain = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    alpha = torch.where(wanted > 0, 0.25, 0.75)
    return alpha * (wanted - score).abs() ** 2 * plain
