"""Bi-directional cross attention with its projections folded into the few words, not the many pixels.

A caption has tens of tokens and an image thousands. So the words' keys are carried back through the image's
query projection, and their values forward through the output projection: the image tokens then meet small
matrices [dv, H L] instead of four projections of width D. The sums are the same, in another order.

Legend: B images, N image tokens, T text tokens, m prompt tokens, L = T + m, H heads, d head width, D = H d,
dv / dt image and text widths.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_PROJECTIONS = (
    "vision_proj",
    "text_proj",
    "values_vision_proj",
    "values_text_proj",
    "out_vision_proj",
    "out_text_proj",
)


def is_foldable(attention: object) -> bool:
    """Whether `attention` is six plain linear maps that nothing watches or replaces."""
    maps = [getattr(attention, name, None) for name in _PROJECTIONS]
    plain = all(type(m) is nn.Linear and m.bias is not None for m in maps)
    return plain and not any(_is_watched(m) for m in maps)


def _is_watched(module: Any) -> bool:
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks)
    return any(hooks)


def attend_folded(
    attention: Any,
    features: tuple[Tensor, Tensor],
    prompts: tuple[Tensor, Tensor] | None = None,
    *,
    masks: tuple[Tensor | None, Tensor | None] = (None, None),
    logit_bias: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """What the frozen block gives for V [B, N, dv] and T [B, T, dt], prompts (Pv, Pt) being extra keys and values.

    Masks are boolean with True = padding. `logit_bias` shifts the prompts' attention logits.
    """
    image, text = features
    heads = int(attention.num_heads)
    words, num_words = text, text.shape[1]
    if prompts is not None:
        words = torch.cat([text, prompts[1].expand(len(text), -1, -1)], dim=1)  # [B, L, dt]
    keys = _heads(attention.text_proj(words), heads)  # [B, H, L, d]
    logits = _image_logits(attention.vision_proj, image, keys)  # [B, H, L, N]
    image_out = _image_delta(attention, logits, words, (masks[1], num_words, logit_bias))
    text_keys = keys[:, :, :num_words]
    text_out = _text_delta(
        attention,
        image,
        logits[:, :, :num_words],
        _prompt_side(attention, text_keys, None if prompts is None else prompts[0], logit_bias),
        masks[0],
    )
    return image_out, text_out


def _image_logits(projection: nn.Linear, image: Tensor, keys: Tensor) -> Tensor:
    """Scaled logits [B, H, L, N] of image tokens towards keys [B, H, L, d].

    The image tokens come last: softmax over a short last axis is some ten times slower than over another.
    """
    batch, heads, length, width = keys.shape
    keys = keys * width**-0.5
    folded = (keys @ projection.weight.view(heads, width, -1)).flatten(1, 2)  # [B, H L, dv]
    shift = keys @ projection.bias.view(heads, width, 1)  # [B, H, L, 1]
    logits = torch.baddbmm(shift.flatten(1, 2), folded, image.transpose(1, 2))
    return logits.view(batch, heads, length, -1)


def _image_delta(
    attention: Any, logits: Tensor, words: Tensor, columns: tuple[Tensor | None, int, float]
) -> Tensor:
    """What the image takes from the words: [B, N, dv]. `columns` = (text padding, T, prompt bias)."""
    padding, num_words, logit_bias = columns
    heads, length = logits.shape[1:3]
    shift = _shift(padding, logits, (num_words, length), logit_bias)
    attended = (logits if shift is None else logits + shift[:, None, :, None]).softmax(2)
    values = _heads(attention.values_text_proj(words), heads)  # [B, H, L, d]
    out = attention.out_vision_proj
    weight = out.weight.view(len(out.weight), heads, -1).permute(1, 2, 0)  # [H, d, dv]
    folded = (values @ weight).flatten(1, 2)  # [B, H L, dv]
    return torch.baddbmm(out.bias, attended.flatten(1, 2).transpose(1, 2), folded)


def _prompt_side(
    attention: Any, text_keys: Tensor, image_prompt: Tensor | None, logit_bias: float
) -> tuple[Tensor, Tensor] | None:
    """Logits [B, H, T, m] of the words towards the image prompt, and its values [H, m, d]."""
    if image_prompt is None:
        return None
    heads, width = text_keys.shape[1], text_keys.shape[3]
    keys, values = (
        projection(image_prompt).view(-1, heads, width).transpose(0, 1)
        for projection in (attention.vision_proj, attention.values_vision_proj)
    )
    return text_keys @ keys.transpose(1, 2) * width**-0.5 + logit_bias, values


def _text_delta(
    attention: Any,
    image: Tensor,
    logits: Tensor,
    prompt: tuple[Tensor, Tensor] | None,
    padding: Tensor | None,
) -> Tensor:
    """What the words take from the image: [B, T, dt]. `logits` [B, H, T, N]."""
    batch, heads, num_words, num_image = logits.shape
    if padding is not None:
        logits = logits.masked_fill(padding[:, None, None], float("-inf"))
    if prompt is not None:
        logits = torch.cat([logits, prompt[0]], dim=-1)
    attended = logits.softmax(-1)
    mine = attended[..., :num_image]
    met = (mine.flatten(1, 2) @ image).view(batch, heads, num_words, -1)  # [B, H, T, dv]
    projection = attention.values_vision_proj
    weight = projection.weight.view(heads, -1, image.shape[-1])  # [H, d, dv]
    taken = met @ weight.transpose(1, 2)  # [B, H, T, d]
    bias = projection.bias.view(heads, 1, -1)
    if prompt is None:
        taken = taken + bias
    else:
        theirs = attended[..., num_image:]
        taken = taken + (1 - theirs.sum(-1, keepdim=True)) * bias + theirs @ prompt[1]
    delta: Tensor = attention.out_text_proj(taken.transpose(1, 2).flatten(2))
    return delta


def _shift(
    padding: Tensor | None, like: Tensor, lengths: tuple[int, int], logit_bias: float
) -> Tensor | None:
    """Added to the logits of the words [B or 1, L]: -inf on padding, the bias on prompts."""
    num_words, length = lengths
    if padding is None and (logit_bias == 0.0 or num_words == length):
        return None
    shift = like.new_zeros(1 if padding is None else len(padding), num_words)
    if padding is not None:
        shift = shift.masked_fill(padding, float("-inf"))
    return F.pad(shift, (0, length - num_words), value=logit_bias)


def _heads(tokens: Tensor, heads: int) -> Tensor:
    batch, length, width = tokens.shape
    return tokens.view(batch, length, heads, width // heads).transpose(1, 2)  # [B, H, L, d]
