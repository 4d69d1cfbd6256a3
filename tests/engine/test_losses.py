"""What is punished and what is not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sdpt_engine.backbones.base import Caption, DetectorOutput
from sdpt_engine.losses import Stage, Target, background_weights, class_token_map, detection_loss
from sdpt_engine.matching import match, paired_iou
from sdpt_engine.types import ObjectClass

CAPTION = Caption(
    classes=(ObjectClass(1, "red cell", "red cell"), ObjectClass(2, "platelet", "platelet")),
    input_ids=(101, 5, 6, 1012, 7, 1012, 102),
    token_spans=((1, 2), (4,)),
)
HERE, ELSEWHERE = [0.25, 0.25, 0.2, 0.2], [0.75, 0.75, 0.2, 0.2]


def target(boxes: list[list[float]], *, exhaustive: bool = True, rejected: bool = False) -> Target:
    negatives = [ELSEWHERE] if rejected else []
    return Target(
        boxes=torch.tensor(boxes).reshape(-1, 4),
        classes=torch.zeros(len(boxes), dtype=torch.long),
        is_exhaustive=exhaustive,
        negatives=torch.tensor(negatives).reshape(-1, 4),
        negative_classes=torch.ones(len(negatives), dtype=torch.long),
    )


def output() -> DetectorOutput:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 2, 7, generator=generator).requires_grad_()
    boxes = torch.tensor([[HERE, ELSEWHERE]]).requires_grad_()
    queries = torch.zeros(1, 2, 4)
    return DetectorOutput(logits, boxes, ((logits * 1, boxes * 1),), logits * 2, boxes * 1, queries)


def stage() -> Stage:
    return Stage(torch.zeros(2, 3), torch.tensor([HERE, ELSEWHERE]))


def test_class_tokens_leave_out_stops_and_specials() -> None:
    columns, own = class_token_map(CAPTION)
    assert columns.tolist() == [1, 2, 4]
    assert own.tolist() == [[1, 1, 0], [0, 0, 1]]


def test_matching_pairs_each_box_with_the_nearest_query() -> None:
    boxes = torch.tensor([HERE, ELSEWHERE])
    queries, found = match(
        torch.zeros(2, 3), boxes, boxes.flip(0), positives=torch.tensor([[1.0, 1, 0]] * 2)
    )
    assert dict(zip(queries.tolist(), found.tolist(), strict=True)) == {0: 1, 1: 0}


def test_generalised_iou_falls_below_zero_for_boxes_far_apart() -> None:
    left, right = torch.tensor([0.0, 0, 1, 1]), torch.tensor([3.0, 0, 4, 1])
    iou, giou = paired_iou(left, right)
    assert (iou.item(), giou.item()) == (0.0, -0.5)


def test_full_labels_punish_every_false_proposal() -> None:
    weights = background_weights(stage(), target([HERE]), class_token_map(CAPTION)[1])
    assert weights.eq(1).all()


def test_partial_labels_spare_proposals_away_from_boxes() -> None:
    partial = target([HERE], exhaustive=False)
    weights = background_weights(stage(), partial, class_token_map(CAPTION)[1])
    assert weights.tolist() == [[1, 1, 1], [0, 0, 0]]


def test_rejected_proposal_is_a_hard_negative_of_its_class_only() -> None:
    partial = target([HERE], exhaustive=False, rejected=True)
    weights = background_weights(stage(), partial, class_token_map(CAPTION)[1])
    assert weights.tolist() == [[1, 1, 1], [0, 0, 2]]


def test_partial_image_without_boxes_costs_nothing() -> None:
    loss, _ = detection_loss(output(), [target([], exhaustive=False)], CAPTION)
    assert loss.item() == 0


@pytest.mark.parametrize("part", ["proposal_logits", "proposal_boxes"])
def test_proposal_stage_is_supervised(part: str) -> None:
    out = output()
    loss, _ = detection_loss(out, [target([[0.3, 0.25, 0.2, 0.2]])], CAPTION)
    watched: Tensor = getattr(out, part)
    (gradient,) = torch.autograd.grad(loss, watched)
    assert torch.isfinite(gradient).all()
    assert gradient.any()


def test_parts_add_up_to_the_loss() -> None:
    loss, parts = detection_loss(output(), [target([HERE])], CAPTION)
    assert sum(parts.values()) == pytest.approx(loss.item(), rel=1e-5)


def test_empty_image_is_a_true_negative() -> None:
    loss, parts = detection_loss(output(), [target([])], CAPTION)
    assert loss.item() > 0
    assert parts["decoder_placing"] == 0


def test_better_placing_costs_less() -> None:
    near, far = target([HERE]), target([[0.5, 0.5, 0.2, 0.2]])
    losses = [detection_loss(output(), [t], CAPTION)[1]["decoder_placing"] for t in (near, far)]
    assert losses[0] < losses[1]


def test_images_side_by_side_cost_what_each_costs_alone() -> None:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(3, 6, 7, generator=generator)
    boxes = torch.rand(3, 6, 4, generator=generator) * 0.4 + 0.2
    targets = [
        target([HERE, ELSEWHERE]),
        target([], exhaustive=False, rejected=True),
        target([HERE], exhaustive=False, rejected=True),
    ]

    def loss_of(images: slice) -> float:
        stages = logits[images], boxes[images], (), logits[images] * 2, boxes[images]
        out = DetectorOutput(*stages, torch.zeros(len(logits[images]), 6, 4))
        chosen = targets[images]
        num_boxes = max(sum(len(t.boxes) for t in chosen), 1)
        return detection_loss(out, chosen, CAPTION)[0].item() * num_boxes

    alone = sum(loss_of(slice(i, i + 1)) for i in range(3))
    assert loss_of(slice(0, 3)) == pytest.approx(alone, rel=1e-6)
