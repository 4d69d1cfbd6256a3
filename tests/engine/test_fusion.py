"""The fast path against the frozen block on lengthened sequences, and both paths alive."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sdpt_engine.backbones.base import Detector, FusionSite
from sdpt_engine.fusion import (
    SeenBeside,
    attend,
    attend_by_concatenation,
    beside_pixels,
    beside_words,
)

Pair = tuple[Tensor, Tensor]


def padding(lengths: list[int], longest: int) -> Tensor:
    return torch.arange(longest)[None] >= torch.tensor(lengths)[:, None]


def drawn(detector: Detector, seed: int, *sizes: tuple[int, ...]) -> Pair:
    """Random rows of the image's width, then of the text's."""
    site = detector.fusion_sites()[0]
    widths = (site.image_projection.in_features, site.text_projection.in_features)
    generator = torch.Generator().manual_seed(seed)
    image, text = (
        torch.randn(*size, width, generator=generator)
        for size, width in zip(sizes, widths, strict=True)
    )
    return image, text


@pytest.fixture
def features(tiny_detector: Detector) -> Pair:
    return drawn(tiny_detector, 1, (2, 30), (2, 9))


@pytest.fixture
def prompts(tiny_detector: Detector) -> Pair:
    return drawn(tiny_detector, 2, (5,), (5,))


def beside(site: FusionSite, prompts: Pair, *, logit_bias: float | None = None) -> SeenBeside:
    bias = None if logit_bias is None else torch.full((len(prompts[0]),), logit_bias)
    return SeenBeside(beside_words(site, prompts[1], bias), beside_pixels(site, prompts[0], bias))


@pytest.mark.parametrize("lengths", [None, ([30, 21], [9, 6])])
def test_fast_path_equals_the_frozen_block_on_longer_sequences(
    tiny_detector: Detector,
    features: Pair,
    prompts: Pair,
    lengths: tuple[list[int], list[int]] | None,
) -> None:
    site = tiny_detector.fusion_sites()[0]
    masks = (None, None) if lengths is None else (padding(lengths[0], 30), padding(lengths[1], 9))
    expected = attend_by_concatenation(site, features, prompts, masks=masks)
    actual = attend(site, features, beside(site, prompts), masks=masks)
    assert torch.allclose(actual[0], expected[0], atol=1e-5)
    assert torch.allclose(actual[1], expected[1], atol=1e-5)


def test_logit_bias_of_log_two_counts_each_token_twice(
    tiny_detector: Detector, features: Pair, prompts: Pair
) -> None:
    site = tiny_detector.fusion_sites()[0]
    twice = (prompts[0].repeat(2, 1), prompts[1].repeat(2, 1))
    expected = attend_by_concatenation(site, features, twice)
    actual = attend(site, features, beside(site, prompts, logit_bias=math.log(2)))
    assert torch.allclose(actual[0], expected[0], atol=1e-5)
    assert torch.allclose(actual[1], expected[1], atol=1e-5)


def test_no_prompts_leave_the_frozen_outputs(tiny_detector: Detector, features: Pair) -> None:
    site = tiny_detector.fusion_sites()[0]
    (image, _), (text, _) = site.attention(*features)
    actual = attend(site, features, SeenBeside())
    assert torch.allclose(actual[0], image, atol=1e-5)
    assert torch.allclose(actual[1], text, atol=1e-5)


@pytest.mark.parametrize("changed", [0, 1])
def test_image_prompt_reaches_the_text_and_text_prompt_the_image(
    tiny_detector: Detector, features: Pair, prompts: Pair, changed: int
) -> None:
    site = tiny_detector.fusion_sites()[0]
    moved = (prompts[0] + 1.0 * (changed == 0), prompts[1] + 1.0 * (changed == 1))
    before = attend(site, features, beside(site, prompts))
    after = attend(site, features, beside(site, moved))
    assert not torch.allclose(before[1 - changed], after[1 - changed], atol=1e-4)
    assert torch.equal(before[changed], after[changed])
