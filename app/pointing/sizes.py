"""How large objects of a class usually are, as a first guess at one that was clicked on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from sdpt_engine.types import UsualSize
from storage.box_sizes import Sides

_UNKNOWN_SHARE = 0.2  # of the image's diagonal, as long as there is no box at all
_UNKNOWN_SCATTER = 0.5
_SCATTER_COUNTS = 8  # sides for which that guess stands beside those that were measured


def usual_size(sides: Sequence[Sides], category_id: int, *, size_wh: tuple[int, int]) -> UsualSize:
    """Of a class in an image of this size. All classes together count as one more box of the class.

    Scatter is what sides of all classes do around the means of theirs.
    """
    if not sides:
        side = _UNKNOWN_SHARE * math.hypot(*size_wh)
        return UsualSize(side, side, _UNKNOWN_SCATTER)
    by_class: dict[int, list[tuple[float, float]]] = {}
    for item in sides:
        logs = (math.log(item.width), math.log(item.height))
        by_class.setdefault(item.category_id, []).append(logs)
    everywhere = _mean([logs for found in by_class.values() for logs in found])
    width, height = _mean([*by_class.get(category_id, []), everywhere])
    off = [
        (log - mean) ** 2
        for found in by_class.values()
        for logs in found
        for log, mean in zip(logs, _mean(found), strict=True)
    ]
    prior = _SCATTER_COUNTS * _UNKNOWN_SCATTER**2
    scatter = math.sqrt((sum(off) + prior) / (len(off) + _SCATTER_COUNTS))
    diagonal = math.hypot(*size_wh)
    return UsualSize(math.exp(width) * diagonal, math.exp(height) * diagonal, scatter)


def _mean(logs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return fmean(width for width, _ in logs), fmean(height for _, height in logs)
