"""Every inner tensor equals the original's to 1e-4, for a batch of two images of unequal size."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sdpt_engine.backbones.glip import GlipModel
from sdpt_engine.backbones.glip.anchors import decode
from sdpt_engine.backbones.glip.head import HeadOutput
from sdpt_engine.backbones.glip.postprocess import class_probabilities
from tests.engine.glip.reference import Recorded, recorded
from tests.engine.glip.taps import Taps, tapped_pass

log = logging.getLogger(__name__)

BOX_TOLERANCE_PX = 5e-3  # in float32 and in float64 the original's own boxes are 4e-4 px apart


def test_pictures_become_the_original_input(
    prepared: list[Tensor], pixels: Tensor, inputs: Recorded
) -> None:
    inputs.check("batch", pixels)
    for number, image in enumerate(prepared):
        inputs.check(f"image_{number}", image)
    assert [list(image.shape[1:]) for image in prepared] == inputs["image_sizes_hw"].tolist()


@pytest.mark.parametrize("file", ["stages", "debug_layer0"])
def test_every_stage_equals_the_original(folder: Path, taps: Taps, file: str) -> None:
    wanted = recorded(folder, file)
    for name in wanted.tensors:
        wanted.check(name, taps[name])
    log.info("%s: largest deviation %.1e", file, wanted.worst)


def test_the_heads_equal_the_original(
    folder: Path, model: GlipModel, taps: Taps, output: HeadOutput, inputs: Recorded
) -> None:
    wanted = recorded(folder, "head")
    for name in wanted.names("head."):
        wanted.check(name, taps[name])
    log.info("head: largest deviation %.1e", wanted.worst)
    for level, anchors in enumerate(model.anchors(output)):
        wanted.check(f"anchors.l{level}", anchors)
        boxes = decode(output.deltas[level].flatten(2).transpose(1, 2), anchors)
        wanted.check(f"decoded_boxes.l{level}", boxes, tolerance=BOX_TOLERANCE_PX)
        chance = class_probabilities(output.logits[level], inputs["positive_map"], "MEAN")
        wanted.check(f"class_prob.l{level}", chance)
        centerness = output.centerness[level].flatten(1)[..., None].sigmoid()
        wanted.check(f"class_score.l{level}", (chance * centerness).sqrt())
    assert not wanted.unchecked()


def test_two_captions_in_one_batch_equal_the_original(
    folder: Path, model: GlipModel, pixels: Tensor
) -> None:
    wanted = recorded(folder, "variant_two_captions")
    ids, mask = wanted["input_ids"], wanted["attention_mask"]
    found = tapped_pass(model, pixels, ids, mask) | {"input_ids": ids, "attention_mask": mask}
    for name in wanted.tensors:
        wanted.check(name, found[name], is_cut=True)


def test_hiding_special_tokens_in_the_head_equals_the_original(
    folder: Path,
    model: GlipModel,
    pixels: Tensor,
    inputs: Recorded,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hiding = replace(model.config.inputs, hides_special_tokens=True)
    monkeypatch.setattr(model, "config", replace(model.config, inputs=hiding))
    wanted = recorded(folder, "variant_mask_special")
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    seen = model.text_mask(mask, inputs["special_tokens_mask"])
    found = tapped_pass(model, pixels, ids, mask, seen) | {"attention_mask_used_in_head": seen}
    for name in wanted.tensors:
        wanted.check(name, found[name], is_cut=True)


@torch.no_grad()
def test_leaving_out_the_padding_of_a_caption_changes_nothing(
    model: GlipModel, pixels: Tensor, inputs: Recorded, output: HeadOutput
) -> None:
    length = int(inputs["attention_mask"].sum(1).max())
    ids, mask = inputs["input_ids"][:, :length], inputs["attention_mask"][:, :length]
    short = model.detect(model.encode_images(pixels), model.encode_text(ids, mask), mask)
    for level, logits in enumerate(short.logits):
        whole = output.logits[level][..., :length]
        torch.testing.assert_close(logits, whole, atol=1e-4, rtol=1e-4)
