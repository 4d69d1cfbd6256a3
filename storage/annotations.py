"""Human labels. Every change writes its event in the same transaction: nothing is lost silently."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import func, insert, select

from storage import changes, records
from storage.database import Transaction
from storage.errors import ConflictError, InvalidBoxError, NotFoundError
from storage.history_types import ChangeKind
from storage.models import (
    AnnotationEventRow,
    AnnotationRow,
    CategoryRow,
    ImageRow,
    PredictionRow,
)
from storage.types import Annotation, AnnotationEvent, Box, Origin

_SLACK_PX = 1.0  # how far rounding in other tools may push a box over the border
_SMALLEST_PX = 1.0
_CHUNK = 500  # SQLite limits the number of variables in a statement


def for_image(tx: Transaction, image_id: int) -> list[Annotation]:
    return for_images(tx, [image_id])[image_id]


def for_images(tx: Transaction, image_ids: Sequence[int]) -> dict[int, list[Annotation]]:
    """Boxes by image, oldest first; an image without any has an empty list."""
    found: dict[int, list[Annotation]] = {image_id: [] for image_id in image_ids}
    for start in range(0, len(image_ids), _CHUNK):
        chunk = image_ids[start : start + _CHUNK]
        rows = tx.scalars(
            select(AnnotationRow)
            .where(AnnotationRow.image_id.in_(chunk))
            .order_by(AnnotationRow.id)
        )
        for row in rows:
            found[row.image_id].append(records.annotation(row))
    return found


def of_category(
    tx: Transaction, category_id: int, *, after_id: int = 0, limit: int = 100
) -> list[Annotation]:
    """A page of the boxes of a class, by id."""
    query = (
        select(AnnotationRow)
        .where(AnnotationRow.category_id == category_id, AnnotationRow.id > after_id)
        .order_by(AnnotationRow.id)
        .limit(limit)
    )
    return [records.annotation(row) for row in tx.scalars(query)]


def find(tx: Transaction, uid: str) -> Annotation | None:
    row = tx.scalars(select(AnnotationRow).filter_by(uid=uid)).first()
    return None if row is None else records.annotation(row)


def with_uids(tx: Transaction, uids: Sequence[str]) -> dict[str, Annotation]:
    """The boxes of these uids that exist, by uid."""
    found: dict[str, Annotation] = {}
    for start in range(0, len(uids), _CHUNK):
        chunk = uids[start : start + _CHUNK]
        for row in tx.scalars(select(AnnotationRow).where(AnnotationRow.uid.in_(chunk))):
            found[row.uid] = records.annotation(row)
    return found


def counts_by_category(tx: Transaction) -> dict[int, int]:
    """Number of human boxes per class id."""
    rows = tx.execute(
        select(AnnotationRow.category_id, func.count()).group_by(AnnotationRow.category_id)
    )
    return {key: number for key, number in rows}  # noqa: C416  a Row is no tuple to the type checker


def create(
    tx: Transaction,
    *,
    uid: str,
    image_id: int,
    box: Box,
    category_id: int,
    origin: Origin,
    author: str,
    at: datetime,
    prediction_id: int | None = None,
) -> Annotation:
    """Add a box. The same uid again with the same content is a repeated message, not an error.

    Raises InvalidBoxError, NotFoundError (image, class), ConflictError (uid used by another box).
    """
    box = checked_box(box, _size_wh(tx, image_id))
    _require_category(tx, category_id)
    existing = find(tx, uid)
    if existing is not None:
        return _same_or_conflict(existing, image_id, box, category_id)
    row = AnnotationRow(
        id=_id_used_before(tx, uid),
        uid=uid,
        image_id=image_id,
        category_id=category_id,
        origin=origin.value,
        prediction_id=prediction_id,
        author=author,
        revision=1,
        created_at=at,
        updated_at=at,
        **_corners(box),
    )
    tx.add(row)
    tx.flush()
    made = records.annotation(row)
    _log(tx, "create", before=None, after=made, author=author, at=at)
    return made


def create_many(
    tx: Transaction,
    new: Iterable[Mapping[str, Any]],
    *,
    author: str,
    at: datetime,
    source: str | None = None,
) -> int:
    """Add checked boxes in bulk: mappings with uid, image_id, category_id, origin, box, and id
    where a deleted box is to get its old id back. `source` is where they come from, for the history."""
    with changes.recorded(tx, ChangeKind.ADD, "", author=author, at=at) as deed:
        number = _create_many(tx, new, author=author, at=at)
        deed.text = f"Added {number} boxes" + (f" of '{source}'" if source else "")
    return number


def _create_many(
    tx: Transaction, new: Iterable[Mapping[str, Any]], *, author: str, at: datetime
) -> int:
    number = 0
    remaining = iter(new)
    while chunk := list(islice(remaining, 2_000)):
        rows = [
            {
                **{key: item[key] for key in ("uid", "image_id", "category_id")},
                **_corners(item["box"]),
                "origin": Origin(item["origin"]).value,
                "prediction_id": None,
                "author": author,
                "revision": 1,
                "created_at": at,
                "updated_at": at,
            }
            for item in chunk
        ]
        made = tx.scalars(insert(AnnotationRow).returning(AnnotationRow), rows).all()
        tx.execute(
            insert(AnnotationEventRow),
            [_event("create", None, records.annotation(row), author, at) for row in made],
        )
        number += len(made)
    return number


def update(
    tx: Transaction,
    uid: str,
    *,
    author: str,
    at: datetime,
    box: Box | None = None,
    category_id: int | None = None,
    expected_revision: int | None = None,
) -> Annotation:
    """Move a box or change its class.

    An accepted box that is moved counts as corrected, and as accepted again when moved back.
    Raises ConflictError when its revision is not the expected one.
    """
    row = _row(tx, uid)
    before = records.annotation(row)
    if expected_revision is not None and expected_revision != row.revision:
        raise ConflictError(
            f"Box {uid} was changed elsewhere: revision {row.revision} is stored, the change was "
            f"made on revision {expected_revision}. Load the image again."
        )
    if box is not None:
        for name, value in _corners(checked_box(box, _size_wh(tx, row.image_id))).items():
            setattr(row, name, value)
    if category_id is not None:
        _require_category(tx, category_id)
        row.category_id = category_id
    row.origin = _origin_after_edit(tx, row)
    row.revision += 1
    row.author = author
    row.updated_at = at
    tx.flush()
    after = records.annotation(row)
    _log(tx, "update", before=before, after=after, author=author, at=at)
    return after


def delete(tx: Transaction, uid: str, *, author: str, at: datetime) -> Annotation:
    """Remove a box; the event log keeps all of it, and `restore` brings it back."""
    row = _row(tx, uid)
    before = records.annotation(row)
    tx.delete(row)
    tx.flush()
    _log(tx, "delete", before=before, after=None, author=author, at=at)
    return before


def restore(tx: Transaction, uid: str, *, author: str, at: datetime) -> Annotation:
    """Bring a deleted box back as it was, with its old id."""
    last = tx.scalars(
        select(AnnotationEventRow)
        .filter_by(annotation_uid=uid, action="delete")
        .order_by(AnnotationEventRow.id.desc())
    ).first()
    if last is None or last.before is None or find(tx, uid) is not None:
        raise NotFoundError(f"There is no deleted box {uid} to restore.")
    old = last.before
    if tx.get(CategoryRow, old["category_id"]) is None:
        raise ConflictError(
            f"Box {uid} cannot be restored: its class was merged or removed since. "
            "Draw it again in the class that it belongs to now."
        )
    row = AnnotationRow(
        **{key: value for key, value in old.items() if key not in ("box", "created_at")},
        **_corners(tuple(old["box"])),
        created_at=datetime.fromisoformat(old["created_at"]),
        updated_at=at,
    )
    row.revision = old["revision"] + 1
    tx.add(row)
    tx.flush()
    made = records.annotation(row)
    _log(tx, "restore", before=None, after=made, author=author, at=at)
    return made


def events(
    tx: Transaction, *, image_id: int | None = None, after_id: int = 0
) -> list[AnnotationEvent]:
    """The history, oldest first."""
    query = select(AnnotationEventRow).where(AnnotationEventRow.id > after_id)
    if image_id is not None:
        query = query.filter_by(image_id=image_id)
    return [records.annotation_event(row) for row in tx.scalars(query.order_by("id"))]


def history_of(tx: Transaction, uid: str) -> list[AnnotationEvent]:
    """Everything that ever happened to one box, oldest first."""
    query = select(AnnotationEventRow).filter_by(annotation_uid=uid).order_by("id")
    return [records.annotation_event(row) for row in tx.scalars(query)]


def checked_box(box: Box, size_wh: tuple[int, int]) -> Box:
    """The box to a thousandth of a pixel, clamped to the image if at most a pixel of rounding was
    over; else InvalidBoxError."""
    x1, y1, x2, y2 = (round(float(value), 3) for value in box)
    width, height = size_wh
    if not all(math.isfinite(value) for value in (x1, y1, x2, y2)):
        raise InvalidBoxError(f"A box needs four finite numbers x1, y1, x2, y2; found {box}.")
    if min(x1, y1) < -_SLACK_PX or x2 > width + _SLACK_PX or y2 > height + _SLACK_PX:
        raise InvalidBoxError(
            f"The box {_short(box)} reaches outside its image of {width}x{height} pixels."
        )
    kept = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
    if min(round(kept[2] - kept[0], 3), round(kept[3] - kept[1], 3)) < _SMALLEST_PX:
        raise InvalidBoxError(
            f"The box {_short(box)} is empty: it must be at least {_SMALLEST_PX:g} pixel wide and "
            "high, with x2 > x1 and y2 > y1."
        )
    return kept


def _short(box: Box) -> str:
    return "[" + ", ".join(f"{value:g}" for value in box) + "]"


def _corners(box: Box) -> dict[str, float]:
    return dict(zip(("x1", "y1", "x2", "y2"), box, strict=True))


def _size_wh(tx: Transaction, image_id: int) -> tuple[int, int]:
    found = tx.execute(select(ImageRow.width, ImageRow.height).filter_by(id=image_id)).first()
    if found is None:
        raise NotFoundError(f"There is no image with id {image_id}.")
    return (found.width, found.height)


def _require_category(tx: Transaction, category_id: int) -> None:
    if tx.get(CategoryRow, category_id) is None:
        raise NotFoundError(f"There is no class with id {category_id}.")


def _row(tx: Transaction, uid: str) -> AnnotationRow:
    row = tx.scalars(select(AnnotationRow).filter_by(uid=uid)).first()
    if row is None:
        raise NotFoundError(f"There is no box {uid}; it may have been deleted elsewhere.")
    return row


def _origin_after_edit(tx: Transaction, row: AnnotationRow) -> str:
    taken_over = (Origin.ACCEPTED.value, Origin.CORRECTED.value)
    if row.prediction_id is None or row.origin not in taken_over:
        return row.origin
    proposal = tx.get(PredictionRow, row.prediction_id)
    is_as_proposed = proposal is not None and (
        (row.x1, row.y1, row.x2, row.y2, row.category_id)
        == (proposal.x1, proposal.y1, proposal.x2, proposal.y2, proposal.category_id)
    )
    return (Origin.ACCEPTED if is_as_proposed else Origin.CORRECTED).value


def _id_used_before(tx: Transaction, uid: str) -> int | None:
    """The id that a deleted box of this uid had, so that undo gives the very same box back."""
    last = tx.scalars(
        select(AnnotationEventRow)
        .filter_by(annotation_uid=uid, action="delete")
        .order_by(AnnotationEventRow.id.desc())
    ).first()
    return None if last is None or last.before is None else int(last.before["id"])


def _same_or_conflict(
    existing: Annotation, image_id: int, box: Box, category_id: int
) -> Annotation:
    if (existing.image_id, existing.box, existing.category_id) == (image_id, box, category_id):
        return existing
    if existing.image_id == image_id and existing.revision > 1:
        return existing  # a late repeat of the creation of a box that has moved on since
    raise ConflictError(f"Box {existing.uid} exists already with another content.")


def _log(
    tx: Transaction,
    action: str,
    *,
    before: Annotation | None,
    after: Annotation | None,
    author: str,
    at: datetime,
) -> None:
    tx.execute(insert(AnnotationEventRow), [_event(action, before, after, author, at)])


def _event(
    action: str, before: Annotation | None, after: Annotation | None, author: str, at: datetime
) -> dict[str, Any]:
    subject = after or before
    assert subject is not None
    return {
        "at": at,
        "author": author,
        "image_id": subject.image_id,
        "annotation_uid": subject.uid,
        "action": action,
        "before": _state(before),
        "after": _state(after),
    }


def _state(annotation: Annotation | None) -> dict[str, Any] | None:
    if annotation is None:
        return None
    return {
        "id": annotation.id,
        "uid": annotation.uid,
        "image_id": annotation.image_id,
        "box": list(annotation.box),
        "category_id": annotation.category_id,
        "origin": annotation.origin.value,
        "prediction_id": annotation.prediction_id,
        "author": annotation.author,
        "revision": annotation.revision,
        "created_at": annotation.created_at.isoformat(),
    }
