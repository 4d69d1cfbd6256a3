"""The simulated annotator's eyes and hand: which proposal fits, how exactly a box is drawn, what slips.

Chance belongs to the object, not to the moment: whatever the arm, the same person overlooks the same objects and
draws the same box around each.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.bench.effort.truth import TrueImage, TrueObject
from storage.boxes import intersection_over_union
from storage.types import Box

_TRIES = 100


@dataclass(frozen=True, slots=True)
class Person:
    """Shares in 0..1. `edge_error` is the standard deviation of an edge, in shares of the box's side.

    .035 gives drawn boxes a mean IoU of about .88 with the truth, which is what Papadopoulos et al. 2017 report
    for extreme clicking. How often objects are overlooked, how far from its middle it is pointed at
    (`point_error`, likewise) and how often false proposals are let through is our assumption.
    """

    accept_iou: float = 0.75
    fix_iou: float = 0.5
    edge_error: float = 0.035
    point_error: float = 0.1
    overlooks: float = 0.02
    lets_through: float = 0.02
    seed: int = 0

    def draw(self, image: TrueImage, index: int) -> Box:
        """The box that this person draws around an object; at least `accept_iou` of the truth."""
        true, chance = image.objects[index].box, self._chance("draw", image, index)
        sides = (true[2] - true[0], true[3] - true[1]) * 2
        for _ in range(_TRIES):
            x1, y1, x2, y2 = (
                min(max(0.0, edge + chance.gauss(0.0, self.edge_error) * side), limit)
                for edge, side, limit in zip(true, sides, image.size_wh * 2, strict=True)
            )
            if intersection_over_union((x1, y1, x2, y2), true) >= self.accept_iou:
                return x1, y1, x2, y2
        return true

    def bring_edge(self, image: TrueImage, index: int, box: Box) -> Box | None:
        """A loose box after one edge of it was brought to where this person draws it; None when that is not enough."""
        true, (left, top, right, bottom) = image.objects[index].box, self.draw(image, index)
        x1, y1, x2, y2 = box
        mended = [(left, y1, x2, y2), (x1, top, x2, y2), (x1, y1, right, y2), (x1, y1, x2, bottom)]
        best = max(mended, key=lambda b: intersection_over_union(b, true))
        return best if intersection_over_union(best, true) >= self.accept_iou else None

    def point(self, image: TrueImage, index: int) -> tuple[float, float]:
        """Where this person points to mean an object."""
        (x1, y1, x2, y2), chance = image.objects[index].box, self._chance("point", image, index)
        dx, dy = (chance.gauss(0.0, self.point_error) for _ in range(2))
        return (x1 + x2) / 2 + dx * (x2 - x1), (y1 + y2) / 2 + dy * (y2 - y1)

    def is_overlooked(self, image: TrueImage, index: int) -> bool:
        """Whether this person would not notice the object unless a proposal points at it."""
        return self._chance("overlook", image, index).random() < self.overlooks

    def is_let_through(self, image: TrueImage, box: Box) -> bool:
        """Whether this person accepts a proposal that is wrong."""
        return self._chance("let through", image, box).random() < self.lets_through

    def _chance(self, what: str, image: TrueImage, which: object) -> random.Random:
        return random.Random(f"{self.seed} {what} {image.path.name} {which}")


@dataclass(frozen=True, slots=True)
class Shown:
    """A proposal on the screen; `label` is an index into the set's classes."""

    id: int
    box: Box
    label: int


@dataclass(frozen=True, slots=True)
class Match:
    """A proposal that saves work on an object: as it is, or after a correction of its place or its class."""

    proposal: Shown
    index: int
    is_placed: bool
    is_named: bool


def best_match(
    person: Person, proposals: Sequence[Shown], still_open: Mapping[int, TrueObject]
) -> Match | None:
    """The proposal to take next, None when none helps any more.

    What can be taken as it is comes first, by overlap; then what lies right under another name, then what is loose.
    """
    ranked = [
        (_rank(person, shown, true), shown, index)
        for shown in proposals
        for index, true in still_open.items()
    ]
    best = max(ranked, key=lambda item: item[0], default=None)
    if best is None or not best[0].is_of_use:
        return None
    rank, shown, index = best
    return Match(shown, index, is_placed=rank.is_placed, is_named=rank.is_named)


class _Rank(NamedTuple):
    """How much a proposal helps with an object; the first difference decides."""

    is_of_use: bool
    is_placed: bool
    is_named: bool
    overlap: float


def _rank(person: Person, shown: Shown, true: TrueObject) -> _Rank:
    overlap = intersection_over_union(shown.box, true.box)
    is_of_use, is_placed = overlap >= person.fix_iou, overlap >= person.accept_iou
    return _Rank(is_of_use, is_placed, is_of_use and shown.label == true.label, overlap)
