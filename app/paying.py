"""Which proposals pay for the person who judges them: what has proved to, and by its chances the surest of each image.

A proposal that is right spares a drawing, one that is nearly right a part of it, a wrong one costs a verdict. What a
threshold would have saved is counted on images whose truth is known. Shown are the proposals from the score that surely
saves most: the sum, less a verdict for luck, less `SURENESS` times how far the sum may be luck; and below it what is
nearer to that score than to the next that was seen there. Where nothing saves surely, nothing is shown: whoever draws
an image by hand loses nothing, and it becomes evidence.

The surest proposal of an image is another matter than those beside it, whatever its score: mostly something is there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from app.evidence import evidence
from app.measuring import FOUND_IOU, GOOD_IOU, HeldOut, Measured
from app.pointing.trials import cheapest_costs
from app.queueing import Calibration, Costs, curves, seconds_saved
from app.showing import SUREST, Surest, required_showing, set_thresholds
from app.workspace import Workspace
from storage import categories

SURENESS = 0.5  # chosen with damaged and sound detectors on sets that `bench effort` does not use
HIDDEN = 1.0  # no score is so sure
_VERDICTS_FOR_LUCK = 1
_LEAST_FOUND = 8  # right ones of a class, or wrong ones, before it is judged by itself alone
_LEAST_IMAGES = 5  # with a proposal, before its surest is guessed at
_LEAST_FULL_IMAGES = 3  # or half of all: with a right one beside the surest, before more is shown
_LEAST_GUESS = 5  # hundredths: what is fainter is hardly ever stored
_STEPS = 20  # thresholds that are tried: one for each twentieth of what saves something


class _Saving(NamedTuple):
    score: float
    image_id: int
    seconds: float


def paying_thresholds(
    held_out: HeldOut, category_ids: Sequence[int], costs: Costs
) -> dict[int, float]:
    """The score from which a class's proposals surely save time; HIDDEN for a class of which none do.

    A class of which few were found is shown from where its own do, or those of all classes together: classes differ in
    how sure the detector is of them, and a few that were right speak for the next. Unless several would have been shown
    there already, and they cost more than they saved.
    """
    together = _surest_saving([_saving(item, costs) for item in held_out.proposals], costs)
    found = {}
    for category_id in category_ids:
        mine = [p for p in held_out.proposals if p.category_id == category_id]
        alone = _surest_saving([_saving(p, costs) for p in mine], costs)
        is_known = sum(p.iou >= FOUND_IOU for p in mine) >= _LEAST_FOUND
        is_known = is_known or _has_cost([p for p in mine if p.score >= together], costs)
        found[category_id] = alone if is_known else min(alone, together)
    return found


def _has_cost(shown: Sequence[Measured], costs: Costs) -> bool:
    return len(shown) >= _LEAST_FOUND and sum(_saving(p, costs).seconds for p in shown) < 0.0


def paying_guess(held_out: HeldOut, costs: Costs) -> float | None:
    """The score from which the surest proposal of an image should save time, even below the threshold of its class.

    Foretold by its calibrated chances, and not proved: review takes the sure images first, so nothing that was judged
    is like the last ones. Each that is judged then corrects the curve. Of a few images only what they prove is shown.
    None where no score pays.
    """
    surest = held_out.surest().proposals
    if len(surest) < _LEAST_IMAGES:
        proved = _surest_saving([_saving(p, costs) for p in surest], costs)
        return None if proved == HIDDEN else proved
    calibration = Calibration(surest=curves(surest))
    for hundredth in range(_LEAST_GUESS, 101):
        chances = calibration.chances(0, hundredth / 100, is_guess=True)
        if seconds_saved(chances, costs) > 0.0:
            return hundredth / 100
    return None


def what_pays(
    held_out: HeldOut, category_ids: Sequence[int], costs: Costs
) -> dict[int | Surest, float | None]:
    """From which score each class is shown, and the surest proposal of each image.

    Those beside a surer one must pay by themselves: one of .2 is likely where nothing surer is, and a slip beside one
    of .9.
    """
    found: dict[int | Surest, float | None] = {SUREST: paying_guess(held_out, costs)}
    least = _paying_beside(held_out, costs)
    for category_id, score in paying_thresholds(held_out, category_ids, costs).items():
        found[category_id] = max(score, least)
    return found


def _paying_beside(held_out: HeldOut, costs: Costs) -> float:
    """The score from which those pay that stand beside a surer one; HIDDEN while few images had any that was right.

    Their classes have surely paid already: these must not cost what the surest bring.
    """
    others = held_out.others().proposals
    num_full = len({p.image_id for p in others if p.iou >= FOUND_IOU})
    num_images = len({p.image_id for p in held_out.proposals})
    if num_full < _LEAST_FULL_IMAGES and 2 * num_full <= num_images:
        return HIDDEN
    return _surest_saving([_saving(p, costs) for p in others], costs, is_proved=True)


def show_what_pays(workspace: Workspace, at: datetime) -> None:
    """Set these thresholds for the bundle under review; who asks for them again as more is known keeps to what pays.

    Raises NotReadyError without any pre-labelling.
    """
    with workspace.database.read() as tx:
        known = evidence(tx, required_showing(tx).bundle_id)
        classes = [category.id for category in categories.list_all(tx)]
        scores = what_pays(known, classes, cheapest_costs(tx))
    set_thresholds(workspace, scores, at, are_what_pays=True)


def _saving(item: Measured, costs: Costs) -> _Saving:
    seconds = -costs.reject_s
    if item.iou >= GOOD_IOU:
        seconds = costs.draw_s - costs.accept_s
    elif item.iou >= FOUND_IOU:
        seconds = costs.draw_s - costs.fix_s
    return _Saving(item.score, item.image_id, seconds)


def _surest_saving(savings: Sequence[_Saving], costs: Costs, *, is_proved: bool = False) -> float:
    """The score of the largest sure saving, half-way to the next one; HIDDEN when none is above nought.

    Where something else `is_proved` to pay from there, luck takes nothing off.
    """
    ranked = sorted(savings, key=lambda s: -s.score)
    num_images = len({s.image_id for s in ranked})
    by_image: dict[int, float] = {}
    best, chosen = 0.0, HIDDEN
    total = alone = together = 0.0  # the sum; of squares of proposals, and of images
    step = max(1, sum(item.seconds > 0.0 for item in ranked) // _STEPS)
    num_paying = 0
    for place, item in enumerate(ranked, start=1):
        before = by_image.get(item.image_id, 0.0)
        by_image[item.image_id] = before + item.seconds
        total += item.seconds
        alone += item.seconds**2
        together += (before + item.seconds) ** 2 - before**2
        num_paying += item.seconds > 0.0
        below = ranked[place].score if place < len(ranked) else 0.0
        if item.seconds > 0.0 and num_paying % step == 0 and below < item.score:
            luck = _VERDICTS_FOR_LUCK * costs.reject_s
            luck += SURENESS * _scatter(total, alone, together, num_images)
            sure = total if is_proved else total - luck
            if sure > best:
                best, chosen = sure, (item.score + below) / 2
    return chosen


def _scatter(total: float, alone: float, together: float, num_images: int) -> float:
    """By how much the sum may be luck: proposals fail one by one, and those of an image together."""
    if num_images < 2:
        return math.inf
    between = (together - total**2 / num_images) * num_images / (num_images - 1)
    return math.sqrt(max(alone, between))
