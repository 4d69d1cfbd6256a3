"""Every rival trains what it says, leaves the detector as it was, and goes through the same loop."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sdpt_engine.adaptation import Adaptation, num_trained
from sdpt_engine.backbones.base import Detector, DetectorOutput, EncodedImage, EncodedText
from sdpt_engine.baselines import METHODS, make_adaptation
from sdpt_engine.baselines.exemplar import Exemplars
from sdpt_engine.decoding import class_scores
from sdpt_engine.types import ObjectClass

Classes = tuple[ObjectClass, ...]
Inputs = tuple[list[EncodedImage], EncodedText]
TRAINED = [name for name, method in METHODS.items() if method.is_trained]


def proposals(detector: Detector, inputs: Inputs, adaptation: Adaptation | None) -> Tensor:
    with torch.no_grad():
        output = detector.detect(*inputs, adaptation)
    return torch.cat((output.proposal_logits, output.proposal_boxes), dim=-1)


def moved(adaptation: Adaptation) -> Adaptation:
    with torch.no_grad():
        for group in adaptation.parameter_groups():
            for parameter in group["params"]:
                parameter.add_(torch.linspace(0.05, 0.2, parameter.numel()).view_as(parameter))
    return adaptation


@pytest.mark.parametrize("name", TRAINED)
def test_a_trained_rival_changes_the_output_and_leaves_nothing_behind(
    tiny_detector: Detector, classes: Classes, inputs: Inputs, name: str
) -> None:
    before = proposals(tiny_detector, inputs, None)
    weights = {n: p.clone() for n, p in tiny_detector.model.named_parameters()}
    changed = proposals(tiny_detector, inputs, moved(make_adaptation(name, tiny_detector, classes)))
    assert not torch.allclose(changed, before, atol=1e-4)
    assert torch.equal(proposals(tiny_detector, inputs, None), before)
    after = dict(tiny_detector.model.named_parameters())
    assert weights.keys() == after.keys()
    assert all(torch.equal(weights[n], p) and not p.requires_grad for n, p in after.items())


@pytest.mark.parametrize("name", TRAINED)
def test_gradient_reaches_what_trains_and_nothing_else(
    tiny_detector: Detector, classes: Classes, inputs: Inputs, name: str
) -> None:
    adaptation = make_adaptation(name, tiny_detector, classes)
    output = tiny_detector.detect(*inputs, adaptation)
    torch.autograd.backward(
        output.proposal_logits.sum() + output.proposal_boxes.sum() + output.logits.sum()
    )
    parameters = [p for group in adaptation.parameter_groups() for p in group["params"]]
    assert any(p.grad is not None and p.grad.any() for p in parameters)
    assert all(p.grad is None for p in tiny_detector.model.parameters())


@pytest.mark.parametrize("name", ["text-offsets", "lora", "heads", "full", "zero-shot"])
def test_start_is_zero_shot_where_the_method_says_so(
    tiny_detector: Detector, classes: Classes, inputs: Inputs, name: str
) -> None:
    adaptation = make_adaptation(name, tiny_detector, classes)
    base, start = (proposals(tiny_detector, inputs, a) for a in (None, adaptation))
    assert torch.allclose(base, start, atol=1e-5)


@pytest.mark.parametrize("name", list(METHODS))
def test_learnt_tensors_go_out_and_in_again(
    tiny_detector: Detector, classes: Classes, inputs: Inputs, name: str
) -> None:
    first = moved(make_adaptation(name, tiny_detector, classes))
    second = make_adaptation(name, tiny_detector, classes)
    second.load_learnt_tensors(first.learnt_tensors())
    assert torch.equal(
        proposals(tiny_detector, inputs, first), proposals(tiny_detector, inputs, second)
    )
    assert sum(t.numel() for t in first.learnt_tensors().values()) >= num_trained(first)


def test_full_tuning_trains_more_than_a_hundred_times_what_the_prompt_does(
    tiny_detector: Detector, classes: Classes
) -> None:
    sizes = {
        name: num_trained(make_adaptation(name, tiny_detector, classes))
        for name in ("text-offsets", "sdpt", "heads", "full")
    }
    assert sizes["text-offsets"] < sizes["sdpt"] < sizes["full"]
    assert sizes["heads"] < sizes["full"]


def test_context_of_the_text_encoder_leaves_the_caption_as_long_as_it_was(
    tiny_detector: Detector, inputs: Inputs
) -> None:
    caption = inputs[1].caption
    context = torch.randn(5, tiny_detector.word_width)
    with torch.no_grad():
        seen = tiny_detector.encode_text(caption, context)
        nothing = tiny_detector.encode_text(caption, context[:0])
    assert seen.features.shape == inputs[1].features.shape
    assert not torch.allclose(seen.features, inputs[1].features, atol=1e-4)
    assert torch.allclose(nothing.features, inputs[1].features, atol=1e-5)


def test_exemplars_score_a_query_by_the_prototype_it_resembles(inputs: Inputs) -> None:
    caption = inputs[1].caption
    exemplars = Exemplars([item.id for item in caption.classes], 3)
    exemplars.load_learnt_tensors({"prototypes": torch.eye(3)})
    logits = torch.zeros(1, 2, len(caption.input_ids))
    boxes = torch.full((1, 2, 4), 0.5)
    queries = torch.eye(3)[None, :2]  # the first looks like class 0, the second like class 1
    output = DetectorOutput(logits, boxes, (), logits, boxes, queries)
    scores = class_scores(exemplars.adjusted(output, caption).logits, caption)[0]
    assert torch.allclose(scores, torch.eye(2), atol=1e-3)
