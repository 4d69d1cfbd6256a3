"""The inverse projections and what is trainable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from sdpt_engine.asking import ask
from sdpt_engine.backbones.base import Detector, EncodedImage, EncodedText
from sdpt_engine.data import ViewCache
from sdpt_engine.errors import InvalidExampleError
from sdpt_engine.projections import pseudo_inverse
from sdpt_engine.prompt import LayerPrompt, PromptSet, membership, prompted_layers
from sdpt_engine.types import Example, ObjectClass, PromptConfig

Classes = tuple[ObjectClass, ...]


def make_prompts(detector: Detector, classes: Classes, **settings: object) -> PromptSet:
    config = PromptConfig(**{"num_tokens": 4, **settings})  # type: ignore[arg-type]
    prompts = PromptSet(detector.fusion_sites(), [item.id for item in classes], config)
    prompts.prepare(detector, [], [])
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


def test_feature_goes_to_its_token_and_back(tiny_detector: Detector) -> None:
    site = tiny_detector.fusion_sites()[0]
    prompt = LayerPrompt(site, num_classes=0, config=PromptConfig(num_tokens=3, rcond=1e-6))
    features = torch.randn(3, site.text_projection.in_features)
    with torch.no_grad():
        prompt.start(site.text_projection(features))
    assert torch.allclose(prompt.text_tokens(), features, atol=1e-4)


def test_only_the_tokens_are_parameters(tiny_detector: Detector, classes: Classes) -> None:
    prompts = make_prompts(tiny_detector, classes)
    names = {name.rsplit(".", 1)[-1] for name, _ in prompts.named_parameters()}
    assert names == {"shared", "anchored"}
    assert set(prompts.state_dict()) == set(prompts.learnt_tensors())


def test_membership_marks_each_class_by_id(tiny_detector: Detector, classes: Classes) -> None:
    prompts = make_prompts(tiny_detector, tuple(reversed(classes)))
    (caption,) = tiny_detector.captions(classes)
    member = membership(caption, prompts.class_ids)
    assert member.sum() == sum(len(span) for span in caption.token_spans)
    assert member[list(caption.token_spans[0]), 1].all()  # class 0 of the caption stands second


def test_tensors_of_other_shapes_are_refused(tiny_detector: Detector, classes: Classes) -> None:
    other = make_prompts(tiny_detector, classes, num_tokens=5).learnt_tensors()
    with pytest.raises(ValueError, match="wants the shape"):
        make_prompts(tiny_detector, classes).load_learnt_tensors(other)


@pytest.mark.parametrize("kind", ["unified", "independent", "exact_key"])
@pytest.mark.parametrize("paths", ["both", "text_only", "image_only"])
def test_folded_prompt_acts_like_the_live_one_without_any_inverse(
    tiny_detector: Detector,
    classes: Classes,
    inputs: tuple[list[EncodedImage], EncodedText],
    kind: str,
    paths: str,
) -> None:
    prompts = make_prompts(
        tiny_detector, classes, kind=kind, paths=paths, anchors_image=True, learns_gates=True
    )
    with torch.no_grad():
        for parameter in prompts.parameters():
            parameter.add_(0.1)
        live, base = tiny_detector.detect(*inputs, prompts), tiny_detector.detect(*inputs)
        folded = tiny_detector.detect(*inputs, prompts.export_kv())
    assert torch.equal(live.proposal_logits, folded.proposal_logits)
    assert not torch.allclose(live.proposal_logits, base.proposal_logits, atol=1e-4)


def test_independent_tokens_start_where_unified_ones_do(
    tiny_detector: Detector, classes: Classes
) -> None:
    unified, separate = (
        make_prompts(tiny_detector, classes, kind=kind).layer(0)
        for kind in ("unified", "independent")
    )
    assert unified is not None
    assert separate is not None
    assert torch.allclose(unified.image_tokens(), separate.image_tokens(), atol=1e-6)
    assert torch.allclose(unified.text_tokens(), separate.text_tokens(), atol=1e-6)


def test_exact_keys_are_the_prototypes_themselves(
    tiny_detector: Detector, classes: Classes
) -> None:
    layer = make_prompts(tiny_detector, classes, kind="exact_key").layer(0)
    assert layer is not None
    beside = layer.fold().beside
    assert beside.by_image is not None
    assert beside.by_text is not None
    assert torch.equal(beside.by_image.keys, beside.by_text.keys)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("all", {0, 1, 2}),
        ("first-1", {0}),
        ("last-2", {1, 2}),
        ("0,2", {0, 2}),
        ("last-9", {0, 1, 2}),
    ],
)
def test_layers_are_chosen_by_words(choice: str, expected: set[int]) -> None:
    assert prompted_layers(choice, 3) == expected


def test_a_layer_that_does_not_exist_is_named() -> None:
    with pytest.raises(InvalidExampleError, match="Fusion layer 7 was asked for"):
        prompted_layers("0,7", 3)


@pytest.mark.parametrize("wrong", [{"kind": "dual"}, {"layers": "some"}, {"num_tokens": 129}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidExampleError, match="found"):
        PromptConfig(**wrong)  # type: ignore[arg-type]


def test_data_start_lies_between_a_box_and_its_phrase(
    tiny_detector: Detector, classes: Classes, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    boxes = np.array([[0, 0, 64, 64]], np.float32)
    example = Example(tmp_path / "a.png", boxes, np.zeros(1, np.int64))
    asked = ask(tiny_detector, classes)
    view = ViewCache(tiny_detector, [example], asked).view(0)
    drawn, started = (make_prompts(tiny_detector, classes, init="data") for _ in range(2))
    started.prepare(tiny_detector, [view], [asked[0].text])
    again = make_prompts(tiny_detector, classes, init="data")
    again.prepare(tiny_detector, [view], [asked[0].text])
    for (_, before), (_, after), (_, twin) in zip(
        drawn.each_layer(), started.each_layer(), again.each_layer(), strict=True
    ):
        assert not torch.allclose(before.get_parameter("shared"), after.get_parameter("shared"))
        assert torch.equal(after.get_parameter("shared"), twin.get_parameter("shared"))
        assert not after.get_parameter("anchored").any()
