"""What is proposed in the end equals the original's detections, in all of its settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sdpt_engine.backbones.glip import GlipModel
from sdpt_engine.backbones.glip.config import DetectionSettings
from sdpt_engine.backbones.glip.head import HeadOutput
from sdpt_engine.backbones.glip.postprocess import Detections, detections
from tests.engine.glip.reference import Recorded, document, recorded

SETTINGS = ("default", "tight", "high_threshold", "max_agg")
BOX_TOLERANCE_PX = 5e-3


def _settings(folder: Path, name: str, own: DetectionSettings) -> DetectionSettings:
    asked = document(folder, "detections")["settings"][name]
    return replace(
        own,
        score_threshold=asked["pre_nms_thresh"],
        candidates_per_level=asked["pre_nms_top_n"],
        nms_iou=asked["nms_thresh"],
        max_detections=asked["fpn_post_nms_top_n"],
        aggregation=asked["score_agg"],
    )


@pytest.mark.parametrize("name", SETTINGS)
def test_detections_equal_the_original(
    folder: Path, model: GlipModel, output: HeadOutput, inputs: Recorded, name: str
) -> None:
    wanted = recorded(folder, "detections")
    sizes, raw = inputs["image_sizes_hw"].tolist(), inputs["raw_sizes_hw"].tolist()
    settings = _settings(folder, name, model.config.detection)
    found = detections(output, model.anchors(output), inputs["positive_map"], sizes, settings)
    for number, image in enumerate(found):
        prefix = f"{name}.image{number}"
        wanted.check(f"{prefix}.scores", image.scores)
        assert torch.equal(image.labels + 1, wanted[f"{prefix}.labels"])
        wanted.check(f"{prefix}.boxes", image.boxes, tolerance=BOX_TOLERANCE_PX)
        (high, wide), (raw_high, raw_wide) = sizes[number], raw[number]
        scaled = image.scaled((raw_wide / wide, raw_high / high))
        wanted.check(f"{prefix}.boxes_raw_image", scaled.boxes, tolerance=BOX_TOLERANCE_PX)


def test_the_released_settings_are_the_default(folder: Path, model: GlipModel) -> None:
    own = model.config.detection
    assert _settings(folder, "default", own) == own


def _two_anchors(logits: list[float]) -> tuple[HeadOutput, tuple[torch.Tensor]]:
    output = HeadOutput(
        logits=(torch.tensor([[[logit] for logit in logits]]),),
        deltas=(torch.zeros(1, 4, 1, 2),),
        centerness=(torch.zeros(1, 1, 1, 2),),
    )
    return output, (torch.tensor([[0.0, 0, 9, 9], [0.0, 0, 9, 9]]),)


def _found(logits: list[float], settings: DetectionSettings) -> Detections:
    output, anchors = _two_anchors(logits)
    return detections(output, anchors, torch.ones(1, 1), [(20, 20)], settings)[0]


def test_of_two_equal_boxes_the_better_one_stays() -> None:
    found = _found([0.0, 2.0], DetectionSettings())
    best = torch.tensor(2.0).sigmoid() * 0.5  # centerness is sigmoid(0)
    torch.testing.assert_close(found.scores, best.sqrt()[None])


def test_an_image_without_candidates_has_no_detection() -> None:
    assert _found([-9.0, -9.0], DetectionSettings()).boxes.shape == (0, 4)
