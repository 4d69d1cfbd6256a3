"""The only bridge between rows and arrays: class ids on one side, indices into the class list on the other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.snapshot import LabelledImage
from app.workspace import Workspace
from sdpt_engine.types import Boxes, Example, Labels, Metrics, ObjectClass, Prediction
from storage.types import Box, Category, NewPrediction


def object_classes(categories: Sequence[Category]) -> tuple[ObjectClass, ...]:
    return tuple(ObjectClass(c.id, c.name, c.prompt_text) for c in categories)


def snapshot_classes(classes: Sequence[Mapping[str, Any]]) -> tuple[ObjectClass, ...]:
    """The classes of a snapshot, in its order."""
    return tuple(ObjectClass(int(c["id"]), c["name"], c["prompt_text"]) for c in classes)


def example(
    workspace: Workspace, labelled: LabelledImage, classes: Sequence[ObjectClass]
) -> Example:
    """What the engine learns from; labels become indices into `classes`."""
    place = {item.id: index for index, item in enumerate(classes)}
    boxes, labels = _arrays(labelled.boxes, labelled.category_ids, place)
    negatives, negative_labels = _arrays(labelled.negatives, labelled.negative_category_ids, place)
    return Example(
        image_path=workspace.image_path(labelled.relative_path),
        boxes=boxes,
        labels=labels,
        is_exhaustive=labelled.is_exhaustive,
        negatives=negatives,
        negative_labels=negative_labels,
    )


def new_predictions(prediction: Prediction, classes: Sequence[ObjectClass]) -> list[NewPrediction]:
    """Proposals as rows; labels become the ids of `classes`."""
    return [
        NewPrediction(_box(box), classes[int(label)].id, float(score))
        for box, label, score in zip(
            prediction.boxes, prediction.labels, prediction.scores, strict=True
        )
    ]


def metrics_json(metrics: Metrics) -> dict[str, Any]:
    """Figures in 0..1; None where there was nothing to measure (JSON knows no NaN)."""
    return {
        "ap": number_or_none(metrics.ap),
        "ap50": number_or_none(metrics.ap50),
        "per_class": {
            name: {"ap": number_or_none(item.ap), "ap50": number_or_none(item.ap50)}
            for name, item in metrics.per_category.items()
        },
        "num_images": metrics.num_images,
    }


def number_or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _arrays(
    boxes: Sequence[Box], category_ids: Sequence[int], place: Mapping[int, int]
) -> tuple[Boxes, Labels]:
    kept = [(box, place[c]) for box, c in zip(boxes, category_ids, strict=True) if c in place]
    return (
        np.array([box for box, _ in kept], np.float32).reshape(-1, 4),
        np.array([label for _, label in kept], np.int64),
    )


def _box(row: Boxes) -> Box:
    x1, y1, x2, y2 = (float(value) for value in row)
    return x1, y1, x2, y2
