"""Boxes that were found but are not shown, offered to who points at an object instead of drawing around it.

A detector often places well what it names badly: then the person gives the class, and the box is there already.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from app.showing import SAME_OBJECT_IOU
from storage import predictions
from storage.boxes import intersection_over_union
from storage.database import Transaction
from storage.types import Box, Verdict

MOST = 60
_REPEATED_IOU = 0.8
_NEAR = 0.2


class Candidate(NamedTuple):
    """A box (xyxy pixels) of any class, and the score of the class that fits it best."""

    box: Box
    score: float


def candidates_on(
    tx: Transaction, image_id: int, *, bundle_id: int | None, seen: Sequence[Box]
) -> list[Candidate]:
    """What `bundle_id` found on an image and nobody has judged, surest first; at most `MOST`.

    None lies on a box that is `seen` there already.
    """
    if bundle_id is None:
        return []
    kept: list[Candidate] = []
    for found in predictions.for_image(tx, image_id, bundle_id=bundle_id, verdict=Verdict.PENDING):
        is_repeated = any(
            intersection_over_union(found.box, one.box) >= _REPEATED_IOU for one in kept
        )
        if not is_repeated and not lies_on(found.box, seen):
            kept.append(Candidate(found.box, found.score))
        if len(kept) == MOST:
            break
    return kept


def lies_on(box: Box, others: Sequence[Box]) -> bool:
    """Whether it means the same object as one of the others."""
    return any(intersection_over_union(box, other) >= SAME_OBJECT_IOU for other in others)


def is_around(box: Box, x: float, y: float) -> bool:
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def best_at(candidates: Sequence[Candidate], x: float, y: float) -> Candidate | None:
    """The candidate that a pointer at (x, y) means, as `pointing.js` chooses it; None where there is none.

    Of those around the pointer the one of the highest score * exp(-(d / 0.2)^2), d being the distance from the
    box's middle in sides of the box: people point at the middle of what they mean.
    """
    around = [c for c in candidates if is_around(c.box, x, y)]
    return max(around, key=lambda c: c.score * _nearness(c.box, x, y), default=None)


def _nearness(box: Box, x: float, y: float) -> float:
    """1 at the middle of the box, next to 0 at its edges."""
    x1, y1, x2, y2 = box
    from_middle = math.hypot((x - (x1 + x2) / 2) / (x2 - x1), (y - (y1 + y2) / 2) / (y2 - y1))
    return math.exp(-((from_middle / _NEAR) ** 2))
