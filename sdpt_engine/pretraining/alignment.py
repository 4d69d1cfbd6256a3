"""Regions and phrases drawn together over the whole vocabulary, beside the caption's own loss.

A caption names some dozens of phrases, so that what lies in a box is told apart from few others at a time. Here each
query that lies on a drawn object is asked which of some hundred names it shows (softmax, as in contrastive
pre-training), at every decoder layer and at the proposals. The names go through the text layers alone, without what
fusion adds to them, which is little.

The text side learns this slowly, since a step tells it about the few names that are shown. So there is a table beside
it, a free vector for each name: the regions are told from all names by it at once, and the text side copies the
vectors of every name that is asked for. The table is left behind when training ends.

Legend: P names, W tokens of the longest of them, d model width, B scenes, Q queries, N boxes of all scenes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sdpt_engine.backbones.base import DetectorOutput
from sdpt_engine.boxes import cxcywh_to_xyxy, iou_xyxy
from sdpt_engine.pretraining.feature_pool import COMPOSED, ON_PHOTOGRAPH, LabelledFeatures
from sdpt_engine.pretraining.nano_model import NanoInTraining

_ON_OBJECT_IOU = 0.5
_COPY_WEIGHT = 30.0


class SeenFeatures:
    """What proposals and decoder layers are named by, caught while the detector runs."""

    def __init__(self) -> None:
        self.proposals: Tensor | None = None  # [B, Q, d]
        self.layers: list[Tensor] = []  # of each decoder layer [B, Q, d]


@contextmanager
def watched(nano: NanoInTraining) -> Iterator[SeenFeatures]:
    """Catch the features of the next pass through the detector."""
    base: Any = nano.model.model
    seen = SeenFeatures()

    def keep_proposals(_module: object, _inputs: object, output: Tensor) -> None:
        seen.proposals = output

    def keep_layer(_module: object, _inputs: object, output: Tensor) -> None:
        seen.layers.append(output)

    handles = (
        base.enc_output_norm.register_forward_hook(keep_proposals),
        base.decoder.layer_norm.register_forward_hook(keep_layer),
    )
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


class NameTable(nn.Module):
    """A vector [d] for each name, which begins as what the text side says of it."""

    def __init__(self, nano: NanoInTraining, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.row_of = {name: row for row, name in enumerate(names)}
        with torch.no_grad():
            self.vectors = nn.Parameter(name_features(nano, names))

    def copied(self, phrases: Tensor, names: Sequence[str]) -> Tensor:
        """How far `phrases` [P, d] are from the vectors of their names, as a share of how far those are apart."""
        rows = torch.tensor([self.row_of[name] for name in names])
        vectors = self.vectors.detach()
        apart = (vectors - vectors.mean(0)).square().sum(1).mean()
        return (phrases - vectors[rows]).square().sum(1).mean() / apart


@dataclass(frozen=True)
class Alignment:
    """The loss of naming among `num_names` names of the table, and how much it weighs beside the caption's."""

    table: NameTable
    num_names: int = 256
    weight: float = 1.0

    def loss(
        self,
        nano: NanoInTraining,
        scenes: Sequence[LabelledFeatures],
        output: DetectorOutput,
        seen: SeenFeatures,
        draw: random.Random,
    ) -> Tensor:
        """Mean over the drawn objects of the scenes, summed over proposals and decoder layers; 0 without any.

        By the names' words and by the table, and what the words lack of the table.
        """
        named = on_drawings(scenes)
        shown = sorted({name for scene in named if scene for name in scene.names})
        if not shown or seen.proposals is None:
            return output.boxes.new_zeros(())
        every = self.table.names
        others = draw.sample(every, min(self.num_names, len(every)))
        asked = [*shown, *(name for name in others if name not in set(shown))]
        phrases = name_features(nano, asked)
        number = {name: place for place, name in enumerate(asked)}
        boxes = [box for _, box in output.auxiliary] + [output.boxes]
        stages = [(seen.proposals, output.proposal_boxes), *zip(seen.layers, boxes, strict=True)]
        found = [regions_on_objects(stage, placed, named) for stage, placed in stages]
        losses = [
            _naming(regions, numbers, vectors)
            for regions in found
            for numbers, vectors in ((number, phrases), (self.table.row_of, self.table.vectors))
        ]
        copied = _COPY_WEIGHT * self.table.copied(phrases, asked)
        return self.weight * (torch.stack(losses).sum() + copied)


