"""GLIP's own losses as prompts are tuned by them: with images that are labelled in part, and rejected boxes.

As in training, [CLS], [SEP] and '.' must not be named anywhere: they count as tokens of nothing. Where a person
has labelled only some objects, a token far from every box costs nothing, unless its class was rejected there.

V image tokens of an image, T text tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sdpt_engine.backbones.base import Caption
from sdpt_engine.backbones.glip.captions import class_tokens
from sdpt_engine.backbones.glip.config import GlipConfig
from sdpt_engine.backbones.glip.dense import DenseOutput
from sdpt_engine.backbones.glip.loss import (
    LabelledBoxes,
    Said,
    Targets,
    in_a_row,
    losses_of,
    make_targets,
)
from sdpt_engine.losses import Stage, Target, background_weights


def tuning_loss(
    output: DenseOutput,
    targets: Sequence[Target],
    caption: Caption,
    config: GlipConfig,
    text_mask: Tensor,
) -> tuple[Tensor, dict[str, float]]:
    """Loss of a batch and its parts. `text_mask` [T] is 1 on the tokens that count."""
    tokens = class_tokens(caption.token_spans, output.logits.shape[-1]).to(output.logits.device)
    wanted = in_a_row(
        [_wanted(output, number, target, tokens, config) for number, target in enumerate(targets)]
    )
    weights = torch.cat(
        [_background(output, number, target, tokens) for number, target in enumerate(targets)]
    )
    weights[wanted.positives] = 1.0
    losses = losses_of(_said(output), wanted, weights * (text_mask > 0), config.loss)
    parts = (losses.naming, losses.placing, losses.centerness)
    names = ("naming", "placing", "centerness")
    told = torch.stack([part.detach() for part in parts]).tolist()
    return losses.total, dict(zip(names, told, strict=True))


def _said(output: DenseOutput) -> Said:
    """All images' own tokens in a row."""
    lengths = [grid.num_tokens for grid in output.grids]

    def row(padded: Tensor) -> Tensor:
        return torch.cat([own[:n] for own, n in zip(padded, lengths, strict=True)])

    return Said(row(output.logits), row(output.deltas), row(output.centerness))


def _wanted(
    output: DenseOutput, number: int, target: Target, tokens: Tensor, config: GlipConfig
) -> Targets:
    grid = output.grids[number]
    labelled = LabelledBoxes(grid.to_pixels(target.boxes), tokens[target.classes])
    return make_targets(
        grid.anchors, [labelled], config.loss, max_text_tokens=config.inputs.max_text_tokens
    )


def _background(output: DenseOutput, number: int, target: Target, tokens: Tensor) -> Tensor:
    """[V, T]: how much a score on nothing labelled is punished."""
    own = slice(output.grids[number].num_tokens)
    stage = Stage(output.logits[number, own], output.boxes[number, own])
    return background_weights(stage, target, tokens)
