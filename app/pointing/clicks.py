"""Where people click who mean an object, for whoever only thinks of it."""

import random

from storage.types import Box

_OFF_MIDDLE = 0.1  # of a side, a standard deviation: not on the very middle


def near_middle(box: Box, chance: random.Random, size_wh: tuple[int, int]) -> tuple[float, float]:
    """A point in the box and in an image of this size."""
    x1, y1, x2, y2 = box
    x = (x1 + x2) / 2 + chance.gauss(0.0, _OFF_MIDDLE) * (x2 - x1)
    y = (y1 + y2) / 2 + chance.gauss(0.0, _OFF_MIDDLE) * (y2 - y1)
    return min(max(x, x1), x2, size_wh[0] - 1), min(max(y, y1), y2, size_wh[1] - 1)
