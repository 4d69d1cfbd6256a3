"""What is known of a bundle's proposals from images whose true boxes are known and that it has not learnt from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from storage.boxes import intersection_over_union
from storage.types import Box

GOOD_IOU = 0.75  # a box that a careful person leaves as it is
FOUND_IOU = 0.5  # the right object, but its box must be mended


class Measured(NamedTuple):
    """A proposal on such an image. `iou` is its overlap with the true box of its class that it found, or 0."""

    image_id: int
    category_id: int
    score: float
    iou: float


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Proposals with their truth, and how many true boxes each (image, class) has."""

    proposals: tuple[Measured, ...] = ()
    num_true: Mapping[tuple[int, int], int] = field(default_factory=dict)

    def of_class(self, category_id: int) -> HeldOut:
        return HeldOut(
            tuple(p for p in self.proposals if p.category_id == category_id),
            {key: n for key, n in self.num_true.items() if key[1] == category_id},
        )

    def __add__(self, other: HeldOut) -> HeldOut:
        """Evidence of other images on top; an image that both have counts as in `other`."""
        newer = {image_id for image_id, _ in other.num_true}
        kept = tuple(p for p in self.proposals if p.image_id not in newer)
        before = {key: n for key, n in self.num_true.items() if key[0] not in newer}
        return HeldOut(kept + other.proposals, {**before, **other.num_true})


def measure(
    image_id: int,
    proposals: Iterable[tuple[Box, int, float]],
    truth: Sequence[tuple[Box, int]],
    *,
    category_ids: Sequence[int],
) -> HeldOut:
    """Match one image's proposals (box, class, score), surest first, to its true boxes (box, class).

    Each true box is found once, by the surest proposal of its class that overlaps it by FOUND_IOU;
    what comes later at the same place has found nothing. `category_ids` are the classes asked for.
    """
    left = {c: [box for box, mine in truth if mine == c] for c in category_ids}
    num_true = {(image_id, c): len(boxes) for c, boxes in left.items()}
    found = []
    for box, category_id, score in sorted(proposals, key=lambda p: -p[2]):
        waiting = left.get(category_id, [])
        overlaps = [intersection_over_union(box, true) for true in waiting]
        iou = max(overlaps, default=0.0)
        if iou >= FOUND_IOU:
            del waiting[overlaps.index(iou)]
        else:
            iou = 0.0
        found.append(Measured(image_id, category_id, score, iou))
    return HeldOut(tuple(found), num_true)
