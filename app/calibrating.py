"""A score into a chance: a logistic curve over the logit of the score, fitted to what came true."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_PULL = 0.5  # how strongly slope 1 and offset 0 ("the score is the chance") are believed beforehand
_STEPS = 25


@dataclass(frozen=True, slots=True)
class Curve:
    """Chance = logistic(offset + slope * logit(score)); never falling with the score."""

    offset: float = 0.0
    slope: float = 1.0

    def at(self, score: float) -> float:
        """The chance in 0..1 that belongs to a score in 0..1."""
        kept = min(max(score, 1e-4), 1.0 - 1e-4)
        raised = self.offset + self.slope * math.log(kept / (1.0 - kept))
        return 1.0 / (1.0 + math.exp(-min(max(raised, -40.0), 40.0)))


def fit_curve(scores: Sequence[float], came_true: Sequence[bool]) -> Curve:
    """The likeliest curve under a weak belief in the scores; without any evidence the scores themselves.

    Newton's method on a convex loss; a slope below zero (chance falling with score) is noise of few
    measurements and becomes zero.
    """
    if not scores:
        return Curve()
    kept = np.clip(np.asarray(scores, np.float64), 1e-4, 1.0 - 1e-4)
    features = np.stack([np.ones_like(kept), np.log(kept / (1.0 - kept))], axis=1)  # [N, 2]
    truth = np.asarray(came_true, np.float64)
    believed = np.array([0.0, 1.0])
    found = believed.copy()
    for _ in range(_STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(features @ found, -40.0, 40.0)))
        slope = features.T @ (chance - truth) + _PULL * (found - believed)
        bend = (features * (chance * (1.0 - chance))[:, None]).T @ features + _PULL * np.eye(2)
        step = np.linalg.solve(bend, slope)
        found = found - np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-8:
            break
    if found[1] < 0.0:
        odds = (truth.sum() + _PULL) / (len(truth) - truth.sum() + _PULL)
        return Curve(float(math.log(odds)), 0.0)
    return Curve(float(found[0]), float(found[1]))
