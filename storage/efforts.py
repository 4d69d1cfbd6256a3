"""The seconds that people spent, action by action, as their browser measured them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.sqlite import insert

from storage.database import Transaction
from storage.models import EffortRow, PredictionRunRow

DONE = "done"


@dataclass(frozen=True, slots=True)
class Effort:
    """Active seconds up to an action. `uid` makes a repeated message harmless; `num_boxes` it settled.

    `has_help`: the image had been pre-labelled by then.
    """

    uid: str
    at: datetime
    author: str
    image_id: int
    action: str
    seconds: float
    num_boxes: int
    has_help: bool


@dataclass(frozen=True, slots=True)
class EffortSum:
    """All that was spent with or without help: seconds, boxes settled, images finished."""

    seconds: float = 0.0
    num_boxes: int = 0
    num_images: int = 0


def add(tx: Transaction, efforts: Sequence[Effort]) -> None:
    """Keep them; what is there already stays as it is."""
    if efforts:
        rows = [asdict(effort) for effort in efforts]
        tx.execute(insert(EffortRow).on_conflict_do_nothing(index_elements=["uid"]), rows)


def with_proposals(tx: Transaction, image_ids: Sequence[int], bundle_id: int | None) -> set[int]:
    """Those of the images on which the bundle has been run."""
    statement = select(PredictionRunRow.image_id).where(PredictionRunRow.image_id.in_(image_ids))
    return set(tx.scalars(statement.where(PredictionRunRow.bundle_id == bundle_id)))


def sums(tx: Transaction) -> dict[bool, EffortSum]:
    """By whether there was help."""
    statement = select(
        EffortRow.has_help,
        func.sum(EffortRow.seconds),
        func.sum(EffortRow.num_boxes),
        func.count(EffortRow.image_id.distinct()).filter(EffortRow.action == DONE),
    ).group_by(EffortRow.has_help)
    found = {bool(help_): EffortSum(s, n, images) for help_, s, n, images in tx.execute(statement)}
    return {has_help: found.get(has_help, EffortSum()) for has_help in (False, True)}


def medians(tx: Transaction) -> dict[str, tuple[float, int]]:
    """The median seconds of each action on one box, and how often it was timed."""
    statement = (
        select(EffortRow.action, EffortRow.seconds)
        .where(EffortRow.num_boxes <= 1)
        .order_by(EffortRow.action, EffortRow.seconds)
    )
    by_action: dict[str, list[float]] = {}
    for action, seconds in tx.execute(statement):
        by_action.setdefault(action, []).append(seconds)
    return {action: (found[len(found) // 2], len(found)) for action, found in by_action.items()}
