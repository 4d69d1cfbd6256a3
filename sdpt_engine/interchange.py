"""`supervision.Detections` in and out, so that the engine fits into scripts that speak it already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import supervision as sv

from sdpt_engine.errors import InvalidExampleError
from sdpt_engine.types import Example, ObjectClass, Prediction


def to_detections(prediction: Prediction, classes: Sequence[ObjectClass]) -> sv.Detections:
    """xyxy in pixels, `confidence`, `class_id` as an index into `classes`, and data["class_name"]."""
    names = np.array([item.name for item in classes], dtype=object)
    return sv.Detections(
        xyxy=prediction.boxes.copy(),
        confidence=prediction.scores.copy(),
        class_id=prediction.labels.astype(int),
        data={"class_name": names[prediction.labels].astype(str)},
    )


def from_detections(
    image_path: Path, detections: sv.Detections, *, is_exhaustive: bool = True
) -> Example:
    """A labelled image; `class_id` must be an index into the classes that it will be tuned with.

    Raises InvalidExampleError for detections without `class_id`, or with boxes that are none.
    """
    if detections.class_id is None:
        raise InvalidExampleError(
            f"Example '{image_path.name}': the detections have no class_id. Set it to the index of each "
            "box's class."
        )
    return Example(
        image_path=image_path,
        boxes=np.asarray(detections.xyxy, np.float32).reshape(-1, 4),
        labels=np.asarray(detections.class_id, np.int64),
        is_exhaustive=is_exhaustive,
    )
