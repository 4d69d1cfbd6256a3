"""How long a verdict takes this person, from the times of the last ones."""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from app.workspace import Workspace
from storage import predictions

DEFAULT_S = 2.0  # until ten verdicts have been timed
_LEAST_GAPS = 10
_PAUSE_S = 60.0  # a longer gap is a break, not a verdict
_NEWEST = 500


def seconds_per_verdict(workspace: Workspace) -> float:
    """The median gap between two verdicts in a row."""
    with workspace.database.read() as tx:
        times = predictions.judged_times(tx, _NEWEST)
    gaps = [(b - a).total_seconds() for a, b in pairwise(times)]
    counted = [gap for gap in gaps if 0 < gap < _PAUSE_S]
    return median(counted) if len(counted) >= _LEAST_GAPS else DEFAULT_S
