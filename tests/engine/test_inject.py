"""A prompt goes in for one call and leaves nothing behind."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sdpt_engine.backbones.base import Detector, EncodedImage, EncodedText
from sdpt_engine.prompt import PromptSet
from sdpt_engine.types import ObjectClass
from tests.engine.test_prompt import make_prompts

Classes = tuple[ObjectClass, ...]
Inputs = tuple[list[EncodedImage], EncodedText]


def proposals(
    detector: Detector, inputs: Inputs, prompts: PromptSet | None
) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        output = detector.detect(*inputs, prompts)
    return output.proposal_logits, output.proposal_boxes


def test_removed_prompt_gives_back_the_base_model_bit_for_bit(
    tiny_detector: Detector, classes: Classes, inputs: Inputs
) -> None:
    before = proposals(tiny_detector, inputs, None)
    prompted = proposals(tiny_detector, inputs, make_prompts(tiny_detector, classes))
    after = proposals(tiny_detector, inputs, None)
    assert not torch.equal(prompted[0], before[0])
    assert torch.equal(after[0], before[0])
    assert torch.equal(after[1], before[1])


def test_originals_are_back_after_an_error(tiny_detector: Detector, classes: Classes) -> None:
    originals = [site.attention for site in tiny_detector.fusion_sites()]
    (caption,) = tiny_detector.captions(classes)
    text = tiny_detector.encode_text(caption)
    prompts = make_prompts(tiny_detector, classes)
    with pytest.raises(KeyError), prompts.attached(tiny_detector, text):
        raise KeyError
    assert [site.attention for site in tiny_detector.fusion_sites()] == originals
    assert not any(site.text_norm._forward_hooks for site in tiny_detector.fusion_sites())


def test_untrained_class_tokens_change_nothing(
    tiny_detector: Detector, classes: Classes, inputs: Inputs
) -> None:
    prompts = make_prompts(tiny_detector, classes, num_tokens=0)
    base, prompted = (proposals(tiny_detector, inputs, p)[1] for p in (None, prompts))
    assert torch.allclose(base, prompted, atol=1e-5)


def test_class_token_moves_the_scores_of_its_own_class_most(
    tiny_detector: Detector, classes: Classes, inputs: Inputs
) -> None:
    prompts = make_prompts(tiny_detector, classes, num_tokens=0)
    base = proposals(tiny_detector, inputs, prompts)[0]
    for name, tokens in prompts.named_parameters():
        if name.endswith("anchored"):
            tokens.data[0] += 1.0
    change = (proposals(tiny_detector, inputs, prompts)[0] - base).abs().mean((0, 1))
    own, other = (change[list(span)].mean() for span in inputs[1].caption.token_spans)
    assert own > 1.5 * other


def test_gradient_reaches_every_token_and_nothing_else(
    tiny_detector: Detector, classes: Classes, inputs: Inputs
) -> None:
    prompts = make_prompts(tiny_detector, classes)
    output = tiny_detector.detect(*inputs, prompts)
    own = output.proposal_logits[..., list(inputs[1].caption.token_spans[0])]
    torch.autograd.backward(own.sum() + output.proposal_boxes.sum() + output.boxes.sum())
    gradients = [p.grad for p in prompts.parameters()]
    assert all(g is not None and torch.isfinite(g).all() and g.any() for g in gradients)
    assert all(p.grad is None for p in tiny_detector.model.parameters())


def test_entering_behind_the_first_layer_changes_no_result(
    tiny_detector: Detector, classes: Classes, inputs: Inputs
) -> None:
    prompts = make_prompts(tiny_detector, classes, layers="last-1")
    images, text = inputs
    whole = proposals(tiny_detector, inputs, prompts)
    entered = tiny_detector.advanced(images, text, prompts.first_layer)
    assert [image.layer for image in entered] == [1, 1]
    replayed = proposals(tiny_detector, (entered, text), prompts)
    assert torch.allclose(replayed[0], whole[0], atol=1e-5)
    assert torch.allclose(replayed[1], whole[1], atol=1e-5)


def test_images_that_have_passed_a_prompted_layer_are_refused(
    tiny_detector: Detector, classes: Classes, inputs: Inputs
) -> None:
    entered = tiny_detector.advanced(*inputs, 1)
    with pytest.raises(ValueError, match="Encode them anew"):
        tiny_detector.detect(entered, inputs[1], make_prompts(tiny_detector, classes))


def test_the_same_prompt_gives_the_same_twice(
    tiny_detector: Detector, classes: Classes, inputs: Inputs
) -> None:
    prompts = make_prompts(tiny_detector, classes)
    first, second = (proposals(tiny_detector, inputs, prompts) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
