"""What the queries of a fusion layer see beside the tokens that are there anyway.

Legend: B images, m extra tokens, H heads, d head width, D = H d, L own tokens of the other side.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class ExtraTokens:
    """Keys and values that the queries of one side see beside the tokens of the other side."""

    keys: Tensor  # [m, D]
    values: Tensor  # [m, D]
    bias: Tensor | None = None  # added to the logits, [m] or [queries, m]; -inf hides a token

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class SeenBeside:
    """What a fusion layer's queries see beside its own tokens, and a factor on its outputs."""

    by_image: ExtraTokens | None = None  # beside the words
    by_text: ExtraTokens | None = None  # beside the pixels
    image_gain: Tensor | None = None  # [dv]
    text_gain: Tensor | None = None  # [dt]


def additive_mask(
    padding: Tensor | None, extra: ExtraTokens | None, keys: Tensor, *, num_queries: int
) -> Tensor | None:
    """Added to the logits towards `keys` [B, H, L, d] and the extra ones, [B, 1, 1 or queries, L + m].

    -inf on padding (bool [B, L], True = padding), the bias on extra tokens; None where nothing is to be added.
    """
    # On a GPU the question would wait for everything before it; there the mask is simply added.
    is_padded = padding is not None and (padding.device.type != "cpu" or bool(padding.any()))
    bias = None if extra is None else extra.bias
    if not is_padded and bias is None:
        return None
    rows = num_queries if bias is not None and bias.dim() == 2 else 1
    own = keys.new_zeros(keys.shape[0], rows, keys.shape[2])
    if padding is not None:
        own = own.masked_fill(padding[:, None], float("-inf"))
    if extra is None:
        return own[:, None]
    more = own.new_zeros(len(extra)) if bias is None else bias
    return torch.cat([own, more.expand(len(own), rows, -1)], dim=2)[:, None]


def split_heads(tokens: Tensor, heads: int) -> Tensor:
    """[B, L, D] to [B, H, L, d]."""
    batch, length, width = tokens.shape
    return tokens.view(batch, length, heads, width // heads).transpose(1, 2)
