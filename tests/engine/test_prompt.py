"""The inverse projections and what is trainable."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sdpt_engine.backbones.grounding_dino import GroundingDinoDetector
from sdpt_engine.prompt import LayerPrompt, PromptSet, pseudo_inverse
from sdpt_engine.types import ObjectClass

Classes = tuple[ObjectClass, ...]


def make_prompts(
    detector: GroundingDinoDetector, classes: Classes, *, num_tokens: int = 4, bias: float = 0.0
) -> PromptSet:
    prompts = PromptSet(
        detector.fusion_sites(),
        [item.id for item in classes],
        num_tokens=num_tokens,
        logit_bias=bias,
    )
    prompts.start_from_seed(0)
    return prompts


def test_inverse_of_a_tall_projection_is_a_left_inverse() -> None:
    torch.manual_seed(0)
    weight = nn.Linear(16, 64).weight
    inverse, condition = pseudo_inverse(weight, 1e-4)
    assert torch.allclose(inverse @ weight, torch.eye(16), atol=1e-5)
    assert 1 < condition < 100


def test_inverse_drops_directions_below_the_relative_bound() -> None:
    weight = torch.diag(torch.tensor([1.0, 1e-6]))
    inverse, condition = pseudo_inverse(weight, 1e-4)
    assert inverse[1, 1] == 0
    assert condition == pytest.approx(1e6, rel=1e-3)


def test_feature_goes_to_its_token_and_back(tiny_detector: GroundingDinoDetector) -> None:
    site = tiny_detector.fusion_sites()[0]
    prompt = LayerPrompt(site, num_tokens=3, num_anchored=0, rcond=1e-6)
    features = torch.randn(3, site.text_projection.in_features)
    with torch.no_grad():
        prompt.shared.copy_(site.text_projection(features))
    assert torch.allclose(prompt.text_tokens(), features, atol=1e-4)


def test_only_the_tokens_are_parameters(
    tiny_detector: GroundingDinoDetector, classes: Classes
) -> None:
    prompts = make_prompts(tiny_detector, classes)
    names = {name.rsplit(".", 1)[-1] for name, _ in prompts.named_parameters()}
    assert names == {"shared", "anchored"}
    assert set(prompts.state_dict()) == set(prompts.learnt_tensors())


def test_membership_marks_each_class_by_id(
    tiny_detector: GroundingDinoDetector, classes: Classes
) -> None:
    prompts = make_prompts(tiny_detector, tuple(reversed(classes)))
    (caption,) = tiny_detector.captions(classes)
    member = prompts.membership(caption)
    assert member.sum() == sum(len(span) for span in caption.token_spans)
    assert member[list(caption.token_spans[0]), 1].all()  # class 0 of the caption stands second


def test_tensors_of_other_shapes_are_refused(
    tiny_detector: GroundingDinoDetector, classes: Classes
) -> None:
    other = make_prompts(tiny_detector, classes, num_tokens=5).learnt_tensors()
    with pytest.raises(ValueError, match="wants the shape"):
        make_prompts(tiny_detector, classes).load_learnt_tensors(other)
