"""Bi-directional cross attention with its projections folded into the few words, not the many pixels.

A caption has tens of tokens and an image thousands. So the words' keys are carried back through the image's
query projection, and their values forward through the output projection: the image tokens then meet small
matrices [dv, H L] instead of four projections of width D. The sums are the same, in another order.

Legend: B images, N image tokens, T text tokens, m extra tokens, L = T + m, H heads, d head width, D = H d,
dv / dt image and text widths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sdpt_engine.extra_tokens import ExtraTokens, SeenBeside, additive_mask, split_heads

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import FusionSite


def is_foldable(site: FusionSite) -> bool:
    """Whether the projections are plain linear maps with a bias that nothing watches or replaces."""
    maps = (
        *(site.image_projection, site.text_projection, site.image_values),
        *(site.text_values, site.image_output, site.text_output),
    )
    plain = all(type(m) is nn.Linear and m.bias is not None for m in maps)
    return plain and not any(_is_watched(m) for m in maps)


def _is_watched(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks)


def attend_folded(
    site: FusionSite,
    features: tuple[Tensor, Tensor],
    beside: SeenBeside,
    *,
    masks: tuple[Tensor | None, Tensor | None] = (None, None),
) -> tuple[Tensor, Tensor]:
    """What the frozen block gives for V [B, N, dv] and T [B, T, dt]: (dV, dT), without the gains.

    Masks are boolean with True = padding.
    """
    image, text = features
    num_words = text.shape[1]
    own_keys = split_heads(site.text_projection(text), site.num_heads)  # [B, H, T, d]
    keys = _with_extra(own_keys, None if beside.by_image is None else beside.by_image.keys)
    logits = _image_logits(site.image_projection, image, keys)  # [B, H, L, N]
    image_out = _image_delta(site, logits, text, beside.by_image, masks[1], own_keys)
    text_out = _text_delta(
        site, image, logits[:, :, :num_words], own_keys, beside.by_text, masks[0]
    )
    return image_out, text_out


def _with_extra(own: Tensor, extra: Tensor | None) -> Tensor:
    """[B, H, T, d] and [m, D] to [B, H, T + m, d]."""
    if extra is None or not len(extra):
        return own
    more = split_heads(extra[None], own.shape[1]).expand(len(own), -1, -1, -1)
    return torch.cat([own, more], dim=2)


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
    site: FusionSite,
    logits: Tensor,
    text: Tensor,
    extra: ExtraTokens | None,
    padding: Tensor | None,
    own_keys: Tensor,
) -> Tensor:
    """What the image takes from words and extra tokens: [B, N, dv]."""
    heads = site.num_heads
    mask = additive_mask(padding, extra, own_keys, num_queries=logits.shape[3])
    if mask is not None:  # [B, 1, 1 or N, L]
        logits = logits + mask.transpose(2, 3)
    attended = logits.softmax(2)
    own = split_heads(site.text_values(text), heads)
    values = _with_extra(own, None if extra is None else extra.values)  # [B, H, L, d]
    out = site.image_output
    weight = out.weight.view(len(out.weight), heads, -1).permute(1, 2, 0)  # [H, d, dv]
    folded = (values @ weight).flatten(1, 2)  # [B, H L, dv]
    return torch.baddbmm(out.bias, attended.flatten(1, 2).transpose(1, 2), folded)


def _text_delta(
    site: FusionSite,
    image: Tensor,
    logits: Tensor,
    own_keys: Tensor,
    extra: ExtraTokens | None,
    padding: Tensor | None,
) -> Tensor:
    """What the words take from the image and extra tokens: [B, T, dt]. `logits` [B, H, T, N]."""
    batch, heads, num_words, num_image = logits.shape
    if padding is not None:
        logits = logits.masked_fill(padding[:, None, None], float("-inf"))
    if extra is not None and len(extra):
        logits = torch.cat([logits, _extra_logits(own_keys, extra)], dim=-1)
    attended = logits.softmax(-1)
    mine, theirs = attended[..., :num_image], attended[..., num_image:]
    met = (mine.flatten(1, 2) @ image).view(batch, heads, num_words, -1)  # [B, H, T, dv]
    projection = site.image_values
    weight = projection.weight.view(heads, -1, image.shape[-1])  # [H, d, dv]
    taken = met @ weight.transpose(1, 2)  # [B, H, T, d]
    taken = taken + (1 - theirs.sum(-1, keepdim=True)) * projection.bias.view(heads, 1, -1)
    if extra is not None and len(extra):
        taken = taken + theirs @ split_heads(extra.values[None], heads)[0]
    delta: Tensor = site.text_output(taken.transpose(1, 2).flatten(2))
    return delta


def _extra_logits(own_keys: Tensor, extra: ExtraTokens) -> Tensor:
    """Logits [B, H, T, m] of the words towards extra tokens, with their bias."""
    heads, width = own_keys.shape[1], own_keys.shape[3]
    keys = split_heads(extra.keys[None], heads)[0]  # [H, m, d]
    logits: Tensor = own_keys @ keys.transpose(1, 2) * width**-0.5
    return logits if extra.bias is None else logits + extra.bias
