"""Whether one measured prompt is better than another, or than none."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sdpt_engine.types import Metrics

MARGIN = 0.01  # relative: on a few images AP moves by a hair for no reason
FOUND_MARGIN = 0.05  # relative: tighter boxes are worth an object or two that were found loosely


def is_better(new: Metrics, old: Metrics) -> bool:
    """AP higher by more than a hair, and AP50 not much lower. Nothing measured (nan) is better than nothing."""
    return new.ap > old.ap * (1 + MARGIN) and new.ap50 >= old.ap50 * (1 - FOUND_MARGIN)


def may_find_as_much(new: Metrics, old: Metrics, *, num_boxes: int) -> bool:
    """AP50 no lower than luck explains on so many boxes, and anything found at all.

    Who has learnt from more images is better more often than not, and held-out boxes tell little: they must be clearly
    against it. AP does not count here. Boxes of a person that were proposals of the old prompt lie exactly where it
    puts them, so that its AP flatters.
    """
    return new.ap50 > 0.0 and new.ap50 >= old.ap50 - _luck(num_boxes)


def may_be_as_good(new: Metrics, old: Metrics, *, num_boxes: int) -> bool:
    """AP no lower than luck explains on so many boxes."""
    return new.ap > old.ap - _luck(num_boxes)


def may_be_as_high(new: NDArray[np.floating], old: NDArray[np.floating]) -> bool:
    """Two figures of the same things, [N] both: whether the mean of the new ones is no lower than luck explains.

    Luck is one standard error of the differences. Pair by pair few boxes tell much more than AP does.
    """
    gains = new - old
    return (
        bool(gains.mean() >= -gains.std(ddof=1) / math.sqrt(len(gains))) if len(gains) > 1 else True
    )


def _luck(num_boxes: int) -> float:
    """Half of 1 / sqrt(n): at most the standard error of a share."""
    return 0.5 / math.sqrt(max(1, num_boxes))
