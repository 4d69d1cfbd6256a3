"""From which score a proposal is shown, and what that lets a person expect."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.intervals import Interval, share
from app.measuring import FOUND_IOU, HeldOut

UNMEASURED_THRESHOLD = 0.15
"""Where nothing was measured: if scores were chances, a proposal pays from here (1 s to judge, 7 s to draw)."""
_LEAST_TRUE = 3  # with fewer true boxes of a class, those of all classes choose for it


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a threshold gives on images that the bundle has not seen; None where nothing can be counted.

    `precision`: share of the shown proposals that are right at IoU .5. `recall`: share of the true
    boxes that are among them.
    """

    precision: Interval | None
    recall: Interval | None


def expectation(held_out: HeldOut, threshold: float) -> Expectation:
    """Precision and recall at `threshold`, with 95 % intervals over images (see `intervals`)."""
    (found,) = expectations(held_out, [threshold])
    return found


def expectations(held_out: HeldOut, thresholds: Sequence[float]) -> list[Expectation]:
    """The same at many thresholds, in their order, in one pass over the proposals."""
    true: Counter[int] = Counter()
    for (image_id, _), number in held_out.num_true.items():
        true[image_id] += number
    ranked = sorted(held_out.proposals, key=lambda p: -p.score)
    shown: Counter[int] = Counter()
    right: Counter[int] = Counter()
    found: dict[float, Expectation] = {}
    place = 0
    for threshold in sorted(set(thresholds), reverse=True):
        while place < len(ranked) and ranked[place].score >= threshold:
            shown[ranked[place].image_id] += 1
            right[ranked[place].image_id] += ranked[place].iou >= FOUND_IOU
            place += 1
        found[threshold] = Expectation(
            precision=share([(right[image], number) for image, number in shown.items()]),
            recall=share([(right[image], number) for image, number in true.items()]),
        )
    return [found[threshold] for threshold in thresholds]


def best_threshold(held_out: HeldOut) -> float | None:
    """The threshold of the largest F1, halfway to the next lower score; None when nothing was found."""
    num_true = sum(held_out.num_true.values())
    ranked = sorted(held_out.proposals, key=lambda p: -p.score)
    best, chosen, right = 0.0, None, 0
    for place, proposal in enumerate(ranked):
        right += proposal.iou >= FOUND_IOU
        below = ranked[place + 1].score if place + 1 < len(ranked) else 0.0
        f1 = 2.0 * right / (place + 1 + num_true)
        if f1 > best and below < proposal.score:
            best, chosen = f1, (proposal.score + below) / 2.0
    return chosen


def default_threshold(held_out: HeldOut, category_id: int) -> float:
    """The best threshold of a class; of all classes together where this one has too few true boxes."""
    mine = held_out.of_class(category_id)
    if sum(mine.num_true.values()) >= _LEAST_TRUE:
        found = best_threshold(mine)
        if found is not None:
            return found
        # Its boxes were looked for and none was found: what is proposed of it is wrong.
        return math.nextafter(max((p.score for p in mine.proposals), default=1.0), 2.0)
    return best_threshold(held_out) or UNMEASURED_THRESHOLD
