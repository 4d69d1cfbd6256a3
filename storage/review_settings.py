"""How a person wants to review: the order of the queue, and thresholds other than a bundle's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from storage.database import Transaction
from storage.models import ClassThresholdRow, ReviewSettingRow, SurestThresholdRow

_ONLY = 1


@dataclass(frozen=True, slots=True)
class ReviewSetting:
    """`queue_order` as the app names it. `like_prediction_id`: the proposal to look for, None: the last rejected.

    `keeps_to_what_pays`: thresholds are those that pay, chosen anew as more is known, until a person sets one.
    """

    queue_order: str | None = None
    category_id: int | None = None
    like_prediction_id: int | None = None
    seed: int = 0
    merges_duplicates: bool = True
    keeps_to_what_pays: bool = False


def get(tx: Transaction) -> ReviewSetting:
    row = tx.get(ReviewSettingRow, _ONLY)
    if row is None:
        return ReviewSetting()
    return ReviewSetting(
        row.queue_order,
        row.category_id,
        row.like_prediction_id,
        row.seed,
        row.merges_duplicates,
        row.keeps_to_what_pays,
    )


def put(tx: Transaction, setting: ReviewSetting) -> None:
    tx.merge(
        ReviewSettingRow(
            id=_ONLY,
            queue_order=setting.queue_order or "",
            category_id=setting.category_id,
            like_prediction_id=setting.like_prediction_id,
            seed=setting.seed,
            merges_duplicates=setting.merges_duplicates,
            keeps_to_what_pays=setting.keeps_to_what_pays,
        )
    )
    tx.flush()


def thresholds(tx: Transaction, bundle_id: int) -> dict[int, float]:
    """What people have set for the bundle, by class id."""
    rows = tx.scalars(select(ClassThresholdRow).filter_by(bundle_id=bundle_id))
    return {row.category_id: row.score for row in rows}


def set_threshold(
    tx: Transaction, *, bundle_id: int, category_id: int, score: float, at: datetime
) -> None:
    values = {"score": score, "set_at": at}
    statement = insert(ClassThresholdRow).values(
        bundle_id=bundle_id, category_id=category_id, **values
    )
    keys = ["bundle_id", "category_id"]
    tx.execute(statement.on_conflict_do_update(index_elements=keys, set_=values))


def surest_threshold(tx: Transaction, bundle_id: int) -> float | None:
    """From which score the surest proposal of an image is shown; None: from that of its class."""
    row = tx.get(SurestThresholdRow, bundle_id)
    return None if row is None else row.score


def set_surest_threshold(
    tx: Transaction, *, bundle_id: int, score: float | None, at: datetime
) -> None:
    """None: from the threshold of its class, as any other."""
    if score is None:
        tx.execute(delete(SurestThresholdRow).where(SurestThresholdRow.bundle_id == bundle_id))
        return
    values = {"score": score, "set_at": at}
    statement = insert(SurestThresholdRow).values(bundle_id=bundle_id, **values)
    tx.execute(statement.on_conflict_do_update(index_elements=["bundle_id"], set_=values))


def reset_threshold(tx: Transaction, *, bundle_id: int, category_id: int) -> None:
    """Go back to the bundle's own threshold for this class."""
    tx.execute(
        delete(ClassThresholdRow)
        .where(ClassThresholdRow.bundle_id == bundle_id)
        .where(ClassThresholdRow.category_id == category_id)
    )
