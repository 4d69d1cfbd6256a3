"""COCO average precision, by pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from sdpt_engine.types import Boxes, CategoryMetrics, Labels, Metrics, Prediction

_AP50 = 0  # index of IoU 0.50 among the thresholds .50:.05:.95
_ALL_AREAS, _HUNDRED_DETECTIONS = 0, 2


def evaluate(
    predictions: Sequence[Prediction],
    truth: Sequence[tuple[Boxes, Labels]],
    class_names: Sequence[str],
) -> Metrics:
    """AP and AP50 of one prediction per image against (boxes xyxy [N, 4], labels [N]) of that image.

    A class without a true box has nan and does not count. Without any true box both figures are 0.
    """
    names = list(class_names)
    if not any(len(boxes) for boxes, _ in truth):
        nothing = {name: CategoryMetrics(float("nan"), float("nan")) for name in names}
        return Metrics(0.0, 0.0, nothing, len(truth))
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints whatever happens
        judge = _judge(predictions, truth, len(names))
    precision = judge.eval["precision"][
        ..., _ALL_AREAS, _HUNDRED_DETECTIONS
    ]  # [IoU, recall, class]
    per_category = {
        name: CategoryMetrics(_mean(precision[..., k]), _mean(precision[_AP50, :, k]))
        for k, name in enumerate(names)
    }
    return Metrics(_mean(precision), _mean(precision[_AP50]), per_category, len(truth))


def metrics_from_dict(saved: dict[str, Any]) -> Metrics:
    """The inverse of `dataclasses.asdict` for Metrics."""
    per_category = {name: CategoryMetrics(**item) for name, item in saved["per_category"].items()}
    return Metrics(**{**saved, "per_category": per_category})


def _judge(
    predictions: Sequence[Prediction], truth: Sequence[tuple[Boxes, Labels]], num_classes: int
) -> Any:
    true = COCO()
    true.dataset = {
        "images": [{"id": i + 1} for i in range(len(truth))],
        "categories": [{"id": k + 1} for k in range(num_classes)],
        "annotations": [
            _record(i, box, label)
            for i, (boxes, labels) in enumerate(truth)
            for box, label in zip(boxes, labels, strict=True)
        ],
    }
    for number, record in enumerate(true.dataset["annotations"]):
        record["id"] = number + 1
    true.createIndex()
    found = [
        {**_record(i, box, label), "score": float(score)}
        for i, p in enumerate(predictions)
        for box, label, score in zip(p.boxes, p.labels, p.scores, strict=True)
    ]
    guessed = true.loadRes(found) if found else _no_results(true)
    judge = COCOeval(true, guessed, "bbox")
    judge.evaluate()
    judge.accumulate()
    return judge


def _no_results(true: Any) -> Any:
    # loadRes refuses an empty list.
    empty = COCO()
    empty.dataset = {**true.dataset, "annotations": []}
    empty.createIndex()
    return empty


def _record(image: int, box: Any, label: Any) -> dict[str, Any]:
    x1, y1, x2, y2 = (float(value) for value in box)
    return {
        "image_id": image + 1,
        "category_id": int(label) + 1,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": (x2 - x1) * (y2 - y1),
        "iscrowd": 0,
    }


def _mean(precision: Any) -> float:
    real = precision[precision > -1]  # -1: no true box of that class
    return float(np.mean(real)) if real.size else float("nan")
