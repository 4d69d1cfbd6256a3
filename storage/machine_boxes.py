"""Throwing away what a machine made and no person touched: the boxes of one bundle, undoable."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from storage import box_moves, bundles, changed_rows, changes
from storage.changed_rows import Part
from storage.database import Transaction
from storage.history_types import ChangeKind, MachineBoxes, RestoreReport
from storage.restoring import take_done_marks

# Taken over as proposed. What a person drew, imported, moved or gave another class is theirs.
_UNTOUCHED = (
    "a.origin = 'accepted' AND a.prediction_id IN "
    "(SELECT id FROM prediction WHERE bundle_id = :bundle_id)"
)


def count(tx: Transaction, bundle_id: int) -> MachineBoxes:
    """What `remove` would throw away. Raises NotFoundError."""
    bundles.get(tx, bundle_id)
    values = {"bundle_id": bundle_id}
    pending = "FROM prediction WHERE bundle_id = :bundle_id AND verdict = 'pending'"
    accepted = f"FROM annotation a WHERE {_UNTOUCHED}"
    images = f"SELECT image_id {pending} UNION SELECT image_id {accepted}"
    return MachineBoxes(
        bundle_id=bundle_id,
        pending=int(tx.scalar(text(f"SELECT count(*) {pending}"), values) or 0),
        accepted=int(tx.scalar(text(f"SELECT count(*) {accepted}"), values) or 0),
        num_images=int(tx.scalar(text(f"SELECT count(*) FROM ({images})"), values) or 0),
    )


def remove(
    tx: Transaction, bundle_id: int, *, with_accepted: bool, author: str, at: datetime
) -> tuple[MachineBoxes, RestoreReport]:
    """Throw away the bundle's proposals that nobody judged and, if wanted, the boxes that were accepted from
    it as they were. Verdicts that say no stay, so that what was rejected does not come back."""
    found = count(tx, bundle_id)
    name = bundles.get(tx, bundle_id).name
    gone = f"{found.pending} waiting proposals"
    if with_accepted:
        gone += f" and {found.accepted} accepted boxes"
    title = f"Deleted {gone} of {name}"
    marks = 0
    with changes.recorded(tx, ChangeKind.REMOVE_MACHINE, title, author=author, at=at) as draft:
        draft.details = {"bundle": bundle_id}
        where = "t.bundle_id = :bundle_id AND t.verdict = 'pending'"
        _remove_proposals(tx, draft.id, where, bundle_id=bundle_id)
        if with_accepted:
            box_moves.begin(tx)
            box_moves.want_gone(tx, _UNTOUCHED, bundle_id=bundle_id)
            box_moves.carry_out(tx, author=author, at=at)
            of_gone = (
                "t.id IN (SELECT json_extract(\"before\", '$.prediction_id') "
                "FROM annotation_event WHERE id > :first)"
            )
            _remove_proposals(tx, draft.id, of_gone, first=draft.first_event_id)
            marks = take_done_marks(tx, draft)
    removed = found.accepted if with_accepted else 0
    report = RestoreReport(
        draft.id if draft.is_kept else None,
        removed=removed,
        num_images=found.num_images,
        undone_marks=marks,
    )
    return found, report


def _remove_proposals(tx: Transaction, change_id: int, where: str, **values: object) -> None:
    changed_rows.remember(tx, change_id, Part.PROPOSAL, where, **values)
    tx.execute(text(f"DELETE FROM prediction AS t WHERE {where}"), values)
    tx.expire_all()
