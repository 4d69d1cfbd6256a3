"""Prompt tokens fit into GLIP's fusion, and the model is split where they begin to matter."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sdpt_engine.backbones.glip import GlipModel
from sdpt_engine.backbones.glip.fusion import BiAttention
from sdpt_engine.backbones.glip.language import join_heads, split_heads

Pair = tuple[Tensor, Tensor]


@pytest.fixture
def attention() -> BiAttention:
    torch.manual_seed(0)
    return BiAttention(8, 12, width=32, num_heads=4)


@pytest.fixture
def features() -> Pair:
    """Image tokens [B, V, dv] and words [B, T, dt]."""
    torch.manual_seed(1)
    return torch.randn(2, 20, 8), torch.randn(2, 6, 12)


@pytest.fixture
def prompts() -> Pair:
    """Prompt tokens beside them, [m, dv] and [m, dt]."""
    torch.manual_seed(2)
    return torch.randn(3, 8), torch.randn(3, 12)


def _lengthened(attention: BiAttention, features: Pair, prompts: Pair, padding: Tensor) -> Tensor:
    """The image's change when both sequences are longer by the prompts."""
    pairs = zip(features, prompts, strict=True)
    image, text = (torch.cat((own, extra.expand(2, -1, -1)), 1) for own, extra in pairs)
    (changed, _), _ = attention(image, text, None, F.pad(padding, (0, len(prompts[1]))))
    return changed[:, : features[0].shape[1]]


def _with_extra_keys(
    attention: BiAttention, features: Pair, prompts: Pair, padding: Tensor
) -> Tensor:
    """The same with the text prompts as keys and values only, by PyTorch's own attention."""
    words = torch.cat((features[1], prompts[1].expand(2, -1, -1)), 1)
    seen = ~F.pad(padding, (0, len(prompts[1])))[:, None, None]
    query, key, value = (
        split_heads(projection(tokens), attention.num_heads)
        for projection, tokens in (
            (attention.vision_proj, features[0]),
            (attention.text_proj, words),
            (attention.values_text_proj, words),
        )
    )
    attended = F.scaled_dot_product_attention(query, key, value, attn_mask=seen)
    changed: Tensor = attention.out_vision_proj(join_heads(attended))
    return changed


@torch.no_grad()
def test_lengthened_sequences_and_extra_keys_give_the_same(
    attention: BiAttention, features: Pair, prompts: Pair
) -> None:
    padding = torch.zeros(2, 6, dtype=torch.bool)
    padding[1, 4:] = True
    longer = _lengthened(attention, features, prompts, padding)
    extra = _with_extra_keys(attention, features, prompts, padding)
    torch.testing.assert_close(longer, extra, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_one_that_a_mask_adds_to_each_word_changes_nothing(
    attention: BiAttention, features: Pair
) -> None:
    (bare, _), _ = attention(*features)
    (masked, _), _ = attention(*features, None, torch.zeros(2, 6, dtype=torch.bool))
    torch.testing.assert_close(masked, bare, atol=1e-6, rtol=1e-6)


@torch.no_grad()
def test_the_tower_can_be_left_and_entered_between_layers(model: GlipModel, pixels: Tensor) -> None:
    levels = model.encode_images(pixels[:1, :, :64, :64])
    text, mask = torch.randn(1, 5, model.config.bert.hidden_size), torch.ones(1, 5)
    whole = model.detect(levels, text, mask)
    half = model.fuse(levels, text, mask, last=1)
    resumed = model.heads(*model.fuse(*half, mask, first=1))
    assert all(torch.equal(a, b) for a, b in zip(whole.logits, resumed.logits, strict=True))


def test_the_frozen_tower_lets_gradient_through_to_its_input(
    model: GlipModel, pixels: Tensor
) -> None:
    levels = model.encode_images(pixels[:1, :, :64, :64])
    text = torch.randn(1, 5, model.config.bert.hidden_size, requires_grad=True)
    output = model.detect(levels, text, torch.ones(1, 5))
    (gradient,) = torch.autograd.grad(sum(d.sum() for d in output.deltas), text)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0
