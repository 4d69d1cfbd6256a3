"""How good a detector is on composed scenes, and how much of what is there it finds at all.

Q queries, N boxes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from sdpt_engine.asking import ask
from sdpt_engine.backbones.base import Detector
from sdpt_engine.boxes import cxcywh_to_xyxy, iou_xyxy
from sdpt_engine.decoding import among_all
from sdpt_engine.metrics import evaluate
from sdpt_engine.predictor import Predictor
from sdpt_engine.pretraining.composer import Scene, SceneSettings, compose
from sdpt_engine.pretraining.material import Material
from sdpt_engine.types import Boxes, Metrics, ObjectClass, Pixels

NUM_NAMED, NUM_SHOWN, NUM_SCENES = 12, 5, 64
RECALL_AT, RECALL_IOU = 100, 0.5
_MIN_SCORE = 0.01


@dataclass(frozen=True, slots=True)
class Question:
    """A scene, and the twelve names that are asked for; five of them are what its objects are drawn from."""

    scene: Scene
    asked: tuple[str, ...]


def questions(material: Material, concepts: Sequence[str], *, seed: int) -> list[Question]:
    """The 64 scenes of one series, which depend on the seed and the names alone."""
    found = []
    for index in range(NUM_SCENES):
        asked = random.Random(f"{seed}-{index}").sample(list(concepts), NUM_NAMED)
        scene = compose(
            material,
            asked[:NUM_SHOWN],
            seed=seed,
            index=index,
            settings=SceneSettings(max_distractors=0),
        )
        found.append(Question(scene, tuple(asked)))
    return found


def accuracy(detector: Detector, asked: Sequence[Question], concepts: Sequence[str]) -> Metrics:
    """AP over all concepts that are shown; a scene is asked for its own twelve names only."""
    number = {name: index for index, name in enumerate(concepts)}
    predictions, truth = [], []
    for question in asked:
        classes = [ObjectClass(number[name], name, name) for name in question.asked]
        predictor = Predictor(detector, classes, min_score=_MIN_SCORE)
        (found,) = predictor.predict([question.scene.pixels])
        own = np.array([item.id for item in classes], np.int64)
        predictions.append(replace(found, labels=own[found.labels]))
        labels = np.array([number[name] for name in question.scene.concepts], np.int64)
        truth.append((question.scene.boxes, labels))
    return evaluate(predictions, truth, list(concepts))


def recall(
    detector: Detector, images: Sequence[tuple[Pixels, Boxes, tuple[ObjectClass, ...]]]
) -> float:
    """Share of boxes that one of the image's 100 best proposals meets at IoU 0.5, whatever it calls them."""
    met = total = 0
    for pixels, boxes, classes in images:
        found = _best_boxes(detector, pixels, classes)
        if len(boxes):
            overlap = iou_xyxy(torch.from_numpy(boxes), found)  # [N, Q]
            met += int((overlap.amax(1) >= RECALL_IOU).sum()) if len(found) else 0
            total += len(boxes)
    return met / max(total, 1)


@torch.no_grad()
def _best_boxes(detector: Detector, pixels: Pixels, classes: Sequence[ObjectClass]) -> torch.Tensor:
    """xyxy [at most 100, 4] in pixels, by the best score of any class."""
    (image,) = detector.encode_images([pixels])
    best, boxes = [], []
    for asked in ask(detector, classes):
        output = detector.detect([image], asked.text)
        scores, placed = detector.candidates(output, asked.text.caption)
        all_scores = among_all(scores, torch.tensor(asked.places), len(classes))
        best.append(all_scores[0].amax(-1))
        boxes.append(cxcywh_to_xyxy(placed[0]))
    order = torch.cat(best).argsort(descending=True)[:RECALL_AT]
    width, height = image.size_wh
    scale = torch.tensor([width, height, width, height], dtype=torch.float32)
    return torch.cat(boxes)[order].cpu() * scale
