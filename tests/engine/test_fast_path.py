"""The fast path gives what transformers gives, forward and backward, and leaves the model as it was."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers.models.grounding_dino.modeling_grounding_dino import MultiScaleDeformableAttention

from sdpt_engine.backbones import grounding_dino
from sdpt_engine.backbones.base import Detector, DetectorOutput, EncodedImage, EncodedText
from sdpt_engine.backbones.deformable import sample
from sdpt_engine.backbones.efficientnet_lite import EfficientNetLite0, fold_batch_norms
from sdpt_engine.backbones.grounding_dino import GroundingDinoDetector
from sdpt_engine.device import precision
from sdpt_engine.folding import attend_folded, is_foldable
from sdpt_engine.fusion import attend_by_concatenation, attend_plainly
from sdpt_engine.prompt import PromptSet
from sdpt_engine.types import ObjectClass
from tests.engine.conftest import to_pixels
from tests.engine.test_fusion import beside
from tests.engine.test_prompt import make_prompts

Classes = tuple[ObjectClass, ...]
Inputs = tuple[list[EncodedImage], EncodedText]
SHAPES = ((7, 5), (3, 4), (1, 1))


def random(*size: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*size, generator=generator, dtype=torch.float64)


def sampling_inputs(num_queries: int = 23) -> tuple[Tensor, Tensor, Tensor]:
    """Values, points as shares of their map with some beyond it, weights; all want a gradient."""
    num_values = sum(height * width for height, width in SHAPES)
    values = random(2, num_values, 4, 8)
    places = random(2, num_queries, 4, len(SHAPES), 3, 2, seed=1) * 1.6 - 0.3
    weights = random(2, num_queries, 4, len(SHAPES), 3, seed=2)
    return values.requires_grad_(), places.requires_grad_(), weights.requires_grad_()


def in_pixels(places: Tensor) -> Tensor:
    sizes = places.new_tensor([[width, height] for height, width in SHAPES])
    return places * sizes[:, None] - 0.5


def sampled_by_transformers(values: Tensor, places: Tensor, weights: Tensor) -> Tensor:
    out: Tensor = MultiScaleDeformableAttention()(
        values, torch.tensor(SHAPES), list(SHAPES), None, places, weights, 64
    )
    return out


def test_sampling_equals_transformers_forward_and_backward() -> None:
    inputs = sampling_inputs()
    expected = sampled_by_transformers(*inputs)
    actual = sample(inputs[0], in_pixels(inputs[1]), inputs[2], SHAPES)
    outer = random(*expected.shape, seed=3)
    torch.testing.assert_close(actual, expected, atol=1e-10, rtol=0)
    for mine, theirs in zip(
        torch.autograd.grad(actual, inputs, outer),
        torch.autograd.grad(expected, inputs, outer),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, atol=1e-9, rtol=0)


def test_sampling_keeps_single_precision_to_the_fifth_digit() -> None:
    values, places, weights = (t.detach() for t in sampling_inputs())
    expected = sampled_by_transformers(values, places, weights)
    actual = sample(values.float(), in_pixels(places).float(), weights.float(), SHAPES)
    torch.testing.assert_close(actual.double(), expected, atol=1e-5, rtol=1e-5)


def test_points_far_away_take_nothing_and_points_that_are_no_numbers_stay_none() -> None:
    values, places, weights = (t.detach().clone() for t in sampling_inputs(num_queries=2))
    places[:, 0] = 1e6
    places[:, 1] = math.nan
    out = sample(values, places, weights, SHAPES)
    assert out[:, 0].eq(0).all()
    assert out[:, 1].isnan().all()


def test_many_tokens_need_less_memory_than_the_samples_would_take() -> None:
    shapes = ((100, 134), (50, 67), (25, 34), (13, 17))
    num_tokens = sum(height * width for height, width in shapes)
    values = torch.randn(1, num_tokens, 8, 4).requires_grad_()
    points = torch.rand(1, num_tokens, 8, 4, 4, 2) * 100
    weights = torch.rand(1, num_tokens, 8, 4, 4)
    out = sample(values, points, weights, shapes)
    kept = sum(t.numel() for t in out.grad_fn.saved_tensors)  # type: ignore[union-attr]
    (gradient,) = torch.autograd.grad(out.sum(), values)
    assert kept < 6 * weights.numel()
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("bias", [None, -2.0])
@pytest.mark.parametrize("is_padded", [False, True])
@pytest.mark.parametrize("num_tokens", [0, 5])
def test_folded_attention_equals_the_frozen_block(
    tiny_detector: Detector, is_padded: bool, num_tokens: int, bias: float | None
) -> None:
    site = tiny_detector.fusion_sites()[0]
    widths = (site.image_projection.in_features, site.text_projection.in_features)
    features = tuple(
        random(2, n, width, seed=n).float().requires_grad_()
        for n, width in zip((30, 9), widths, strict=True)
    )
    prompts = tuple(
        random(num_tokens, width, seed=n).float().requires_grad_()
        for n, width in zip((1, 2), widths, strict=True)
    )
    masks = (torch.arange(30) >= 21, torch.arange(9) >= 6)
    padding = tuple(m.expand(2, -1) for m in masks) if is_padded else (None, None)
    seen = beside(site, prompts, logit_bias=bias)
    if bias is None:
        expected = attend_by_concatenation(site, features, prompts, masks=padding)
    else:
        expected = attend_plainly(site, features, seen, masks=padding)
    actual = attend_folded(site, features, seen, masks=padding)
    wanted = (*features, *prompts)
    outer = [random(*e.shape).float() for e in expected]
    for mine, theirs in zip(
        (
            *actual,
            *torch.autograd.grad(actual, wanted, outer, materialize_grads=True, retain_graph=True),
        ),
        (
            *expected,
            *torch.autograd.grad(
                expected, wanted, outer, materialize_grads=True, retain_graph=True
            ),
        ),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def test_attention_that_is_watched_or_replaced_is_not_folded(
    tiny_detector: Detector,
) -> None:
    site = tiny_detector.fusion_sites()[0]
    assert is_foldable(site)
    hook = site.image_projection.register_forward_hook(lambda *_: None)
    assert not is_foldable(site)
    hook.remove()
    assert not is_foldable(dataclasses.replace(site, text_values=torch.nn.Identity()))


def test_every_output_of_detect_equals_the_whole_model(
    tiny_dino: GroundingDinoDetector, classes: Classes
) -> None:
    image = np.random.default_rng(5).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    (caption,) = tiny_dino.captions(classes)
    with torch.no_grad():
        whole = tiny_dino.model(
            pixel_values=to_pixels(image)[None], input_ids=torch.tensor([caption.input_ids])
        )
        found = tiny_dino.detect(tiny_dino.encode_images([image]), tiny_dino.encode_text(caption))
    words = len(caption.input_ids)
    pairs = (
        (found.logits, whole.logits[..., :words]),
        (found.boxes, whole.pred_boxes),
        (found.proposal_logits, whole.enc_outputs_class[..., :words]),
        (found.proposal_boxes, whole.enc_outputs_coord_logits.sigmoid()),
    )
    for mine, theirs in pairs:
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def test_detecting_leaves_the_whole_model_bit_for_bit(
    tiny_dino: GroundingDinoDetector, classes: Classes, dino_inputs: Inputs
) -> None:
    pixels = torch.rand(1, 3, 64, 96)
    ids = torch.tensor([dino_inputs[1].caption.input_ids])
    with torch.no_grad():
        before = tiny_dino.model(pixel_values=pixels, input_ids=ids)
        tiny_dino.detect(*dino_inputs, make_prompts(tiny_dino, classes))
        after = tiny_dino.model(pixel_values=pixels, input_ids=ids)
    assert torch.equal(before.logits, after.logits)
    assert torch.equal(before.pred_boxes, after.pred_boxes)


def gradients(detector: GroundingDinoDetector, inputs: Inputs, prompts: PromptSet) -> list[Tensor]:
    output: DetectorOutput = detector.detect(*inputs, prompts)
    own = output.proposal_logits[..., list(inputs[1].caption.token_spans[0])]
    loss = own.sum() + output.boxes.sum()
    return list(torch.autograd.grad(loss, list(prompts.parameters())))


def test_saving_memory_changes_no_gradient(
    tiny_dino: GroundingDinoDetector, classes: Classes, dino_inputs: Inputs
) -> None:
    prompts = make_prompts(tiny_dino, classes)
    plain = gradients(tiny_dino, dino_inputs, prompts)
    tiny_dino.saves_memory = True
    try:
        frugal = gradients(tiny_dino, dino_inputs, prompts)
    finally:
        tiny_dino.saves_memory = False
    for mine, theirs in zip(frugal, plain, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def test_the_processor_computes_in_full_precision() -> None:
    with precision(torch.device("cpu")):
        assert not torch.is_autocast_enabled("cpu")
        assert (torch.rand(2, 2) @ torch.rand(2, 2)).dtype == torch.float32


@pytest.mark.parametrize("wants_gradient", [False, True])
def test_folded_batch_norms_change_no_feature_map(wants_gradient: bool) -> None:
    torch.manual_seed(0)
    network = EfficientNetLite0()
    images = torch.randn(2, 3, 64, 64)
    network(images)  # in training mode: fills the running statistics
    network.eval()
    with torch.set_grad_enabled(wants_gradient):
        expected = network(images)
        fold_batch_norms(network)
        actual = network(images)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
    for mine, theirs in zip(actual, expected, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)


def test_half_precision_runs_through_and_leaves_gradients_whole(
    tiny_dino: GroundingDinoDetector,
    classes: Classes,
    dino_inputs: Inputs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a GPU does, tried on the processor: half precision inside, full precision in what is learnt."""
    prompts = make_prompts(tiny_dino, classes)
    plain = gradients(tiny_dino, dino_inputs, prompts)
    monkeypatch.setattr(
        grounding_dino, "precision", lambda _: torch.autocast("cpu", dtype=torch.bfloat16)
    )
    encoded = tiny_dino.encode_images([np.zeros((64, 64, 3), np.uint8)])
    halved = gradients(tiny_dino, dino_inputs, prompts)
    assert all(level.dtype == torch.float32 for level in encoded[0].levels)
    for mine, theirs in zip(halved, plain, strict=True):
        assert mine.dtype == torch.float32
        assert torch.nn.functional.cosine_similarity(mine.flatten(), theirs.flatten(), 0) > 0.9
