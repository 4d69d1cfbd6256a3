"""What GLIP was trained with, and a prompt is tuned with: naming by tokens, GIoU, centerness.

B images, A anchors over all levels, S those of all images, N boxes of an image, P positives of the batch, T text
tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from sdpt_engine.backbones.glip.anchors import centres_of, decode, encode
from sdpt_engine.backbones.glip.assign import assign
from sdpt_engine.backbones.glip.config import LossSettings
from sdpt_engine.backbones.glip.head import HeadOutput

_SMALL_AREA = 1e-7


@dataclass(frozen=True, slots=True)
class LabelledBoxes:
    """One image's labels: xyxy [N, 4] in pixels of the resized image, and each box's tokens, 0/1 [N, T]."""

    boxes: Tensor
    tokens: Tensor


@dataclass(frozen=True, slots=True)
class Said:
    """What the head said of all anchors of a batch in a row; the images need not have equally many."""

    logits: Tensor  # [S, T]
    deltas: Tensor  # [S, 4]
    centerness: Tensor  # [S]


@dataclass(frozen=True, slots=True)
class Targets:
    """What the head should say. `tokens` covers all anchors, the rest the positives only."""

    positives: Tensor  # [P] int64 into the flattened B * A
    tokens: Tensor  # [B, A, T] 0/1, or [S, T]
    anchors: Tensor  # [P, 4]
    boxes: Tensor  # [P, 4] xyxy, pixels, through the box coder and back
    centerness: Tensor  # [P] in 0..1


@dataclass(frozen=True, slots=True)
class Losses:
    naming: Tensor
    placing: Tensor
    centerness: Tensor

    @property
    def total(self) -> Tensor:
        return self.naming + self.placing + self.centerness


def glip_losses(
    output: HeadOutput, targets: Targets, text_mask: Tensor, settings: LossSettings
) -> Losses:
    """Weighted losses. `text_mask` [B, T] is 1 on the tokens that count, [CLS] and separators too."""
    said = Said(*(part.flatten(0, 1) for part in output.flat()))
    weights = (text_mask[:, None] > 0).expand(targets.tokens.shape).flatten(0, 1)
    return losses_of(said, targets, weights, settings)


def losses_of(said: Said, targets: Targets, weights: Tensor, settings: LossSettings) -> Losses:
    """Weighted losses. `weights` [S, T] say how much each anchor's naming of each token counts."""
    count = max(len(targets.positives), 1)
    wanted = targets.tokens.flatten(0, -2).to(said.logits.dtype)
    naming = (focal_loss(said.logits, wanted, settings) * weights).sum() / count
    found = decode(said.deltas[targets.positives], targets.anchors)
    each = giou_loss(found, targets.boxes) * targets.centerness
    placing = each.sum() / targets.centerness.sum() if len(each) else each.sum()
    middle = said.centerness[targets.positives]
    middling = F.binary_cross_entropy_with_logits(middle, targets.centerness, reduction="sum")
    return Losses(
        naming=settings.token_weight * naming,
        placing=settings.box_weight * placing,
        centerness=middling / count,
    )


@torch.no_grad()
def make_targets(
    levels: Sequence[Tensor],
    labelled: Sequence[LabelledBoxes],
    settings: LossSettings,
    *,
    max_text_tokens: int,
) -> Targets:
    """`levels` are the anchors [A_l, 4] of each level; all images of the batch share them."""
    anchors = torch.cat(list(levels))
    tokens = torch.stack(
        [_background(len(anchors), item.tokens, max_text_tokens) for item in labelled]
    )
    positives, places, boxes = [], [], []
    for image, item in enumerate(labelled):
        chosen = assign(levels, item.boxes, candidates_per_box=settings.candidates_per_box)
        tokens[image, chosen.anchors] = item.tokens[chosen.boxes].to(tokens.dtype)
        positives.append(chosen.anchors + image * len(anchors))
        places.append(anchors[chosen.anchors])
        boxes.append(item.boxes[chosen.boxes])
    own, wanted = torch.cat(places), torch.cat(boxes)
    wanted = decode(encode(wanted, own), own)
    return Targets(torch.cat(positives), tokens, own, wanted, centerness_of(own, wanted))


def in_a_row(each: Sequence[Targets]) -> Targets:
    """The targets of one batch from those of its images [1, A, T], whose anchors may differ: tokens [S, T]."""
    positives, start = [], 0
    for image in each:
        positives.append(image.positives + start)
        start += image.tokens.shape[1]
    return Targets(
        positives=torch.cat(positives),
        tokens=torch.cat([image.tokens[0] for image in each]),
        anchors=torch.cat([image.anchors for image in each]),
        boxes=torch.cat([image.boxes for image in each]),
        centerness=torch.cat([image.centerness for image in each]),
    )


def _background(num_anchors: int, tokens: Tensor, max_text_tokens: int) -> Tensor:
    """Nothing is named, but for the last column, which only a full caption has, and which counts as 'none'."""
    rows = tokens.new_zeros(num_anchors, tokens.shape[1], dtype=torch.uint8)
    rows[:, max_text_tokens - 1 :] = 1
    return rows


def centerness_of(anchors: Tensor, boxes: Tensor) -> Tensor:
    """How central each anchor lies in its box: [P, 4] twice to [P] in 0..1."""
    near = centres_of(anchors) - boxes[:, :2]
    far = boxes[:, 2:] - centres_of(anchors)
    return (torch.minimum(near, far) / torch.maximum(near, far)).prod(-1).sqrt()


def focal_loss(logits: Tensor, wanted: Tensor, settings: LossSettings) -> Tensor:
    """Sigmoid focal loss towards 0/1 targets, elementwise."""
    probability = logits.sigmoid()
    plain = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    missed = probability + wanted - 2 * probability * wanted
    alpha = settings.focal_alpha * wanted + (1 - settings.focal_alpha) * (1 - wanted)
    return alpha * missed**settings.focal_gamma * plain


def giou_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """1 - GIoU of pairs of xyxy boxes, [P, 4] twice to [P]; sizes without the +1 of the box coder."""
    high = torch.maximum(found[:, :2], found[:, 2:])
    found = torch.cat((found[:, :2], high), dim=-1)
    inner_low = torch.maximum(found[:, :2], wanted[:, :2])
    inner_high = torch.minimum(found[:, 2:], wanted[:, 2:])
    overlap = (inner_high - inner_low).clamp(min=0).prod(-1)
    union = _area(found) + _area(wanted) - overlap + _SMALL_AREA
    outer_low = torch.minimum(found[:, :2], wanted[:, :2])
    outer_high = torch.maximum(found[:, 2:], wanted[:, 2:])
    hull = (outer_high - outer_low).clamp(min=0).prod(-1) + _SMALL_AREA
    return 1 - overlap / union + (hull - union) / hull


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).prod(-1)
