"""Boxes that were changed in two places at once: both versions are kept until a person decides."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from storage import annotations, records
from storage.database import Transaction
from storage.errors import ConflictError, NotFoundError
from storage.models import ConflictRow
from storage.types import Box, Conflict, ConflictChoice, Origin


def note(
    tx: Transaction,
    *,
    source: str,
    image_id: int,
    annotation_uid: str,
    theirs: Mapping[str, Any] | None,
    at: datetime,
) -> Conflict:
    """Keep the other version. A newer one of the same box takes the place of an undecided one."""
    row = tx.scalars(
        select(ConflictRow).filter_by(annotation_uid=annotation_uid, settled_at=None)
    ).first()
    if row is None:
        row = ConflictRow(source=source, image_id=image_id, annotation_uid=annotation_uid)
        tx.add(row)
    row.at, row.theirs = at, None if theirs is None else dict(theirs)
    tx.flush()
    return records.conflict(row)


def list_open(tx: Transaction) -> list[Conflict]:
    """What waits for a decision, oldest first."""
    rows = tx.scalars(select(ConflictRow).filter_by(settled_at=None).order_by(ConflictRow.id))
    return [records.conflict(row) for row in rows]


def settle(
    tx: Transaction, conflict_id: int, choice: ConflictChoice, *, author: str, at: datetime
) -> Conflict:
    """Carry out what a person decided. Raises NotFoundError, ConflictError when it is decided."""
    row = tx.get(ConflictRow, conflict_id)
    if row is None:
        raise NotFoundError(f"There is no conflict {conflict_id}.")
    if row.settled_at is not None:
        raise ConflictError(f"Conflict {conflict_id} was decided before: '{row.choice}'.")
    if choice is not ConflictChoice.HERE:
        _take(tx, records.conflict(row), choice, author=author, at=at)
    row.settled_at, row.choice = at, choice.value
    tx.flush()
    return records.conflict(row)


def _take(
    tx: Transaction, conflict: Conflict, choice: ConflictChoice, *, author: str, at: datetime
) -> None:
    uid, theirs = conflict.annotation_uid, conflict.theirs
    here = annotations.find(tx, uid)
    if theirs is None:  # deleted there: to keep both is to keep ours
        if choice is ConflictChoice.THEIRS and here is not None:
            annotations.delete(tx, uid, author=author, at=at)
        return
    box: Box = (theirs["box"][0], theirs["box"][1], theirs["box"][2], theirs["box"][3])
    category_id = int(theirs["category_id"])
    if here is not None and choice is ConflictChoice.BOTH:
        annotations.create(
            tx,
            uid=uuid4().hex,
            image_id=conflict.image_id,
            box=box,
            category_id=category_id,
            origin=Origin.DRAWN,
            author=author,
            at=at,
        )
        return
    if here is None:
        annotations.restore(tx, uid, author=author, at=at)
    annotations.update(tx, uid, author=author, at=at, box=box, category_id=category_id)
