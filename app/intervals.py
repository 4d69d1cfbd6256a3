"""How far a share that was counted on some images can be trusted: Wilson's interval, widened for images.

Boxes of one image succeed and fail together, so n boxes say less than n independent trials. Their number is divided
by the *design effect* (variance between images over the binomial one; never below 1 + .1 (boxes per image - 1), which
stands in where the images are too few or too equal to show it). The normal quantile is widened as Student's is, by
the number of images. When a sample makes up part of all there is, the interval shrinks with what is left unseen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Z_95 = 1.959964
_LIKENESS = 0.1  # correlation of two boxes of one image, where it cannot be measured


@dataclass(frozen=True, slots=True)
class Interval:
    """A share in 0..1 with the ends of its 95 % interval, and how many cases and images it was counted on."""

    value: float
    low: float
    high: float
    num: int
    num_images: int


def share(counts: Sequence[tuple[int, int]], *, seen: float = 0.0) -> Interval | None:
    """The share of successes. `counts`: (successes, cases) of each image; None without any case.

    `seen` in 0..1 is the part of the whole population that was looked at. One image alone shows
    nothing of how much images differ: its interval is everything.
    """
    used = [(hits, cases) for hits, cases in counts if cases]
    num = sum(cases for _, cases in used)
    if not num:
        return None
    value = sum(hits for hits, _ in used) / num
    if seen >= 1.0:
        return Interval(value, value, value, num, len(used))
    if len(used) == 1:
        return Interval(value, 0.0, 1.0, num, 1)
    effective = num / design_effect(used) / (1.0 - seen)
    low, high = wilson(value, effective, _quantile(len(used)))
    return Interval(value, low, high, num, len(used))


def wilson(value: float, num: float, z: float = Z_95) -> tuple[float, float]:
    """Ends of Wilson's interval of a share `value` that was counted on `num` independent cases."""
    spread = z * z / num
    centre = (value + spread / 2.0) / (1.0 + spread)
    half = math.sqrt(value * (1.0 - value) * spread + spread * spread / 4.0) / (1.0 + spread)
    return max(0.0, min(value, centre - half)), min(1.0, max(value, centre + half))


def design_effect(counts: Sequence[tuple[int, int]]) -> float:
    """By how much cases of one image repeat each other; `counts` as in `share`, none without cases."""
    num = sum(cases for _, cases in counts)
    value = sum(hits for hits, _ in counts) / num
    typical = sum(cases * cases for _, cases in counts) / num
    least = 1.0 + _LIKENESS * (typical - 1.0)
    if len(counts) < 2 or value in (0.0, 1.0):
        return least
    scatter = sum((hits - value * cases) ** 2 for hits, cases in counts)
    between = scatter * len(counts) / (len(counts) - 1) / num**2
    return max(least, between * num / (value * (1.0 - value)))


def _quantile(num_images: int) -> float:
    """Student's 97.5 % quantile for `num_images` - 1 degrees of freedom, by its series."""
    free = num_images - 1
    z, cube, fifth = Z_95, Z_95**3, Z_95**5
    return z + (z + cube) / (4 * free) + (3 * z + 16 * cube + 5 * fifth) / (96 * free**2)
