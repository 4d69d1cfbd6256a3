"""Bi-directional cross attention that also sees prompt tokens, around a frozen original.

Legend: B images, N image tokens, T text tokens, m prompt tokens, H heads, d head width, D = H d.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sdpt_engine.prompt import LayerPrompt

AttentionResult = tuple[tuple[Tensor, Tensor | None], tuple[Tensor, Tensor | None]]


class PromptedAttention(nn.Module):
    """Stands in for the frozen attention of a fusion layer; called after both LayerNorms.

    The original is kept outside the module tree: nothing here owns or trains its weights.
    """

    def __init__(
        self, original: nn.Module, prompt: LayerPrompt, *, logit_bias: float = 0.0
    ) -> None:
        super().__init__()
        self._outside: tuple[Any, LayerPrompt] = (original, prompt)
        self.logit_bias = logit_bias

    def forward(
        self,
        vision_features: Tensor,
        text_features: Tensor,
        vision_attention_mask: Tensor | None = None,
        text_attention_mask: Tensor | None = None,
    ) -> AttentionResult:
        """Masks are boolean with True = padding, as the frozen block has them."""
        original, prompt = self._outside
        image_out, text_out = attend_with_prompts(
            original,
            (vision_features, text_features),
            (prompt.image_tokens(), prompt.text_tokens()),
            masks=(vision_attention_mask, text_attention_mask),
            logit_bias=self.logit_bias,
        )
        return (image_out, None), (text_out, None)


def attend_by_concatenation(
    attention: Any,
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
    (image_out, _), (text_out, _) = attention(
        longer[0],
        longer[1],
        vision_attention_mask=visible[0],
        text_attention_mask=visible[1],
    )
    return image_out[:, :num_image], text_out[:, :num_text]


def attend_with_prompts(
    attention: Any,
    features: tuple[Tensor, Tensor],
    prompts: tuple[Tensor, Tensor],
    *,
    masks: tuple[Tensor | None, Tensor | None] = (None, None),
    logit_bias: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """The same outputs, with the prompts as extra keys and values only: no prompt row is a query.

    `logit_bias` shifts the prompts' attention logits; 0 is the plain method.
    """
    image, text = features
    image_prompt, text_prompt = (extra.expand(image.shape[0], -1, -1) for extra in prompts)
    heads = int(attention.num_heads)
    query = _split(attention.vision_proj(image), heads)
    key = _split(attention.text_proj(text), heads)
    image_out = F.scaled_dot_product_attention(
        query,
        torch.cat([key, _split(attention.text_proj(text_prompt), heads)], dim=2),
        _values(attention.values_text_proj, text, text_prompt, heads=heads),
        attn_mask=_additive(masks[1], text, num_prompts=len(prompts[1]), logit_bias=logit_bias),
    )
    text_out = F.scaled_dot_product_attention(
        key,
        torch.cat([query, _split(attention.vision_proj(image_prompt), heads)], dim=2),
        _values(attention.values_vision_proj, image, image_prompt, heads=heads),
        attn_mask=_additive(masks[0], image, num_prompts=len(prompts[0]), logit_bias=logit_bias),
    )
    image_delta: Tensor = attention.out_vision_proj(_join(image_out))
    text_delta: Tensor = attention.out_text_proj(_join(text_out))
    return image_delta, text_delta


def _values(projection: nn.Module, own: Tensor, extra: Tensor, *, heads: int) -> Tensor:
    return _split(projection(torch.cat([own, extra], dim=1)), heads)


def _additive(
    padding: Tensor | None, own: Tensor, *, num_prompts: int, logit_bias: float
) -> Tensor | None:
    """Mask added to the logits [B, 1, 1, own + m]: -inf on padding, the bias on prompts."""
    if padding is None and logit_bias == 0.0:
        return None
    mask = own.new_zeros(own.shape[0], own.shape[1])
    if padding is not None:
        mask = mask.masked_fill(padding, float("-inf"))
    return F.pad(mask, (0, num_prompts), value=logit_bias)[:, None, None, :]


def _split(tokens: Tensor, heads: int) -> Tensor:
    batch, length, width = tokens.shape
    return tokens.view(batch, length, heads, width // heads).transpose(1, 2)  # [B, H, L, d]


def _join(tokens: Tensor) -> Tensor:
    return tokens.transpose(1, 2).flatten(2)  # [B, L, D]
