"""Prompts fit into GLIP's fusion as they do into Grounding DINO's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sdpt_engine.backbones.glip import GlipModel
from sdpt_engine.backbones.glip.fusion import BiAttention
from sdpt_engine.fusion import attend_by_concatenation, attend_with_prompts


@pytest.fixture
def features() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(2, 20, 8), torch.randn(2, 6, 12)


def _attention() -> BiAttention:
    torch.manual_seed(0)
    return BiAttention(8, 12, width=32, num_heads=4)


def _prompts() -> tuple[Tensor, Tensor]:
    return torch.randn(3, 8), torch.randn(3, 12)


@torch.no_grad()
def test_lengthened_sequences_and_extra_keys_give_the_same(
    features: tuple[Tensor, Tensor],
) -> None:
    padding = torch.zeros(2, 6, dtype=torch.bool)
    padding[1, 4:] = True
    attention, prompts, masks = _attention(), _prompts(), (None, padding)
    longer = attend_by_concatenation(attention, features, prompts, masks=masks)
    prefix = attend_with_prompts(attention, features, prompts, masks=masks)
    for one, other in zip(longer, prefix, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_no_prompt_is_the_frozen_attention(features: tuple[Tensor, Tensor]) -> None:
    attention = _attention()
    (image, _), (text, _) = attention(*features)
    nothing = (torch.zeros(0, 8), torch.zeros(0, 12))
    found = attend_with_prompts(attention, features, nothing)
    torch.testing.assert_close(found[0], image, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found[1], text, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_one_that_a_mask_adds_to_each_word_changes_nothing(
    features: tuple[Tensor, Tensor],
) -> None:
    attention = _attention()
    (bare, _), _ = attention(*features)
    (masked, _), _ = attention(*features, None, torch.zeros(2, 6, dtype=torch.bool))
    torch.testing.assert_close(masked, bare, atol=1e-6, rtol=1e-6)


def test_a_frozen_model_lets_gradient_through_to_its_input(
    model: GlipModel, pixels: Tensor
) -> None:
    levels = model.encode_images(pixels[:1, :, :64, :64])
    text = torch.randn(1, 5, model.config.bert.hidden_size, requires_grad=True)
    output = model.detect(levels, text, torch.ones(1, 5, dtype=torch.long))
    (gradient,) = torch.autograd.grad(sum(d.sum() for d in output.deltas), text)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0