def name_features(nano: NanoInTraining, names: Sequence[str]) -> Tensor:
    """[P, d]: the mean of each name's words behind the text layers, fusion left out."""
    hidden = [nano.hidden_phrase(name) for name in names]
    counts = torch.tensor([len(rows) for rows in hidden])
    return phrase_features(nano, torch.nn.utils.rnn.pad_sequence(hidden, batch_first=True), counts)


def phrase_features(nano: NanoInTraining, hidden: Tensor, counts: Tensor) -> Tensor:
    """`name_features` of what the text encoder says, [P, W, its width]; the first `counts` [P] rows are a phrase's."""
    base: Any = nano.model.model
    words = base.text_projection(hidden)
    places = torch.arange(words.shape[1])
    may_see = phrase_masks(counts, len(places))
    layers = base.encoder.layers
    positions = layers[0].get_text_position_embeddings(words, None, places.expand(len(hidden), -1))
    for layer in layers:
        words = layer.fusion_layer.layer_norm_text(words)
        words = layer.text_enhancer_layer(words, may_see, positions)[0]
    is_named = (places < counts[:, None] - 1)[..., None]
    mean: Tensor = (words * is_named).sum(1) / is_named.sum(1)
    return mean


def phrase_masks(counts: Tensor, width: int) -> Tensor:
    """bool [P, W, W]: a token sees the first `counts` [P] ones, its phrase and full stop, and itself."""
    is_word = torch.arange(width) < counts[:, None]
    return is_word[:, None, :] | torch.eye(width, dtype=torch.bool)


class Regions(NamedTuple):
    """Queries that lie on named objects: their features, what each shows, and its share of the object."""

    features: Tensor  # [R, d]
    names: list[str]
    shares: Tensor  # [R]; those of one object add up to 1


def on_drawings(scenes: Sequence[LabelledFeatures]) -> list[LabelledFeatures | None]:
    """The scenes whose names are those of drawings, and None for the others."""
    return [scene if scene.family in (COMPOSED, ON_PHOTOGRAPH) else None for scene in scenes]


def regions_on_objects(
    features: Tensor, boxes: Tensor, scenes: Sequence[LabelledFeatures | None]
) -> Regions:
    """Of features [B, Q, d] with boxes [B, Q, 4] cxcywh; a scene that is None, or names nothing, gives none."""
    rows, names, shares = [features[0, :0]], list[str](), [features.new_zeros(0)]
    for own_features, own_boxes, scene in zip(features, boxes.detach(), scenes, strict=True):
        if scene is None or not scene.names:
            continue
        truth = cxcywh_to_xyxy(torch.from_numpy(scene.boxes))
        overlap, owner = iou_xyxy(cxcywh_to_xyxy(own_boxes), truth).max(1)
        (on_object,) = (overlap >= _ON_OBJECT_IOU).nonzero(as_tuple=True)
        owners = owner[on_object]
        rows.append(own_features[on_object])
        names += [scene.names[number] for number in owners.tolist()]
        shares.append(1 / torch.bincount(owners, minlength=len(truth))[owners])
    return Regions(torch.cat(rows), names, torch.cat(shares))


def _naming(regions: Regions, number: Mapping[str, int], vectors: Tensor) -> Tensor:
    """Cross-entropy over `vectors` [P, d], which `number` gives names to; every object counts once."""
    if not regions.names:
        return vectors.new_zeros(())
    logits = regions.features @ vectors.T / vectors.shape[-1] ** 0.5
    aims = torch.tensor([number[name] for name in regions.names])
    each = F.cross_entropy(logits, aims, reduction="none")
    return (each * regions.shares).sum() / regions.shares.sum()
