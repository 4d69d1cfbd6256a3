"""Bi-directional cross attention that also sees prompt tokens, around a frozen original.

Legend: B images, N image tokens, T text tokens, m prompt tokens, H heads, d head width, D = H d.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sdpt_engine.extra_tokens import ExtraTokens, SeenBeside, additive_mask, split_heads
from sdpt_engine.folding import attend_folded, is_foldable

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import FusionSite

AttentionResult = tuple[tuple[Tensor, Tensor | None], tuple[Tensor, Tensor | None]]


class Attend(Protocol):
    """What a fusion attention does with (V [B, N, dv], T [B, T, dt]); masks are boolean, True = padding."""

    def __call__(
        self,
        features: tuple[Tensor, Tensor],
        *,
        masks: tuple[Tensor | None, Tensor | None],
    ) -> tuple[Tensor, Tensor]: ...


class AttentionStandIn(nn.Module):
    """Takes the place of the frozen attention of a fusion layer; called after both LayerNorms.

    The original is kept outside the module tree: nothing here owns or trains its weights.
    """

    def __init__(self, attend: Attend) -> None:
        super().__init__()
        self._outside = (attend,)

    def forward(
        self,
        vision_features: Tensor,
        text_features: Tensor,
        vision_attention_mask: Tensor | None = None,
        text_attention_mask: Tensor | None = None,
    ) -> AttentionResult:
        """The call of the frozen block, whose attention weights nobody reads."""
        (attend,) = self._outside
        masks = (vision_attention_mask, text_attention_mask)
        image_out, text_out = attend((vision_features, text_features), masks=masks)
        return (image_out, None), (text_out, None)


def prompted_attention(site: FusionSite, beside: SeenBeside) -> AttentionStandIn:
    """The frozen attention that also sees prompt tokens."""
    return AttentionStandIn(partial(attend, site, beside=beside)).eval()


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
    run = attend_folded if is_foldable(site) else attend_plainly
    image_delta, text_delta = run(site, features, beside, masks=masks)
    if beside.image_gain is not None:
        image_delta = image_delta * beside.image_gain
    if beside.text_gain is not None:
        text_delta = text_delta * beside.text_gain
    return image_delta, text_delta


def attend_plainly(
    site: FusionSite,
    features: tuple[Tensor, Tensor],
    beside: SeenBeside,
    *,
    masks: tuple[Tensor | None, Tensor | None] = (None, None),
) -> tuple[Tensor, Tensor]:
    """By two scaled dot products, for projections that are more than a matrix (LoRA layers, say)."""
    image, text = features
    heads = site.num_heads
    from_image = split_heads(site.image_projection(image), heads)  # [B, H, N, d], query and key
    from_text = split_heads(site.text_projection(text), heads)  # [B, H, T, d]
    image_out = _dot_product(
        from_image, from_text, split_heads(site.text_values(text), heads), beside.by_image, masks[1]
    )
    text_out = _dot_product(
        from_text,
        from_image,
        split_heads(site.image_values(image), heads),
        beside.by_text,
        masks[0],
    )
    image_delta: Tensor = site.image_output(_join(image_out))
    text_delta: Tensor = site.text_output(_join(text_out))
    return image_delta, text_delta


def _dot_product(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    extra: ExtraTokens | None,
    padding: Tensor | None,
) -> Tensor:
    mask = additive_mask(padding, extra, keys, num_queries=queries.shape[2])
    if extra is not None and len(extra):
        batch, heads = keys.shape[:2]
        more = split_heads(extra.keys[None], heads).expand(batch, -1, -1, -1)
        keys = torch.cat([keys, more], dim=2)
        more = split_heads(extra.values[None], heads).expand(batch, -1, -1, -1)
        values = torch.cat([values, more], dim=2)
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)


def _join(tokens: Tensor) -> Tensor:
    return tokens.transpose(1, 2).flatten(2)  # [B, L, D]
