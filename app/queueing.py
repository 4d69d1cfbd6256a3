"""In which order images wait for review: pure functions of proposals, chances and costs.

Expected seconds saved
----------------------
A proposal is right with chance r (its box can stay), near with chance f (right object, the box must be mended), wrong
otherwise. Judging it costs  r accept + f fix + (1 - r - f) reject  seconds; without it a person would have drawn the
object, if there is one:  (r + f) draw.  What it saves is the difference, which is negative where proposals are mostly
wrong. An image saves what its shown proposals save together; looking at it costs the same either way.

The chances come from images whose truth is known: a logistic curve over the logit of the score (see `calibrating`) for
"found the object at all", and one for "box good enough".
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from app.calibrating import Curve, Scored, fit_curve
from app.measuring import FOUND_IOU, GOOD_IOU, HeldOut
from storage.types import Box


class Order(StrEnum):
    """How images are put in order for review."""

    SECONDS_SAVED = "seconds_saved"
    LEAST_CERTAIN = "least_certain"
    MOST_OBJECTS = "most_objects"
    ONE_CLASS = "one_class"
    LOOK_ALIKES = "look_alikes"
    RANDOM = "random"


class Proposal(NamedTuple):
    """A proposal that is shown. `box` is xyxy in shares of the image (0..1).

    `is_surest`: of all on its image, whatever its class.
    """

    id: int
    image_id: int
    category_id: int
    score: float
    box: Box
    is_surest: bool = True


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of a person. Drawing: median of extreme clicking (Papadopoulos et al., ICCV 2017); pointing: a click on
    an object's middle (the same, CVPR 2017); the others are goals of this project: to fix a box is mostly to bring one
    edge of it to its place, by a key. What the effort meter measures takes their place."""

    look_s: float = 1.5
    accept_s: float = 1.0
    reject_s: float = 1.0
    fix_s: float = 3.0
    draw_s: float = 7.0
    point_s: float = 1.9


