"""The dense head's output as the engine takes it: all levels in a row, and images of unequal size side by side.

B images, V image tokens of the image that has most, T text tokens, C classes, K detections.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from sdpt_engine.backbones.base import Caption, DetectorOutput
from sdpt_engine.backbones.glip.anchors import decode
from sdpt_engine.backbones.glip.captions import class_tokens
from sdpt_engine.backbones.glip.config import DetectionSettings
from sdpt_engine.backbones.glip.grid import Grid
from sdpt_engine.backbones.glip.head import HeadOutput
from sdpt_engine.backbones.glip.language import CLAMP
from sdpt_engine.backbones.glip.postprocess import Detections, detections


@dataclass(frozen=True, slots=True)
class DenseOutput(DetectorOutput):
    """Beyond an image's own tokens there is padding: it names nothing, and nobody reads it."""

    deltas: Tensor  # [B, V, 4] in the box coder's units
    centerness: Tensor  # [B, V] before the sigmoid
    grids: tuple[Grid, ...]  # of each image

    def of_image(self, number: int) -> HeadOutput:
        """What the head said of one image, level by level: a batch of one."""
        grid = self.grids[number]
        sizes = [height * width for height, width in grid.shapes]
        own = slice(number, number + 1), slice(grid.num_tokens)
        deltas = torch.split(self.deltas[own].transpose(1, 2), sizes, dim=2)
        centerness = torch.split(self.centerness[own][:, None], sizes, dim=2)
        pairs = list(zip(deltas, centerness, grid.shapes, strict=True))
        return HeadOutput(
            logits=torch.split(self.logits[own], sizes, dim=1),
            deltas=tuple(d.reshape(1, 4, *shape) for d, _, shape in pairs),
            centerness=tuple(c.reshape(1, 1, *shape) for _, c, shape in pairs),
        )


def dense_output(head: HeadOutput, levels: Sequence[Tensor], grids: Sequence[Grid]) -> DenseOutput:
    """From images of equal map sizes; `levels` [B, C, h, w] are what the head looked at."""
    logits, deltas, centerness = head.flat()
    boxes = torch.stack(
        [
            grid.to_shares(decode(own, grid.flat_anchors()))
            for own, grid in zip(deltas, grids, strict=True)
        ]
    )
    return DenseOutput(
        logits=logits,
        boxes=boxes,
        auxiliary=(),
        proposal_logits=logits,
        proposal_boxes=boxes,
        queries=torch.cat([level.flatten(2) for level in levels], dim=2).transpose(1, 2),
        deltas=deltas,
        centerness=centerness,
        grids=tuple(grids),
    )


def side_by_side(parts: Sequence[DenseOutput], order: Sequence[int]) -> DenseOutput:
    """One output of several; `order` says which image of the batch each of theirs is, one after another."""
    if len(parts) == 1:
        return parts[0]
    length = max(part.logits.shape[1] for part in parts)
    places = sorted(range(len(order)), key=order.__getitem__)

    def joined(tensors: Sequence[Tensor], filling: float) -> Tensor:
        longer = [_lengthened(tensor, length, filling) for tensor in tensors]
        return torch.cat(longer)[places]

    logits = joined([part.logits for part in parts], -CLAMP)
    boxes = joined([part.boxes for part in parts], 0.0)
    grids = [grid for part in parts for grid in part.grids]
    return DenseOutput(
        logits=logits,
        boxes=boxes,
        auxiliary=(),
        proposal_logits=logits,
        proposal_boxes=boxes,
        queries=joined([part.queries for part in parts], 0.0),
        deltas=joined([part.deltas for part in parts], 0.0),
        centerness=joined([part.centerness for part in parts], -CLAMP),
        grids=tuple(grids[place] for place in places),
    )


def _lengthened(tensor: Tensor, length: int, filling: float) -> Tensor:
    """[B, v, ...] to [B, V, ...]."""
    behind = [0, 0] * (tensor.dim() - 2) + [0, length - tensor.shape[1]]
    return F.pad(tensor, behind, value=filling)


def shown(
    output: DenseOutput, caption: Caption, settings: DetectionSettings
) -> tuple[Tensor, Tensor]:
    """What GLIP itself would show: scores [B, K, C], each row of one class, and boxes [B, K, 4] cxcywh in 0..1.

    Threshold, score, best of each level and suppression are the original's; with fewer than K, a row scores 0.
    """
    tokens = class_tokens(caption.token_spans, output.logits.shape[-1]).to(output.logits.device)
    found = [_of_image(output, number, tokens, settings) for number in range(len(output.grids))]
    most = max(len(each.scores) for each in found)
    scores = output.logits.new_zeros(len(found), most, len(tokens))
    boxes = output.boxes.new_zeros(len(found), most, 4)
    for number, each in enumerate(found):
        rows = torch.arange(len(each.scores), device=scores.device)
        scores[number, rows, each.labels] = each.scores
        boxes[number, rows] = output.grids[number].to_shares(each.boxes)
    return scores, boxes


def _of_image(
    output: DenseOutput, number: int, tokens: Tensor, settings: DetectionSettings
) -> Detections:
    width, height = output.grids[number].resized_wh
    anchors = output.grids[number].anchors
    return detections(output.of_image(number), anchors, tokens, [(height, width)], settings)[0]
