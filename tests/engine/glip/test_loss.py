"""Assignment, targets, losses and their gradients equal the original's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from sdpt_engine.backbones.glip import GlipModel
from sdpt_engine.backbones.glip.anchors import encode
from sdpt_engine.backbones.glip.assign import assign
from sdpt_engine.backbones.glip.head import HeadOutput
from sdpt_engine.backbones.glip.loss import (
    LabelledBoxes,
    Targets,
    giou_loss,
    glip_losses,
    make_targets,
)
from tests.engine.glip.reference import Recorded, document, recorded
from tests.engine.glip.taps import head_tensors


@pytest.fixture(scope="module")
def wanted(folder: Path) -> Recorded:
    return recorded(folder, "losses")


@pytest.fixture(scope="module")
def targets(wanted: Recorded, model: GlipModel, output: HeadOutput) -> Targets:
    boxes = [wanted["gt0.boxes"], wanted["gt1.boxes"]]
    tokens = wanted["positive_map"].split([len(own) for own in boxes])
    labelled = [LabelledBoxes(*pair) for pair in zip(boxes, tokens, strict=True)]
    limit = model.config.inputs.max_text_tokens
    return make_targets(model.anchors(output), labelled, model.config.loss, max_text_tokens=limit)


def _leaves(output: HeadOutput) -> HeadOutput:
    def copied(levels: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(level.clone().requires_grad_() for level in levels)

    return HeadOutput(copied(output.logits), copied(output.deltas), copied(output.centerness))


def test_each_anchor_is_assigned_the_label_that_the_original_gives_it(
    wanted: Recorded, model: GlipModel, output: HeadOutput
) -> None:
    levels, count = model.anchors(output), model.config.loss.candidates_per_box
    labels = torch.zeros(2, sum(len(level) for level in levels), dtype=torch.long)
    for number, row in enumerate(labels):
        found = assign(levels, wanted[f"gt{number}.boxes"], candidates_per_box=count)
        row[found.anchors] = wanted[f"gt{number}.labels"][found.boxes]
    wanted.check("assigned_labels", labels)


def test_the_assignment_and_the_targets_equal_the_original(
    wanted: Recorded, targets: Targets
) -> None:
    assert torch.equal(targets.positives, wanted["positive_index_flat"])
    wanted.check("token_labels", targets.tokens)
    wanted.check("centerness_targets_of_positives", targets.centerness)
    wanted.check("reg_targets_of_positives", encode(targets.boxes, targets.anchors))


def test_the_losses_and_their_gradients_equal_the_original(
    folder: Path, wanted: Recorded, targets: Targets, output: HeadOutput, model: GlipModel
) -> None:
    leaves = _leaves(output)
    losses = glip_losses(leaves, targets, wanted["text_masks"], model.config.loss)
    told = document(folder, "losses")
    for name, loss in (
        ("loss_reg", losses.placing),
        ("loss_centerness", losses.centerness),
        ("loss_dot_product_token", losses.naming),
        ("total", losses.total),
    ):
        assert loss.item() == pytest.approx(told[name], abs=1e-5)
    losses.total.backward()
    for name, leaf in head_tensors(leaves).items():
        assert leaf.grad is not None
        recorded_name = name.replace("head.", "grad.")
        wanted.check(recorded_name, leaf.grad, tolerance=1e-6, is_cut=True)


def test_images_without_boxes_teach_only_what_is_not_there(
    model: GlipModel, output: HeadOutput, wanted: Recorded
) -> None:
    none = LabelledBoxes(torch.zeros(0, 4), torch.zeros(0, output.logits[0].shape[-1]))
    targets = make_targets(
        model.anchors(output), [none, none], model.config.loss, max_text_tokens=256
    )
    losses = glip_losses(output, targets, wanted["text_masks"], model.config.loss)
    assert float(losses.placing) == float(losses.centerness) == 0.0
    assert float(losses.naming) > 0.0


def test_giou_loss_is_0_for_the_same_box_and_above_1_for_a_distant_one() -> None:
    box = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
    torch.testing.assert_close(giou_loss(box, box), torch.zeros(1), atol=1e-6, rtol=0)
    assert float(giou_loss(box, box + 30.0)) > 1.0
