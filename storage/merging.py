"""Which proposals of an image mean the same object as a surer one, whatever their class.

Two boxes are one object when they overlap by SAME_IOU, or when the smaller lies inside the larger and is no mere
detail of it: of the same class at least a fifth of its size (a piece of the object), of another class at least half
(nested objects of two classes are common). Of the true boxes of the four shipped sets this would touch at most 1 %.
"""

from __future__ import annotations

from collections.abc import Sequence

from storage.types import Box

SAME_IOU = 0.6
INSIDE_SHARE = 0.9  # of the smaller box
_LEAST_SIZE_SAME_CLASS = 0.2
_LEAST_SIZE_OTHER_CLASS = 0.5


def leaders(boxes: Sequence[Box], category_ids: Sequence[int]) -> list[int | None]:
    """For each box, given surest first, the index of the surer one that it repeats; None for a leader.

    Only leaders have followers, so that hiding a follower hides nothing else.
    """
    found: list[int | None] = []
    standing: list[int] = []
    for index, (box, category_id) in enumerate(zip(boxes, category_ids, strict=True)):
        leader = next(
            (
                other
                for other in standing
                if is_same_object(
                    boxes[other], box, is_same_class=category_ids[other] == category_id
                )
            ),
            None,
        )
        found.append(leader)
        if leader is None:
            standing.append(index)
    return found


def is_same_object(a: Box, b: Box, *, is_same_class: bool) -> bool:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return False
    common = width * height
    area_a, area_b = (a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])
    smaller, larger = min(area_a, area_b), max(area_a, area_b)
    if common >= SAME_IOU * (area_a + area_b - common):
        return True
    least = _LEAST_SIZE_SAME_CLASS if is_same_class else _LEAST_SIZE_OTHER_CLASS
    return common >= INSIDE_SHARE * smaller and smaller >= least * larger
