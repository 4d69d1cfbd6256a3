"""Bi-directional cross attention that also sees prompt tokens, around a frozen original.

Legend: B images, N image tokens, T text tokens, m prompt tokens, H heads, d head width, D = H d.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import FusionSite

AttentionResult = tuple[tuple[Tensor, Tensor | None], tuple[Tensor, Tensor | None]]


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


class PromptedAttention(nn.Module):
    """Stands in for the frozen attention of a fusion layer; called after both LayerNorms.

    The original is kept outside the module tree: nothing here owns or trains its weights.
    """

    def __init__(self, site: FusionSite, beside: SeenBeside) -> None:
        super().__init__()
        self._outside = (site, beside)

    def forward(
        self,
        vision_features: Tensor,
        text_features: Tensor,
        vision_attention_mask: Tensor | None = None,
        text_attention_mask: Tensor | None = None,
    ) -> AttentionResult:
        """Masks are boolean with True = padding, as the frozen block has them."""
        site, beside = self._outside
        image_out, text_out = attend(
            site,
            (vision_features, text_features),
            beside,
            masks=(vision_attention_mask, text_attention_mask),
        )
        return (image_out, None), (text_out, None)


def attend_by_concatenation(
    site: FusionSite,
    features: tuple[Tensor, Tensor],
    prompts: tuple[Tensor, Tensor],
    *,
    masks: tuple[Tensor | None, Tensor | None] = (None, None),
) -> tuple[Tensor, Tensor]:
    """The reference: lengthen both sequences, run the frozen block, drop the prompt rows.

    features = (V [B, N, dv], T [B, T, dt]); prompts = (Pv [m, dv], Pt [m, dt]).
    """
    batch, num_image, _ = features[0].shape
    num_text = features[1].shape[1]
    longer = [
        torch.cat([own, extra.expand(batch, -1, -1)], dim=1)
        for own, extra in zip(features, prompts, strict=True)
    ]
    visible = [
        None if mask is None else F.pad(mask, (0, extra.shape[0]), value=False)
        for mask, extra in zip(masks, prompts, strict=True)
    ]
    (image_out, _), (text_out, _) = site.attention(
        longer[0],
        longer[1],
        vision_attention_mask=visible[0],
        text_attention_mask=visible[1],
    )
    return image_out[:, :num_image], text_out[:, :num_text]


def beside_words(site: FusionSite, text_tokens: Tensor, bias: Tensor | None = None) -> ExtraTokens:
    """Prompt rows [m, dt] as keys and values that image queries see."""
    return ExtraTokens(site.text_projection(text_tokens), site.text_values(text_tokens), bias)


def beside_pixels(
    site: FusionSite, image_tokens: Tensor, bias: Tensor | None = None
) -> ExtraTokens:
    """Prompt rows [m, dv] as keys and values that text queries see."""
    return ExtraTokens(site.image_projection(image_tokens), site.image_values(image_tokens), bias)


def attend(
    site: FusionSite,
    features: tuple[Tensor, Tensor],
    beside: SeenBeside,
    *,
    masks: tuple[Tensor | None, Tensor | None] = (None, None),
) -> tuple[Tensor, Tensor]:
    """The same outputs, with the prompts as extra keys and values only: no prompt row is a query."""
    image, text = features
    heads = site.num_heads
    from_image = _split(site.image_projection(image), heads)  # [B, H, N, d], query and key
    from_text = _split(site.text_projection(text), heads)  # [B, H, T, d]
    image_out = _attention(
        from_image, from_text, _split(site.text_values(text), heads), beside.by_image, masks[1]
    )
    text_out = _attention(
        from_text, from_image, _split(site.image_values(image), heads), beside.by_text, masks[0]
    )
    image_delta: Tensor = site.image_output(_join(image_out))
    text_delta: Tensor = site.text_output(_join(text_out))
    if beside.image_gain is not None:
        image_delta = image_delta * beside.image_gain
    if beside.text_gain is not None:
        text_delta = text_delta * beside.text_gain
    return image_delta, text_delta


def _attention(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    extra: ExtraTokens | None,
    padding: Tensor | None,
) -> Tensor:
    mask = _additive(padding, queries, keys, extra)
    if extra is not None and len(extra):
        batch, heads = keys.shape[:2]
        keys = torch.cat([keys, _split(extra.keys[None], heads).expand(batch, -1, -1, -1)], dim=2)
        more = _split(extra.values[None], heads).expand(batch, -1, -1, -1)
        values = torch.cat([values, more], dim=2)
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)


def _additive(
    padding: Tensor | None, queries: Tensor, keys: Tensor, extra: ExtraTokens | None
) -> Tensor | None:
    """Added to the logits, [B, 1, 1 or queries, own + m]: -inf on padding, the bias on prompts."""
    # On a GPU the question would wait for everything before it; there the mask is simply added.
    is_padded = padding is not None and (padding.device.type != "cpu" or bool(padding.any()))
    bias = None if extra is None else extra.bias
    if not is_padded and bias is None:
        return None
    rows = queries.shape[2] if bias is not None and bias.dim() == 2 else 1
    own = queries.new_zeros(queries.shape[0], rows, keys.shape[2])
    if padding is not None:
        own = own.masked_fill(padding[:, None], float("-inf"))
    if extra is None:
        return own[:, None]
    more = own.new_zeros(len(extra)) if bias is None else bias
    return torch.cat([own, more.expand(len(own), rows, -1)], dim=2)[:, None]


def _split(tokens: Tensor, heads: int) -> Tensor:
    batch, length, width = tokens.shape
    return tokens.view(batch, length, heads, width // heads).transpose(1, 2)  # [B, H, L, d]


def _join(tokens: Tensor) -> Tensor:
    return tokens.transpose(1, 2).flatten(2)  # [B, L, D]