@dataclass(frozen=True, slots=True)
class Chances:
    """Of one proposal: that it is right as it is, and that it is right but its box must be mended."""

    right: float
    near: float

    @property
    def wrong(self) -> float:
        return max(0.0, 1.0 - self.right - self.near)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Scores into chances. Without any evidence a score counts as the chance of having found the object."""

    found: Curve = field(default_factory=Curve)
    good: Curve = field(default_factory=Curve)

    def chances(
        self, score: float, *, category_id: int | None = None, is_surest: bool = True
    ) -> Chances:
        """Of a proposal of this class, or of any; `is_surest` of its image or not."""
        is_found, is_good = (
            curve.at(score, category_id=category_id, is_surest=is_surest)
            for curve in (self.found, self.good)
        )
        right = min(is_found, is_good)
        return Chances(right, is_found - right)


@dataclass(frozen=True, slots=True)
class Ranked:
    """An image of the queue. `value` is what it was ordered by, `seconds_saved` the expectation."""

    image_id: int
    value: float
    seconds_saved: float
    num_proposals: int


def calibrate(held_out: HeldOut) -> Calibration:
    """Learn the chances from proposals whose truth is known."""
    surest = held_out.places_of_surest()
    scored = [
        Scored(p.category_id, p.score, is_surest=place in surest)
        for place, p in enumerate(held_out.proposals)
    ]
    found, good = (
        fit_curve(scored, [p.iou >= least for p in held_out.proposals])
        for least in (FOUND_IOU, GOOD_IOU)
    )
    return Calibration(found, good)


def seconds_saved(chances: Chances, costs: Costs) -> float:
    """What showing a proposal saves, expected; see the formula above. Negative: it costs."""
    judging = (
        chances.right * costs.accept_s + chances.near * costs.fix_s + chances.wrong * costs.reject_s
    )
    return (chances.right + chances.near) * costs.draw_s - judging


def seconds_per_object(
    held_out: HeldOut,
    thresholds: Mapping[int, float],
    costs: Costs,
    *,
    surest_from: float | None = None,
) -> float | None:
    """What a true object costs a person with these proposals: judged, mended or drawn; None without any.

    `thresholds` by class; a class without one shows everything; the surest of an image shows from `surest_from` too.
    Looking at the image is left out.
    """
    num_true = sum(held_out.num_true.values())
    if not num_true:
        return None
    shown = held_out.shown(thresholds, surest_from)
    right = sum(p.iou >= GOOD_IOU for p in shown)
    found = sum(p.iou >= FOUND_IOU for p in shown)
    spent = (
        right * costs.accept_s
        + (found - right) * costs.fix_s
        + (len(shown) - found) * costs.reject_s
        + (num_true - found) * costs.draw_s
    )
    return spent / num_true


def order_images(
    proposals: Sequence[Proposal],
    order: Order,
    *,
    calibration: Calibration,
    costs: Costs,
    category_id: int | None = None,
    like: Proposal | None = None,
    seed: int = 0,
) -> list[Ranked]:
    """Images with shown proposals, in the order to review them; ties by image id.

    SECONDS_SAVED: largest sum first. LEAST_CERTAIN: the image first whose least certain proposal is
    nearest to a toss-up. MOST_OBJECTS: by their number. ONE_CLASS: images with proposals of
    `category_id` only, by the seconds that these save. LOOK_ALIKES: nearest to the proposal `like`
    first, images without any of its class left out. RANDOM: by `seed`, whatever the order given.
    Raises ValueError when an order lacks what it needs.
    """
    if order is Order.ONE_CLASS or order is Order.LOOK_ALIKES:
        wanted = category_id if order is Order.ONE_CLASS else like and like.category_id
        if wanted is None:
            raise ValueError(f"The order '{order}' needs a class or a proposal to be like.")
        proposals = [p for p in proposals if p.category_id == wanted]
    by_image: dict[int, list[Proposal]] = {}
    for proposal in proposals:
        by_image.setdefault(proposal.image_id, []).append(proposal)
    shuffled = sorted(by_image)
    random.Random(seed).shuffle(shuffled)
    place = {image_id: index for index, image_id in enumerate(shuffled)}
    judged = _Judged(calibration, costs)
    ranked = []
    for image_id, mine in by_image.items():
        known = [judged.of(p) for p in mine]
        saved = sum(seconds for seconds, _ in known)
        value = saved
        if order is Order.LEAST_CERTAIN:
            value = max(doubt for _, doubt in known)
        elif order is Order.MOST_OBJECTS:
            value = float(len(mine))
        elif order is Order.RANDOM:
            value = -float(place[image_id])
        elif order is Order.LOOK_ALIKES and like is not None:
            value = -min(unlikeness(p, like) for p in mine)
        ranked.append(Ranked(image_id, value, saved, len(mine)))
    return sorted(ranked, key=lambda r: (-r.value, r.image_id))


def seconds_waiting(
    proposals: Iterable[Proposal], *, calibration: Calibration, costs: Costs
) -> float:
    """What all of these should save together; 0 when there is none."""
    judged = _Judged(calibration, costs)
    return sum((judged.of(proposal)[0] for proposal in proposals), start=0.0)


class _Judged:
    """(seconds saved, uncertainty) of proposals; of equal class and thousandth of the score worked out once."""

    def __init__(self, calibration: Calibration, costs: Costs) -> None:
        self._calibration, self._costs = calibration, costs
        self._known: dict[tuple[int, float, bool], tuple[float, float]] = {}

    def of(self, proposal: Proposal) -> tuple[float, float]:
        category_id, score, is_surest = key = (
            proposal.category_id,
            round(proposal.score, 3),
            proposal.is_surest,
        )
        if key not in self._known:
            chances = self._calibration.chances(score, category_id=category_id, is_surest=is_surest)
            self._known[key] = (seconds_saved(chances, self._costs), uncertainty(chances))
        return self._known[key]


def uncertainty(chances: Chances) -> float:
    """1 where a proposal has found an object as likely as not, 0 where that is certain."""
    return 1.0 - abs(2.0 * (chances.right + chances.near) - 1.0)


def unlikeness(a: Proposal, b: Proposal) -> float:
    """How differently two proposals look, from what is known without opening an image: 0 for equal ones.

    Size and shape as logarithms of ratios, score in logits, place in shares of the image at half
    weight: what was wrongly proposed once (a shadow at the border, a piece of an object, a crowd)
    comes again in the same size, shape and score. Vectors of the pictures exist per image only.
    """
    size_a, size_b = _size(a.box), _size(b.box)
    shape = math.log(size_a[0] / size_b[0]) ** 2 + math.log(size_a[1] / size_b[1]) ** 2
    score = (_logit(a.score) - _logit(b.score)) ** 2 / 4.0
    place = sum((a.box[i] + a.box[i + 2] - b.box[i] - b.box[i + 2]) ** 2 / 4.0 for i in (0, 1))
    return math.sqrt(shape + score + place / 4.0)


def _size(box: Box) -> tuple[float, float]:
    return max(box[2] - box[0], 1e-4), max(box[3] - box[1], 1e-4)


def _logit(score: float) -> float:
    kept = min(max(score, 1e-3), 1.0 - 1e-3)
    return math.log(kept / (1.0 - kept))
