"""A score into a chance: a logistic curve over the logit of the score, fitted to what came true (Platt 1999).

One curve for all classes and for all proposals of an image, moved by what is known of each: by the class, as far as
enough of it was seen, and down for what lies beside something surer. One of .2 is likely where nothing surer is, and
mostly a slip beside one of .9.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

# How strongly is believed beforehand, chosen on images that `bench effort` does not use:
_BELIEF = 0.2  # in offset 0 and slope 1 beforehand, which is: the score is the chance
_BELIEF_BESIDE = 0.1  # that being the surest of an image makes no difference
_BELIEF_OF_CLASS = 0.5  # that a class is as the others
_MOST_STEPS = 25
_LONGEST_STEP = 2.0
_SURE = 1e-4  # no score is nearer to 0 or 1


class Scored(NamedTuple):
    """A proposal as far as its chances go. `is_surest`: of its image, whatever its class."""

    category_id: int
    score: float
    is_surest: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """Chance = logistic(offset + slope * logit(score) + of its class + `beside` unless it is the surest)."""

    offset: float = 0.0
    slope: float = 1.0
    beside: float = 0.0
    of_class: Mapping[int, float] = field(default_factory=dict)

    def at(self, score: float, *, category_id: int | None = None, is_surest: bool = True) -> float:
        """The chance in 0..1 that belongs to a score in 0..1; without a class, or of one never seen, as of all."""
        kept = min(max(score, _SURE), 1.0 - _SURE)
        raised = self.offset + self.slope * math.log(kept / (1.0 - kept))
        if category_id is not None:
            raised += self.of_class.get(category_id, 0.0)
        if not is_surest:
            raised += self.beside
        return 1.0 / (1.0 + math.exp(-min(max(raised, -40.0), 40.0)))


def fit_curve(proposals: Sequence[Scored], came_true: Sequence[bool]) -> Curve:
    """The likeliest curve under weak beliefs; without any evidence the scores themselves.

    A slope below zero (chance falling with score) is noise of few measurements and becomes zero.
    """
    if not proposals:
        return Curve()
    scores = np.clip([p.score for p in proposals], _SURE, 1.0 - _SURE)
    is_beside = np.array([not p.is_surest for p in proposals], np.float64)
    truth = np.array(came_true, np.float64)
    known, classes = np.unique([p.category_id for p in proposals], return_inverse=True)
    constant = np.ones_like(scores)
    common = np.stack((constant, is_beside, np.log(scores / (1.0 - scores))), axis=1)  # [N, 3]
    believed, beliefs = np.array([0.0, 0.0, 1.0]), np.array([_BELIEF, _BELIEF_BESIDE, _BELIEF])
    (offset, beside, *slope), of_class = _likeliest(common, classes, truth, believed, beliefs)
    if slope[0] < 0.0:
        level, rest = common[:, :2], believed[:2]
        (offset, beside, *slope), of_class = _likeliest(level, classes, truth, rest, beliefs[:2])
    usual = float(of_class[classes].mean())
    return Curve(
        float(offset) + usual,
        float(slope[0]) if slope else 0.0,
        float(beside),
        {int(k): float(own) - usual for k, own in zip(known, of_class, strict=True)},
    )


def _likeliest(
    common: Numbers, classes: NDArray[np.int64], truth: Numbers, believed: Numbers, beliefs: Numbers
) -> tuple[Numbers, Numbers]:
    """Weights of the features `common` [N, F], and one of each class [C], by Newton's method on a convex loss.

    Each class has but one weight, so their block of the second derivatives is diagonal, and is taken out of the
    equations first.
    """
    weights, of_class = believed.copy(), np.zeros(int(classes.max()) + 1)
    num_classes = len(of_class)
    for _ in range(_MOST_STEPS):
        raised = np.clip(common @ weights + of_class[classes], -40.0, 40.0)
        chance = 1.0 / (1.0 + np.exp(-raised))
        off, sway = chance - truth, chance * (1.0 - chance)
        down = common.T @ off + beliefs * (weights - believed)
        down_class = np.bincount(classes, off, num_classes) + _BELIEF_OF_CLASS * of_class
        bend = (common.T * sway) @ common + np.diag(beliefs)
        bend_class = np.bincount(classes, sway, num_classes) + _BELIEF_OF_CLASS
        mixed = np.stack([np.bincount(classes, sway * c, num_classes) for c in common.T])  # [F, C]
        shares = mixed / bend_class
        step = np.linalg.solve(bend - shares @ mixed.T, down - shares @ down_class)
        step_class = (down_class - mixed.T @ step) / bend_class
        weights = weights - np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
        of_class = of_class - np.clip(step_class, -_LONGEST_STEP, _LONGEST_STEP)
        if max(np.abs(step).max(), np.abs(step_class).max()) < 1e-8:
            break
    return weights, of_class
