"""What is known of a bundle's proposals from images whose true boxes are known and that it has not learnt from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from storage.boxes import intersection_over_union
from storage.merging import leaders
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

    def surest(self) -> HeldOut:
        """Only the surest proposal of each image."""
        places = self.places_of_surest()
        return HeldOut(tuple(self.proposals[place] for place in sorted(places)), self.num_true)

    def places_of_surest(self) -> frozenset[int]:
        """Where in `proposals` the surest of each image stand; of equals the first."""
        found: dict[int, int] = {}
        for place, item in enumerate(self.proposals):
            before = found.get(item.image_id)
            if before is None or item.score > self.proposals[before].score:
                found[item.image_id] = place
        return frozenset(found.values())

    def shown(
        self, thresholds: Mapping[int, float], surest_from: float | None = None
    ) -> list[Measured]:
        """What a person is shown: a class from its threshold (without one all); the surest of an image from its own."""
        guesses = frozenset() if surest_from is None else self.places_of_surest()
        return [
            p
            for place, p in enumerate(self.proposals)
            if p.score >= thresholds.get(p.category_id, 0.0)
            or (surest_from is not None and place in guesses and p.score >= surest_from)
        ]

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

    Each true box is found once, by the surest proposal of its class that overlaps it by FOUND_IOU. What nobody gets to
    see is left out: other boxes of that class there, and what repeats a surer proposal (as Review merges them) unless
    that was wrong and this is of another class. `category_ids` are the classes asked for.
    """
    left = {c: [box for box, mine in truth if mine == c] for c in category_ids}
    num_true = {(image_id, c): len(boxes) for c, boxes in left.items()}
    ranked = sorted(proposals, key=lambda p: -p[2])
    classes = [category_id for _, category_id, _ in ranked]
    repeated = leaders([box for box, _, _ in ranked], classes)
    boxed: dict[int, list[Box]] = {c: [] for c in category_ids}
    found: dict[int, Measured] = {}  # by place in `ranked`
    for place, (box, category_id, score) in enumerate(ranked):
        leader = repeated[place]
        if leader is not None:
            was_wrong = leader in found and found[leader].iou == 0.0
            if not was_wrong or classes[leader] == category_id:
                continue
        if _overlap(box, boxed.get(category_id, []))[0] >= FOUND_IOU:
            continue
        waiting = left.get(category_id, [])
        iou, index = _overlap(box, waiting)
        if iou >= FOUND_IOU:
            boxed[category_id].append(waiting.pop(index))
        found[place] = Measured(image_id, category_id, score, iou if iou >= FOUND_IOU else 0.0)
    return HeldOut(tuple(found.values()), num_true)


def _overlap(box: Box, others: Sequence[Box]) -> tuple[float, int]:
    """The largest IoU with any of these, and which one that is; 0 without any."""
    return max(
        ((intersection_over_union(box, other), index) for index, other in enumerate(others)),
        default=(0.0, 0),
    )
