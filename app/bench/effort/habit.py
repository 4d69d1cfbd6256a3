"""Whether a person goes on pointing at objects: as long as that was quicker than drawing, lately."""

from __future__ import annotations

from collections.abc import Sequence

from app.bench.effort.times import TimeModel

_LATELY = 10
_LEAST_TRIES = 5


def keeps_pointing(seconds: Sequence[float], times: TimeModel) -> bool:
    """`seconds` that each object took which was pointed at first, since there are new proposals."""
    lately = seconds[-_LATELY:]
    return len(lately) < _LEAST_TRIES or sum(lately) / len(lately) <= times.draw_s
