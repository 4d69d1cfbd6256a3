"""The fusion block: words and image tokens attend to each other with one score matrix.

B images, V image tokens over all levels, T text tokens, dv and dt their widths, H heads, D fusion width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sdpt_engine.backbones.glip.config import GlipConfig
from sdpt_engine.backbones.glip.language import clamped, join_heads, split_heads

_HIDDEN = -9e15

Attended = tuple[tuple[Tensor, None], tuple[Tensor, None]]


class BiAttention(nn.Module):
    """The attention inside a fusion block, with the attribute names and the call of Grounding DINO's.

    So an `AttentionStandIn` can take its place.
    """

    def __init__(self, image_width: int, text_width: int, *, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.scale = (width // num_heads) ** -0.5
        self.vision_proj = nn.Linear(image_width, width)
        self.text_proj = nn.Linear(text_width, width)
        self.values_vision_proj = nn.Linear(image_width, width)
        self.values_text_proj = nn.Linear(text_width, width)
        self.out_vision_proj = nn.Linear(width, image_width)
        self.out_text_proj = nn.Linear(width, text_width)

    def forward(
        self,
        vision_features: Tensor,
        text_features: Tensor,
        vision_attention_mask: Tensor | None = None,
        text_attention_mask: Tensor | None = None,
    ) -> Attended:
        """[B, V, dv] and [B, T, dt] to ((change of the image, None), (change of the text, None)).

        Masks are bool, True = padding. GLIP itself masks no image token.
        """
        query = split_heads(self.vision_proj(vision_features) * self.scale, self.num_heads)
        key = split_heads(self.text_proj(text_features), self.num_heads)
        scores = clamped(query @ key.transpose(-1, -2))  # [B, H, V, T]
        towards_text = _masked(scores, text_attention_mask).softmax(-1)
        turned = scores.transpose(-1, -2)
        turned = clamped(turned - turned.amax(-1, keepdim=True))
        towards_image = _masked(turned, vision_attention_mask).softmax(-1)
        text_values = split_heads(self.values_text_proj(text_features), self.num_heads)
        image_values = split_heads(self.values_vision_proj(vision_features), self.num_heads)
        image = self.out_vision_proj(join_heads(towards_text @ text_values))
        text = self.out_text_proj(join_heads(towards_image @ image_values))
        return (image, None), (text, None)


def _masked(scores: Tensor, padding: Tensor | None) -> Tensor:
    """The original adds its 0/1 mask itself: +1 on each word, which a softmax over words does not see.

    A prompt token must get the same as a word, or it is held down by a factor e.
    """
    if padding is None:
        return scores
    added = torch.where(padding, _HIDDEN, 1.0).to(scores.dtype)
    return scores + added[:, None, None, :]


class FusionBlock(nn.Module):
    """LayerNorms, attention and gated residuals on the normalised tokens."""

    def __init__(self, config: GlipConfig) -> None:
        super().__init__()
        image_width, text_width = config.channels, config.bert.hidden_size
        self.norm_vision = nn.LayerNorm(image_width)
        self.norm_text = nn.LayerNorm(text_width)
        self.attention = BiAttention(
            image_width, text_width, width=config.fusion_width, num_heads=config.fusion_heads
        )
        gate = 1.0 / config.num_fusion_layers
        self.gamma_vision = nn.Parameter(torch.full((image_width,), gate))
        self.gamma_text = nn.Parameter(torch.full((text_width,), gate))

    def forward(
        self, levels: tuple[Tensor, ...], text: Tensor, padding: Tensor
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        """Maps [B, dv, h, w], words [B, T, dt], bool padding [B, T]; the same shapes come out."""
        image = torch.cat([level.flatten(2) for level in levels], dim=2).transpose(1, 2)
        image, text = self.norm_vision(image), self.norm_text(text)
        (image_change, _), (text_change, _) = self.attention(
            image, text, vision_attention_mask=None, text_attention_mask=padding
        )
        image = image + self.gamma_vision * image_change
        return _to_maps(image, levels), text + self.gamma_text * text_change


def _to_maps(image: Tensor, levels: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    sizes = [level.shape[-2] * level.shape[-1] for level in levels]
    parts = torch.split(image.transpose(1, 2), sizes, dim=2)
    return tuple(part.reshape(level.shape) for part, level in zip(parts, levels, strict=True))
