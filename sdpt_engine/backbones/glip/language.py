"""The frozen text encoder, and the BERT layer that stands in the head after each fusion.

B images, T tokens, D text width, H heads.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertConfig, BertModel

from sdpt_engine.backbones.glip.config import BertSizes

CLAMP = 50_000.0  # keeps half precision finite; without effect in float32


class TextEncoder(nn.Module):
    """What is constant of a caption while a prompt is tuned."""

    def __init__(self, sizes: BertSizes) -> None:
        super().__init__()
        config = BertConfig(
            vocab_size=sizes.vocab_size,
            hidden_size=sizes.hidden_size,
            num_hidden_layers=sizes.num_hidden_layers,
            num_attention_heads=sizes.num_attention_heads,
            intermediate_size=sizes.intermediate_size,
            max_position_embeddings=sizes.max_position_embeddings,
            type_vocab_size=sizes.type_vocab_size,
            layer_norm_eps=sizes.layer_norm_eps,
        )
        self.bert = BertModel(config, add_pooling_layer=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """int64 [B, T] twice to the last layer [B, T, D]; padding rows are not zeroed."""
        hidden: Tensor = self.bert(
            input_ids=input_ids, attention_mask=attention_mask
        ).last_hidden_state
        return hidden


class WordLayer(nn.Module):
    """A post-norm BERT layer on the fused words, clamped."""

    def __init__(self, sizes: BertSizes) -> None:
        super().__init__()
        width = sizes.hidden_size
        self.num_heads = sizes.num_attention_heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.attention_output = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, eps=sizes.layer_norm_eps)
        self.intermediate = nn.Linear(width, sizes.intermediate_size)
        self.output = nn.Linear(sizes.intermediate_size, width)
        self.output_norm = nn.LayerNorm(width, eps=sizes.layer_norm_eps)

    def forward(self, text: Tensor, padding: Tensor) -> Tensor:
        """[B, T, D] and bool [B, T], True where a token is no word."""
        attended = self.attention_norm(self.attention_output(self._attend(text, padding)) + text)
        wide = clamped(F.gelu(clamped(self.intermediate(attended))))
        return clamped(self.output_norm(clamped(self.output(wide)) + attended))

    def _attend(self, text: Tensor, padding: Tensor) -> Tensor:
        query, key, value = (
            split_heads(projection(text), self.num_heads)
            for projection in (self.query, self.key, self.value)
        )
        scores = clamped(query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]))
        hidden = padding[:, None, None, :]
        scores = scores.masked_fill(hidden, torch.finfo(scores.dtype).min)  # [B, H, T, T]
        return join_heads(scores.softmax(-1) @ value)


def clamped(values: Tensor) -> Tensor:
    return values.clamp(-CLAMP, CLAMP)


def split_heads(tokens: Tensor, heads: int) -> Tensor:
    """[B, T, D] to [B, H, T, D / H]."""
    batch, length, width = tokens.shape
    return tokens.view(batch, length, heads, width // heads).transpose(1, 2)


def join_heads(tokens: Tensor) -> Tensor:
    """[B, H, T, D / H] to [B, T, D]."""
    return tokens.transpose(1, 2).flatten(2)
