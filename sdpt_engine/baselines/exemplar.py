"""Visual exemplars without training: a class is what the detector's queries look like on its labelled boxes.

Legend: B images, Q queries, d model width, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from sdpt_engine.adaptation import copy_tensors
from sdpt_engine.baselines.plain import PlainAdaptation
from sdpt_engine.boxes import cxcywh_to_xyxy, iou_xyxy

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Caption, Detector, DetectorOutput, EncodedText
    from sdpt_engine.data import View

TEMPERATURE = 0.1
MATCH_IOU = 0.5


class Exemplars(PlainAdaptation):
    """Class prototype = mean query feature of the queries on its boxes; the rest makes a background prototype.

    A query's score for a class is the softmax over cosine similarities; a class without an exemplar keeps its
    zero-shot score.
    """

    def __init__(
        self, class_ids: Sequence[int], width: int, *, temperature: float = TEMPERATURE
    ) -> None:
        super().__init__({}, 0.0)
        self._row = {class_id: row for row, class_id in enumerate(class_ids)}
        self._temperature = temperature
        # One row per class, and the background's; a row of zeros means that nothing was seen.
        self._prototypes = torch.zeros(len(class_ids) + 1, width)

    @torch.no_grad()
    def prepare(
        self, detector: Detector, views: Sequence[View], texts: Sequence[EncodedText]
    ) -> None:
        sums = torch.zeros_like(self._prototypes).to(detector.device)
        for view in views:
            for number, text in enumerate(texts):
                output = detector.detect([view.images[number]], text)
                self._collect(sums, output, view, number)
        self._prototypes = F.normalize(sums, dim=1).cpu()

    def _collect(self, sums: Tensor, output: DetectorOutput, view: View, number: int) -> None:
        target = view.target(number)
        features = F.normalize(output.queries[0], dim=1)  # [Q, d]
        if not len(target.boxes):
            sums[-1] += features.sum(0) if target.is_exhaustive else 0.0
            return
        truth = cxcywh_to_xyxy(target.boxes).to(features.device)
        overlap, owner = iou_xyxy(cxcywh_to_xyxy(output.boxes[0]), truth).max(1)
        best = iou_xyxy(cxcywh_to_xyxy(output.boxes[0]), truth).argmax(0)  # at least one per box
        is_on_box = overlap >= MATCH_IOU
        is_on_box[best] = True
        owner[best] = torch.arange(len(best), device=owner.device)
        caption = view.asked[number].text.caption
        rows = torch.tensor([self._row[caption.classes[c].id] for c in target.classes.tolist()])
        sums.index_add_(0, rows.to(owner.device)[owner[is_on_box]], features[is_on_box])
        if target.is_exhaustive:
            sums[-1] += features[~is_on_box].sum(0)

    def adjusted(self, output: DetectorOutput, caption: Caption) -> DetectorOutput:
        prototypes = self._prototypes.to(output.queries.device)
        likeness = F.normalize(output.queries, dim=-1) @ prototypes.T  # [B, Q, C + 1]
        is_seen = prototypes.any(1)
        likeness = (likeness / self._temperature).masked_fill(~is_seen, float("-inf"))
        share = likeness.softmax(-1)
        logits = output.logits.clone()
        for item, span in zip(caption.classes, caption.token_spans, strict=True):
            row = self._row[item.id]
            if is_seen[row]:
                logits[..., list(span)] = torch.logit(share[..., row], eps=1e-6)[..., None]
        return replace(output, logits=logits)

    def learnt_tensors(self) -> dict[str, Tensor]:
        return {"prototypes": self._prototypes.clone()}

    def load_learnt_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        copy_tensors({"prototypes": self._prototypes}, tensors)
