"""Work on a whole class: merge, split, remove. Each is one deed that can be undone, and loses no box."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, text

from storage import box_moves, changed_rows, changes
from storage.categories import add, find, get, named
from storage.changed_rows import Part
from storage.database import Transaction
from storage.errors import ConflictError, InvalidNameError
from storage.history_types import ChangeKind, ClassUse
from storage.models import AnnotationRow, CategoryRow, PredictionRow
from storage.types import Category


def merge(tx: Transaction, source: str, into: str, *, author: str, at: datetime) -> Category:
    """Give every box and proposal of `source` to `into`, then remove `source`. One deed, undoable."""
    old, new = named(tx, source), named(tx, into)
    if old.id == new.id:
        raise InvalidNameError(f"'{source}' and '{into}' are the same class; nothing to merge.")
    title = f"Merged '{old.name}' into '{new.name}'"
    with changes.recorded(tx, ChangeKind.MERGE, title, author=author, at=at) as deed:
        deed.details = {"source": old.id, "into": new.id}
        box_moves.begin(tx)
        box_moves.want_class(tx, new.id, "a.category_id = :source", author=author, source=old.id)
        box_moves.carry_out(tx, author=author, at=at)
        ids = {"old": old.id, "new": new.id}
        of_old = "t.category_id = :old"
        changed_rows.remember(tx, deed.id, Part.PROPOSAL_CLASS, of_old, old=old.id)
        tx.execute(text("UPDATE prediction SET category_id = :new WHERE category_id = :old"), ids)
        waits = "t.settled_at IS NULL AND json_extract(t.theirs, '$.category_id') = :old"
        changed_rows.remember(tx, deed.id, Part.CONFLICT, waits, old=old.id)
        tx.execute(
            text(
                "UPDATE conflict AS t SET theirs = json_set(t.theirs, '$.category_id', :new) "
                f"WHERE {waits}"
            ),
            ids,
        )
        tx.expire_all()
        tx.delete(tx.get_one(CategoryRow, old.id))
        tx.flush()
    return get(tx, new.id)


def split(
    tx: Transaction, category_id: int, uids: Sequence[str], into: str, *, author: str, at: datetime
) -> Category:
    """Give these boxes of a class to another, which is made when there is none of that name.

    Raises ConflictError, with nothing changed, when some of the boxes are not of the class any more.
    """
    old = get(tx, category_id)
    title = f"Moved {len(set(uids))} boxes of '{old.name}' to '{into}'"
    with changes.recorded(tx, ChangeKind.SPLIT, title, author=author, at=at) as deed:
        new = find(tx, into) or add(tx, into)
        if new.id == old.id:
            raise InvalidNameError(f"The boxes are of '{old.name}' already; name another class.")
        deed.text = f"Moved {len(set(uids))} boxes of '{old.name}' to '{new.name}'"
        deed.details = {"source": old.id, "into_class": new.id}
        chosen = "a.category_id = :source AND a.uid IN (SELECT value FROM json_each(:uids))"
        values = {"source": old.id, "uids": json.dumps(list(uids))}
        box_moves.begin(tx)
        box_moves.want_class(tx, new.id, chosen, author=author, **values)
        # A person looked at each and chose its class: it is not as it was proposed any more.
        tx.execute(text("UPDATE wanted SET origin = 'corrected' WHERE origin = 'accepted'"))
        moved = box_moves.carry_out(tx, author=author, at=at)
        if moved != len(set(uids)):
            raise ConflictError(
                f"{len(set(uids)) - moved} of the {len(set(uids))} chosen boxes are not of the class "
                f"'{old.name}' any more. Load the boxes again and choose anew."
            )
    return new


def use_of(tx: Transaction, category_id: int) -> ClassUse:
    """What hangs on a class: what `remove` would take away."""
    get(tx, category_id)
    boxes = select(func.count(), func.count(AnnotationRow.image_id.distinct())).where(
        AnnotationRow.category_id == category_id
    )
    proposals = select(func.count()).select_from(PredictionRow)
    num_boxes, num_images = tx.execute(boxes).one()
    num_proposals = tx.scalar(proposals.where(PredictionRow.category_id == category_id)) or 0
    return ClassUse(num_boxes, num_images, num_proposals)


def remove(tx: Transaction, category_id: int, *, author: str, at: datetime) -> ClassUse:
    """Remove a class with its boxes and proposals. One deed, undoable: all of it comes back."""
    old, use = get(tx, category_id), use_of(tx, category_id)
    title = f"Removed the class '{old.name}' with {use.num_boxes} boxes"
    with changes.recorded(tx, ChangeKind.REMOVE_CLASS, title, author=author, at=at) as deed:
        box_moves.begin(tx)
        box_moves.want_gone(tx, "a.category_id = :id", id=category_id)
        box_moves.carry_out(tx, author=author, at=at)
        of_class = "t.category_id = :id"
        changed_rows.remember(tx, deed.id, Part.PROPOSAL, of_class, id=category_id)
        tx.execute(text("DELETE FROM prediction WHERE category_id = :id"), {"id": category_id})
        # A proposal of another class that was corrected into this one was wrong, and has no box now.
        wrong = (
            "t.id IN (SELECT json_extract(\"before\", '$.prediction_id') "
            "FROM annotation_event WHERE id > :first)"
        )
        changed_rows.remember(tx, deed.id, Part.VERDICT, wrong, first=deed.first_event_id)
        tx.execute(
            text(f"UPDATE prediction AS t SET verdict = 'rejected' WHERE {wrong}"),
            {"first": deed.first_event_id},
        )
        tx.expire_all()
        tx.delete(tx.get_one(CategoryRow, category_id))
        tx.flush()
    return use
