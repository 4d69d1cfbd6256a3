"""Arithmetic of stored boxes, which are (x1, y1, x2, y2) in pixels."""

from __future__ import annotations

from storage.types import Box

SAME_OBJECT_IOU = 0.5
"""From this overlap on, two boxes of one class mean the same object: a proposal repeats a person's box, say."""


def intersection_over_union(a: Box, b: Box) -> float:
    """Overlap of two xyxy boxes, 0..1."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return width * height / (areas - width * height)
