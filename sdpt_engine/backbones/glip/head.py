"""From the last maps and words to scores per token, boxes and centerness.

B images, C channels, T text tokens, D text width, h and w of a level, A = h w anchors of a level.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sdpt_engine.backbones.glip.config import GlipConfig
from sdpt_engine.backbones.glip.language import clamped


@dataclass(frozen=True, slots=True)
class HeadOutput:
    """One entry per level, finest first. Padding columns of the logits mean nothing."""

    logits: tuple[Tensor, ...]  # [B, A, T] before the sigmoid; anchors row by row
    deltas: tuple[Tensor, ...]  # [B, 4, h, w] in the box coder's units
    centerness: tuple[Tensor, ...]  # [B, 1, h, w] before the sigmoid

    @property
    def sizes_hw(self) -> tuple[tuple[int, int], ...]:
        return tuple((level.shape[-2], level.shape[-1]) for level in self.centerness)

    def flat(self) -> tuple[Tensor, Tensor, Tensor]:
        """All levels in a row: logits [B, sum A, T], deltas [B, sum A, 4], centerness [B, sum A]."""
        deltas = torch.cat([level.flatten(2).transpose(1, 2) for level in self.deltas], dim=1)
        centerness = torch.cat([level.flatten(1) for level in self.centerness], dim=1)
        return torch.cat(self.logits, dim=1), deltas, centerness


class Heads(nn.Module):
    def __init__(self, config: GlipConfig) -> None:
        super().__init__()
        channels, text_width = config.channels, config.bert.hidden_size
        self.box_deltas = nn.Conv2d(channels, 4, 1)
        self.centerness = nn.Conv2d(channels, 1, 1)
        self.class_logits = nn.Conv2d(channels, config.num_class_slots, 1)  # loaded, never asked
        self.level_scales = nn.ParameterList(nn.Parameter(torch.ones(1)) for _ in config.strides_px)
        self.text_projection = nn.Linear(text_width, channels)
        self.token_bias = nn.Parameter(torch.zeros(text_width))
        self.bias = nn.Parameter(torch.full((1,), -4.595))  # log(1 / 99)
        self.log_scale = nn.Parameter(torch.zeros(1))

    def forward(self, levels: tuple[Tensor, ...], text: Tensor) -> HeadOutput:
        """Maps [B, C, h, w] and words [B, T, D]."""
        words, shift = self.projected_words(text)
        deltas = [
            self.box_deltas(level) * scale
            for level, scale in zip(levels, self.level_scales, strict=True)
        ]
        return HeadOutput(
            logits=tuple(self._token_logits(level, words, shift) for level in levels),
            deltas=tuple(deltas),
            centerness=tuple(self.centerness(level) for level in levels),
        )

    def projected_words(self, text: Tensor) -> tuple[Tensor, Tensor]:
        """[B, T, D] to the words among the image features [B, T, C], and a bias per word [B, T]."""
        unit = F.normalize(text, dim=-1, eps=1e-12)
        return self.text_projection(unit / 2.0), unit @ self.token_bias + self.bias

    def _token_logits(self, level: Tensor, words: Tensor, shift: Tensor) -> Tensor:
        anchors = level.flatten(2).transpose(1, 2)  # [B, A, C]
        similarity = anchors @ words.transpose(1, 2) / self.log_scale.exp()
        return clamped(similarity + shift[:, None, :])
