"""Detections of supervision go in as examples and come out of predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from sdpt_engine.errors import InvalidExampleError
from sdpt_engine.interchange import from_detections, to_detections
from sdpt_engine.types import ObjectClass, Prediction

CLASSES = (ObjectClass(7, "nut", "nut"), ObjectClass(3, "bolt", "bolt"))
BOXES = np.array([[1, 2, 30, 40], [5, 6, 70, 80]], np.float32)


def test_prediction_becomes_detections_with_names() -> None:
    found = Prediction(BOXES, np.array([0.9, 0.4], np.float32), np.array([1, 0]), (100, 100))
    detections = to_detections(found, CLASSES)
    assert detections.class_id is not None
    assert detections.data["class_name"].tolist() == ["bolt", "nut"]
    assert (detections[detections.class_id == 1].xyxy == BOXES[:1]).all()


def test_what_comes_out_can_go_in_again() -> None:
    found = Prediction(BOXES, np.array([0.9, 0.4], np.float32), np.array([1, 0]), (100, 100))
    example = from_detections(Path("a.jpg"), to_detections(found, CLASSES))
    assert np.array_equal(example.boxes, BOXES)
    assert example.labels.tolist() == [1, 0]


def test_no_detections_are_a_true_negative() -> None:
    nothing = sv.Detections.empty()
    assert len(from_detections(Path("a.jpg"), nothing).boxes) == 0


def test_detections_without_a_class_are_refused() -> None:
    with pytest.raises(InvalidExampleError, match="no class_id"):
        from_detections(Path("a.jpg"), sv.Detections(xyxy=BOXES))
