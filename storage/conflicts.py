"""Boxes that were changed in two places at once: both versions are kept until a person decides."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from storage import annotations, predictions, records
from storage.database import Transaction
from storage.errors import ConflictError, NotFoundError
from storage.models import CategoryRow, ConflictRow
from storage.types import Annotation, Box, Conflict, ConflictChoice, Origin, Verdict

Version = tuple[Box, int]  # where a box is, and its class


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
    _carry_out(tx, records.conflict(row), choice, author=author, at=at)
    row.settled_at, row.choice = at, choice.value
    tx.flush()
    return records.conflict(row)


def _carry_out(
    tx: Transaction, conflict: Conflict, choice: ConflictChoice, *, author: str, at: datetime
) -> None:
    uid, here = conflict.annotation_uid, annotations.find(tx, conflict.annotation_uid)
    ours = None if here is None else (here.box, here.category_id)
    theirs = None if conflict.theirs is None else _version(conflict.theirs)
    if choice is ConflictChoice.BOTH and ours is not None and theirs is not None:
        annotations.create(
            tx,
            uid=uuid4().hex,
            image_id=conflict.image_id,
            box=theirs[0],
            category_id=theirs[1],
            origin=Origin.DRAWN,
            author=author,
            at=at,
        )
        return
    if choice is ConflictChoice.HERE:
        # The other version happens and is taken back, so that the history has it. Where a class of
        # the two is gone since, the history cannot go through it: then the conflict alone keeps it.
        if theirs is not None and not _are_classes_there(tx, uid, theirs):
            return
        _become(tx, uid, theirs, author=f"{author} ({conflict.source})", at=at)
        _become(tx, uid, ours, author=author, at=at)
    elif choice is ConflictChoice.THEIRS or ours is None:
        _become(tx, uid, theirs, author=author, at=at)


def _version(theirs: Mapping[str, Any]) -> Version:
    x1, y1, x2, y2 = theirs["box"]
    return (x1, y1, x2, y2), int(theirs["category_id"])


def _are_classes_there(tx: Transaction, uid: str, theirs: Version) -> bool:
    last = annotations.history_of(tx, uid)[-1]
    wanted = {
        theirs[1],
        *(state["category_id"] for state in (last.before, last.after) if state is not None),
    }
    return all(tx.get(CategoryRow, category_id) is not None for category_id in wanted)


def _become(
    tx: Transaction, uid: str, version: Version | None, *, author: str, at: datetime
) -> None:
    """Bring a box to a version, or delete it; the proposal that it came from is judged alike."""
    found = annotations.find(tx, uid)
    if version is None:
        if found is not None:
            annotations.delete(tx, uid, author=author, at=at)
            _judge(tx, found, Verdict.REJECTED, at)
        return
    if found is None:
        annotations.restore(tx, uid, author=author, at=at)
    box, category_id = version
    now = annotations.update(tx, uid, author=author, at=at, box=box, category_id=category_id)
    is_as_proposed = now.origin is Origin.ACCEPTED
    _judge(tx, now, Verdict.ACCEPTED if is_as_proposed else Verdict.CORRECTED, at)


def _judge(tx: Transaction, box: Annotation, verdict: Verdict, at: datetime) -> None:
    if box.prediction_id is not None:
        predictions.judge(tx, box.prediction_id, verdict, at)
