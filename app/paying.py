"""Which proposals pay for the person who judges them: those whose chances foretell that they save time.

A proposal that is right spares a drawing, one that is nearly right a part of it, a wrong one costs a verdict. Its
chances come from images whose truth is known (see `calibrating`), and each that is finished corrects them. So review
may show what is fainter than anything that was judged: it takes the sure images first, and nothing that it has seen is
like the last ones.

The surest proposal of an image has chances of its own, and so a threshold of its own: mostly something is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.evidence import evidence
from app.measuring import HeldOut
from app.pointing.trials import cheapest_costs
from app.queueing import Calibration, Costs, calibrate, seconds_saved
from app.showing import SUREST, Surest, required_showing, set_thresholds
from app.workspace import Workspace
from storage import categories

HIDDEN = 1.0  # no score is so sure
_LEAST_SCORE = 5  # hundredths: what is fainter is hardly ever stored


def what_pays(
    held_out: HeldOut, category_ids: Sequence[int], costs: Costs
) -> dict[int | Surest, float | None]:
    """From which score each class pays beside something surer, and the surest proposal of each image.

    HIDDEN for a class and None for the surest where no score pays, or nothing is known. One image is little, and the
    next ones correct it.
    """
    if not held_out.proposals:
        return {SUREST: None, **dict.fromkeys(category_ids, HIDDEN)}
    known = calibrate(held_out)
    found: dict[int | Surest, float | None] = {SUREST: _least_paying(known, costs)}
    for category_id in category_ids:
        score = _least_paying(known, costs, category_id=category_id, is_surest=False)
        found[category_id] = HIDDEN if score is None else score
    return found


def show_what_pays(workspace: Workspace, at: datetime) -> None:
    """Set these thresholds for the bundle under review; who asks for them again as more is known keeps to what pays.

    Raises NotReadyError without any pre-labelling.
    """
    with workspace.database.read() as tx:
        known = evidence(tx, required_showing(tx).bundle_id)
        classes = [category.id for category in categories.list_all(tx)]
        scores = what_pays(known, classes, cheapest_costs(tx))
    set_thresholds(workspace, scores, at, are_what_pays=True)


def _least_paying(
    known: Calibration, costs: Costs, *, category_id: int | None = None, is_surest: bool = True
) -> float | None:
    for hundredth in range(_LEAST_SCORE, 101):
        score = hundredth / 100
        chances = known.chances(score, category_id=category_id, is_surest=is_surest)
        if seconds_saved(chances, costs) > 0.0:
            return score
    return None
