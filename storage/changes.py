"""Deeds: what touched much at once is one line of the history, and can be undone as one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from storage import class_states
from storage.database import Transaction
from storage.errors import NotFoundError
from storage.history_types import Change, ChangeKind, Point
from storage.models import AnnotationEventRow, ChangedRowRow, ChangeRow


@dataclass(slots=True)
class Draft:
    """A deed while it is done. `text` and `details` may still be written; `is_kept` says at the end
    whether anything changed."""

    id: int
    text: str
    first_event_id: int
    details: dict[str, Any] = field(default_factory=dict)
    is_kept: bool = True


@contextmanager
def recorded(
    tx: Transaction,
    kind: ChangeKind,
    text: str,
    *,
    author: str,
    at: datetime,
    undoes: int | None = None,
) -> Iterator[Draft]:
    """Whatever the block does to boxes and classes is one deed. One that changed nothing leaves no trace."""
    classes = class_states.states(tx)
    start = last_event_id(tx)
    row = ChangeRow(
        at=at,
        author=author,
        kind=kind.value,
        text=text,
        first_event_id=start,
        last_event_id=start,
        undoes=undoes,
        details={},
        classes_before={},
        classes_after={},
    )
    tx.add(row)
    tx.flush()
    draft = Draft(row.id, text, start)
    yield draft
    row = tx.get_one(ChangeRow, draft.id)
    row.last_event_id = last_event_id(tx)
    # Counted once, here: the timeline would have to read every event of the deed for it.
    num_images = _num_images(tx, row.first_event_id)
    row.text, row.details = draft.text, {**draft.details, "num_images": num_images}
    row.classes_before, row.classes_after = class_states.differing(classes, class_states.states(tx))
    tx.flush()
    draft.is_kept = kind is ChangeKind.POINT or _did_anything(tx, row)
    if not draft.is_kept:
        tx.delete(row)
        tx.flush()


def name_point(tx: Transaction, text: str, *, author: str, at: datetime) -> Change:
    """Give the present moment a name, to find it again."""
    with recorded(tx, ChangeKind.POINT, text, author=author, at=at) as draft:
        pass
    return get(tx, draft.id)


def get(tx: Transaction, change_id: int) -> Change:
    return _record(row_of(tx, change_id), undone_ids(tx))


def row_of(tx: Transaction, change_id: int) -> ChangeRow:
    row = tx.get(ChangeRow, change_id)
    if row is None:
        raise NotFoundError(
            f"There is no deed {change_id} in the history; `history` lists those there are."
        )
    return row


def newest(tx: Transaction, *, limit: int, before_id: int | None = None) -> list[Change]:
    """Deeds, the newest first."""
    query = select(ChangeRow).order_by(ChangeRow.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(ChangeRow.id < before_id)
    undone = undone_ids(tx)
    return [_record(row, undone) for row in tx.scalars(query)]


def since(tx: Transaction, point: Point) -> list[ChangeRow]:
    """The deeds after a point, the newest first."""
    query = select(ChangeRow).where(ChangeRow.id > point.change_id).order_by(ChangeRow.id.desc())
    return list(tx.scalars(query))


def undone_ids(tx: Transaction) -> set[int]:
    """The deeds that were undone, and not redone since by undoing the undoing."""
    pairs = tx.execute(
        select(ChangeRow.id, ChangeRow.undoes)
        .where(ChangeRow.undoes.is_not(None))
        .order_by(ChangeRow.id.desc())
    )
    undone: set[int] = set()
    for change_id, undoes in pairs:
        if undoes is not None and change_id not in undone:
            undone.add(undoes)
    return undone


def now(tx: Transaction) -> Point:
    newest_id = tx.scalar(select(func.max(ChangeRow.id))) or 0
    return Point(last_event_id(tx), newest_id)


def point_at(tx: Transaction, at: datetime) -> Point:
    """The last moment up to `at`; the beginning of all when nothing is that old."""
    at = at.astimezone(UTC)
    event = select(func.max(AnnotationEventRow.id)).where(AnnotationEventRow.at <= at)
    change = select(func.max(ChangeRow.id)).where(ChangeRow.at <= at)
    return checked_point(tx, Point(tx.scalar(event) or 0, tx.scalar(change) or 0))


def time_of(tx: Transaction, point: Point) -> datetime | None:
    """When the point was: the time of the last thing before it; None at the start."""
    event = tx.get(AnnotationEventRow, point.event_id)
    change = tx.get(ChangeRow, point.change_id)
    return max((row.at for row in (event, change) if row is not None), default=None)


def parsed_point(tx: Transaction, text: str) -> Point:
    """A point as people write it: '1042.7', a name, 'now', 'start', or an ISO time (UTC if it says no zone).

    Raises NotFoundError with what can be written.
    """
    text = text.strip()
    if text in ("now", "start"):
        return now(tx) if text == "now" else Point(0, 0)
    event, dot, change = text.partition(".")
    if dot and event.isdecimal() and change.isdecimal() and len(text) < 30:
        return checked_point(tx, Point(int(event), int(change)))
    named = select(ChangeRow).filter_by(kind=ChangeKind.POINT.value, text=text)
    row = tx.scalars(named.order_by(ChangeRow.id.desc())).first()
    if row is not None:
        return Point(row.last_event_id, row.id)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise NotFoundError(
            f"'{text:.60}' is no point in the history. Write one as `history` lists it (1042.7), the "
            "name of a point, a time (2026-01-31T14:30), 'start' or 'now'."
        ) from None
    return point_at(tx, found if found.tzinfo is not None else found.replace(tzinfo=UTC))


def checked_point(tx: Transaction, point: Point, *, is_early: bool = False) -> Point:
    """The point itself, or, inside a deed, the moment after it (before it, if early): nobody saw half of one."""
    last = now(tx)
    if point.event_id > last.event_id or point.change_id > last.change_id:
        raise NotFoundError(f"The point {point} lies ahead of the history, which ends at {last}.")
    inside = select(ChangeRow).where(
        ChangeRow.first_event_id < point.event_id, ChangeRow.last_event_id > point.event_id
    )
    row = tx.scalars(inside).first()
    if row is not None and is_early:
        point = Point(row.first_event_id, min(point.change_id, row.id - 1))
    elif row is not None:
        point = Point(row.last_event_id, max(point.change_id, row.id))
    # A deed whose boxes are in the point is in it too, and one whose boxes are not is not.
    lowest = select(func.max(ChangeRow.id)).where(
        ChangeRow.last_event_id <= point.event_id,
        ChangeRow.last_event_id > ChangeRow.first_event_id,
    )
    highest = select(func.min(ChangeRow.id)).where(ChangeRow.last_event_id > point.event_id)
    change_id = max(point.change_id, tx.scalar(lowest) or 0)
    above = tx.scalar(highest)
    return Point(point.event_id, change_id if above is None else min(change_id, above - 1))


def last_event_id(tx: Transaction) -> int:
    return tx.scalar(select(func.max(AnnotationEventRow.id))) or 0


def _num_images(tx: Transaction, first_event_id: int) -> int:
    images = select(func.count(AnnotationEventRow.image_id.distinct()))
    return tx.scalar(images.where(AnnotationEventRow.id > first_event_id)) or 0


def _did_anything(tx: Transaction, row: ChangeRow) -> bool:
    rows = select(ChangedRowRow.row_id).filter_by(change_id=row.id).limit(1)
    has_boxes = row.last_event_id > row.first_event_id
    return has_boxes or bool(row.classes_before or row.classes_after) or tx.scalar(rows) is not None


def _record(row: ChangeRow, undone: set[int]) -> Change:
    kind = ChangeKind(row.kind)
    return Change(
        id=row.id,
        at=row.at,
        author=row.author,
        kind=kind,
        text=row.text,
        first_event_id=row.first_event_id,
        last_event_id=row.last_event_id,
        undoes=row.undoes,
        details=row.details,
        can_undo=kind is not ChangeKind.POINT and row.id not in undone,
    )
