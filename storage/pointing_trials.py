"""Clicks that were tried in thought: what they would have given on finished images."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.dialects.sqlite import insert

from storage.database import Transaction
from storage.models import ImageRow, PointingTrialRow


class ImageTrial(NamedTuple):
    """Of the objects of one image that were tried: whose box would have been right, or nearly; `again` of the rest."""

    num_objects: int = 0
    num_right: int = 0
    num_near: int = 0
    num_right_again: int = 0
    num_near_again: int = 0


def put(tx: Transaction, image_id: int, trial: ImageTrial, at: datetime) -> None:
    """In place of what was tried on this image before."""
    values = {"at": at, **trial._asdict()}
    statement = insert(PointingTrialRow).values(image_id=image_id, **values)
    tx.execute(statement.on_conflict_do_update(index_elements=["image_id"], set_=values))


def untried(tx: Transaction, *, limit: int) -> list[int]:
    """Of the `limit` images that were finished last, those not tried since then, the oldest first."""
    newest = (
        select(ImageRow.id, ImageRow.reviewed_at)
        .where(ImageRow.reviewed_at.is_not(None), ImageRow.missing_at.is_(None))
        .order_by(ImageRow.reviewed_at.desc(), ImageRow.id)
        .limit(limit)
        .subquery()
    )
    statement = (
        select(newest.c.id)
        .outerjoin(PointingTrialRow, PointingTrialRow.image_id == newest.c.id)
        .where(or_(PointingTrialRow.at.is_(None), PointingTrialRow.at < newest.c.reviewed_at))
        .order_by(newest.c.reviewed_at, newest.c.id)
    )
    return list(tx.scalars(statement))


def newest(tx: Transaction, *, limit: int) -> list[ImageTrial]:
    """Of the images on which an object was tried, the last first."""
    row = PointingTrialRow
    statement = (
        select(
            row.num_objects, row.num_right, row.num_near, row.num_right_again, row.num_near_again
        )
        .where(row.num_objects > 0)
        .order_by(row.at.desc(), row.image_id)
        .limit(limit)
    )
    return [ImageTrial(*found) for found in tx.execute(statement)]
