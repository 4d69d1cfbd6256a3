"""Per class, the score from which proposals are worth showing: the best F1 on held-out images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdpt_engine.boxes import overlaps
from sdpt_engine.types import Boxes, Example, ObjectClass, Prediction

UNMEASURED_THRESHOLD = 0.3
MATCH_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Threshold:
    """A score in 0..1 and what it gives on held-out images; without any box of the class, nan.

    A class that cannot be measured takes the score that is best for all classes together.
    """

    score: float
    precision: float
    recall: float


def best_thresholds(
    predictions: Sequence[Prediction], examples: Sequence[Example], num_classes: int
) -> list[Threshold]:
    """One threshold per class, by the largest F1 at IoU .5."""
    ranked = [_Ranked.of(predictions, examples, label) for label in range(num_classes)]
    pooled = _best(_Ranked.together(ranked))
    unmeasured = UNMEASURED_THRESHOLD if pooled is None else pooled.score
    return [_best(mine) or Threshold(unmeasured, math.nan, math.nan) for mine in ranked]


def thresholds_by_class(
    predictions: Sequence[Prediction], examples: Sequence[Example], classes: Sequence[ObjectClass]
) -> dict[int, Threshold]:
    """The same by class id; labels are indices into `classes`."""
    found = best_thresholds(predictions, examples, len(classes))
    return dict(zip((item.id for item in classes), found, strict=True))


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Scores of proposals, whether each found a true box, and how many of these there are."""

    scores: list[float]
    hits: list[bool]
    num_true: int

    @staticmethod
    def of(predictions: Sequence[Prediction], examples: Sequence[Example], label: int) -> _Ranked:
        scores: list[float] = []
        hits: list[bool] = []
        num_true = 0
        for found, example in zip(predictions, examples, strict=True):
            mine, truth = found.labels == label, example.boxes[example.labels == label]
            num_true += len(truth)
            scores += found.scores[mine].tolist()
            hits += true_positives(found.boxes[mine], truth).tolist()
        return _Ranked(scores, hits, num_true)

    @staticmethod
    def together(parts: Sequence[_Ranked]) -> _Ranked:
        return _Ranked(
            [score for part in parts for score in part.scores],
            [hit for part in parts for hit in part.hits],
            sum(part.num_true for part in parts),
        )


def _best(found: _Ranked) -> Threshold | None:
    scores, hits, num_true = found.scores, found.hits, found.num_true
    if not num_true or not scores:
        return None
    order = np.argsort(-np.asarray(scores), kind="stable")
    ranked = np.asarray(scores)[order]
    correct = np.asarray(hits)[order].cumsum()
    precision = correct / np.arange(1, len(order) + 1)
    recall = correct / num_true
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    last = int(f1.argmax())
    # Halfway to the next lower score: the box that was just good enough stays in.
    below = float(ranked[last + 1]) if last + 1 < len(ranked) else 0.0
    score = (float(ranked[last]) + below) / 2
    return Threshold(score, float(precision[last]), float(recall[last]))


def true_positives(boxes: Boxes, truth: Boxes) -> NDArray[np.bool_]:
    """Whether each box, best first, finds a true box that none before it has found."""
    hits = np.zeros(len(boxes), dtype=bool)
    if not len(truth) or not len(boxes):
        return hits
    overlap = overlaps(boxes, truth)
    for index in range(len(boxes)):
        best = int(overlap[index].argmax())
        if overlap[index, best] >= MATCH_IOU:
            hits[index] = True
            overlap[:, best] = -1.0
    return hits
