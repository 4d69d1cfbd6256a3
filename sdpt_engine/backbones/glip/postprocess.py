"""From the head's output to detections: threshold, best per level, decoding, suppression per class.

B images, A anchors of a level, T text tokens, C classes, N detections. Boxes are xyxy in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sdpt_engine.backbones.glip.anchors import decode, pixel_iou
from sdpt_engine.backbones.glip.config import Aggregation, DetectionSettings
from sdpt_engine.backbones.glip.head import HeadOutput


@dataclass(frozen=True, slots=True)
class Detections:
    """One image's detections, best first."""

    boxes: Tensor  # [N, 4]
    scores: Tensor  # [N] in 0..1
    labels: Tensor  # [N] int64, rows of the class-token table, from 0

    def take(self, index: Tensor) -> Detections:
        return Detections(self.boxes[index], self.scores[index], self.labels[index])

    def scaled(self, factors_wh: tuple[float, float]) -> Detections:
        """The same on an image that is larger by these factors."""
        factors = self.boxes.new_tensor([*factors_wh, *factors_wh])
        return Detections(self.boxes * factors, self.scores, self.labels)


def class_probabilities(logits: Tensor, own_tokens: Tensor, aggregation: Aggregation) -> Tensor:
    """[..., T] and 0/1 [C, T] to [..., C]: mean or maximum over each class's own tokens."""
    probability = logits.sigmoid()
    if aggregation == "MEAN":
        return probability @ (own_tokens / own_tokens.sum(1, keepdim=True).clamp_min(1.0)).T
    columns = [
        probability[..., row > 0].amax(-1) if row.any() else probability[..., 0] * 0.0
        for row in own_tokens
    ]
    return torch.stack(columns, dim=-1)


def detections(
    output: HeadOutput,
    anchors: Sequence[Tensor],
    own_tokens: Tensor,
    sizes_hw: Sequence[tuple[int, int]],
    settings: DetectionSettings,
) -> list[Detections]:
    """What each image of the batch holds. `sizes_hw` are those after resizing, before padding."""
    found = []
    for image, size in enumerate(sizes_hw):
        levels = [
            _level_candidates(output, level, image, own_tokens, settings, level_anchors)
            for level, level_anchors in enumerate(anchors)
        ]
        boxes = torch.cat([level.boxes for level in levels])
        together = Detections(
            boxes=_clipped(boxes, size),
            scores=torch.cat([level.scores for level in levels]),
            labels=torch.cat([level.labels for level in levels]),
        )
        found.append(_best(_suppressed(together, settings.nms_iou), settings.max_detections))
    return found


def _level_candidates(
    output: HeadOutput,
    level: int,
    image: int,
    own_tokens: Tensor,
    settings: DetectionSettings,
    anchors: Tensor,
) -> Detections:
    probability = class_probabilities(
        output.logits[level][image], own_tokens, settings.aggregation
    )  # [A, C]
    centerness = output.centerness[level][image].flatten().sigmoid()
    # The threshold comes before centerness.
    place, label = torch.nonzero(probability > settings.score_threshold, as_tuple=True)
    value = probability[place, label] * centerness[place]
    value, order = value.topk(min(settings.candidates_per_level, len(value)))
    place, label = place[order], label[order]
    deltas = output.deltas[level][image].flatten(1).T
    return Detections(decode(deltas[place], anchors[place]), value.sqrt(), label)


def _clipped(boxes: Tensor, size_hw: tuple[int, int]) -> Tensor:
    height, width = size_hw
    last = boxes.new_tensor([width - 1, height - 1, width - 1, height - 1])
    return torch.minimum(boxes.clamp_min(0.0), last)


def _suppressed(found: Detections, nms_iou: float) -> Detections:
    """Greedy suppression within each class."""
    kept = [
        members[_survivors(found.boxes[members], found.scores[members], nms_iou)]
        for members in (torch.nonzero(found.labels == c)[:, 0] for c in torch.unique(found.labels))
    ]
    return found.take(torch.cat(kept)) if kept else found


def _survivors(boxes: Tensor, scores: Tensor, nms_iou: float) -> Tensor:
    order = scores.argsort(descending=True, stable=True)
    clashes = (pixel_iou(boxes[order], boxes[order]) > nms_iou).cpu().numpy()
    alive = ~torch.zeros(len(order), dtype=torch.bool).numpy()
    for index in range(len(order)):
        if alive[index]:
            alive[index + 1 :] &= ~clashes[index, index + 1 :]
    return order[torch.from_numpy(alive).to(order.device)]


def _best(found: Detections, most: int) -> Detections:
    """The best `most`, and what ties with the last of them, in order."""
    order = found.scores.argsort(descending=True, stable=True)
    found = found.take(order)
    if len(order) <= most:
        return found
    return found.take(torch.nonzero(found.scores >= found.scores[most - 1])[:, 0])
