"""Image files under the data folder: one row each, and a list of those that cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, select, update
from sqlalchemy.dialects.sqlite import insert

from storage import records
from storage.database import Transaction
from storage.errors import ConflictError, NotFoundError
from storage.models import (
    AnnotationRow,
    ImageNoteRow,
    ImageProblemRow,
    ImageRow,
    PredictionRow,
    ProjectRow,
    SuggestionRow,
)
from storage.types import Image, ImageFilter, ImageProblem, Verdict

_CHUNK = 500  # SQLite limits the number of variables in a statement


def add(
    tx: Transaction,
    *,
    relative_path: str,
    sha256: str,
    width: int,
    height: int,
    size_bytes: int,
    mtime_ns: int,
    at: datetime,
    exif_orientation: int = 1,
) -> Image:
    """Register a file. Width and height are those of the upright image, in pixels."""
    _refuse_taken(tx, relative_path)
    row = ImageRow(
        relative_path=relative_path,
        sha256=sha256,
        width=width,
        height=height,
        size_bytes=size_bytes,
        mtime_ns=mtime_ns,
        exif_orientation=exif_orientation,
        is_flagged=False,
        created_at=at,
    )
    tx.add(row)
    tx.flush()
    return records.image(row)


def get(tx: Transaction, image_id: int) -> Image:
    row = tx.get(ImageRow, image_id)
    if row is None:
        raise NotFoundError(f"There is no image with id {image_id}.")
    return records.image(row)


def get_many(tx: Transaction, image_ids: Sequence[int]) -> list[Image]:
    """The images in the order asked for; ids that do not exist are left out."""
    found: dict[int, Image] = {}
    for start in range(0, len(image_ids), _CHUNK):
        chunk = image_ids[start : start + _CHUNK]
        for row in tx.scalars(select(ImageRow).where(ImageRow.id.in_(chunk))):
            found[row.id] = records.image(row)
    return [found[image_id] for image_id in image_ids if image_id in found]


def by_path(tx: Transaction, relative_path: str) -> Image | None:
    row = tx.scalars(select(ImageRow).filter_by(relative_path=relative_path)).first()
    return None if row is None else records.image(row)


def list_page(
    tx: Transaction,
    *,
    state: ImageFilter = ImageFilter.ALL,
    limit: int = 100,
    offset: int = 0,
    query: str | None = None,
) -> list[Image]:
    """A page of images in order; `query` is text that the path must contain, whatever its case."""
    statement = select(ImageRow).where(*_conditions(state, query))
    statement = statement.order_by(*_order(state)).limit(limit).offset(offset)
    return [records.image(row) for row in tx.scalars(statement)]


def list_ids(
    tx: Transaction,
    *,
    state: ImageFilter = ImageFilter.ALL,
    query: str | None = None,
    also: Sequence[ColumnElement[bool]] = (),
) -> list[int]:
    """The ids of all images in that state in order: cheap enough to send for 100,000 of them.

    `also` narrows the list further. What is stored decides WITH_PROPOSALS here, what of it is shown
    in `image_search`.
    """
    statement = select(ImageRow.id).where(*_conditions(state, query), *also)
    return list(tx.scalars(statement.order_by(*_order(state))))


def list_all(tx: Transaction, *, state: ImageFilter = ImageFilter.ALL) -> list[Image]:
    return list_page(tx, state=state, limit=-1)


def count(
    tx: Transaction, state: ImageFilter = ImageFilter.ALL, *, query: str | None = None
) -> int:
    statement = select(func.count()).select_from(ImageRow).where(*_conditions(state, query))
    return tx.scalar(statement) or 0


def next_id(
    tx: Transaction, image_id: int | None, *, state: ImageFilter = ImageFilter.ALL
) -> int | None:
    """The image after `image_id` by path (the first for None) in that state; None at the end."""
    return _neighbour(tx, image_id, state, is_forward=True)


def previous_id(
    tx: Transaction, image_id: int | None, *, state: ImageFilter = ImageFilter.ALL
) -> int | None:
    """The image before `image_id` by path (the last for None) in that state; None at the start."""
    return _neighbour(tx, image_id, state, is_forward=False)


def mark_reviewed(tx: Transaction, image_id: int, at: datetime | None) -> None:
    _change(tx, image_id, reviewed_at=at)


def mark_skipped(tx: Transaction, image_id: int, at: datetime | None) -> None:
    _change(tx, image_id, skipped_at=at)


def set_flagged(tx: Transaction, image_id: int, flagged: bool) -> None:
    _change(tx, image_id, is_flagged=flagged)


def mark_missing(tx: Transaction, image_id: int, at: datetime | None) -> None:
    """The file has vanished (`at`) or is back (None). Its boxes stay either way."""
    _change(tx, image_id, missing_at=at)


def move(tx: Transaction, image_id: int, new_relative_path: str) -> Image:
    """The same file under another path: id, boxes and marks stay."""
    _refuse_taken(tx, new_relative_path, but_for=image_id)
    _change(tx, image_id, relative_path=new_relative_path)
    return get(tx, image_id)


def update_file(
    tx: Transaction,
    image_id: int,
    *,
    sha256: str,
    width: int,
    height: int,
    size_bytes: int,
    mtime_ns: int,
    exif_orientation: int = 1,
) -> Image:
    """The file's content has changed.

    Raises ConflictError, and changes nothing, when human boxes would lie outside the new size.
    """
    outside = tx.scalar(
        select(func.count())
        .select_from(AnnotationRow)
        .where(AnnotationRow.image_id == image_id)
        .where((AnnotationRow.x2 > width) | (AnnotationRow.y2 > height))
    )
    if outside:
        known = get(tx, image_id)
        raise ConflictError(
            f"'{known.relative_path}' was {known.width}x{known.height} and is now {width}x{height} "
            f"pixels: {outside} of its boxes would lie outside. Put the old file back, or delete "
            "these boxes first."
        )
    _change(
        tx,
        image_id,
        sha256=sha256,
        width=width,
        height=height,
        size_bytes=size_bytes,
        mtime_ns=mtime_ns,
        exif_orientation=exif_orientation,
    )
    return get(tx, image_id)


def replace_problem(
    tx: Transaction,
    relative_path: str,
    reason: str,
    at: datetime,
    *,
    size_bytes: int = 0,
    mtime_ns: int = 0,
) -> None:
    """Note why a file cannot be used; size and time let a later look skip it unchanged."""
    values = {"reason": reason, "found_at": at, "size_bytes": size_bytes, "mtime_ns": mtime_ns}
    statement = insert(ImageProblemRow).values(relative_path=relative_path, **values)
    tx.execute(statement.on_conflict_do_update(index_elements=["relative_path"], set_=values))


def clear_problem(tx: Transaction, relative_path: str) -> None:
    tx.execute(delete(ImageProblemRow).where(ImageProblemRow.relative_path == relative_path))


def list_problems(tx: Transaction) -> list[ImageProblem]:
    rows = tx.scalars(select(ImageProblemRow).order_by(ImageProblemRow.relative_path))
    return [records.problem(row) for row in rows]


def _conditions(state: ImageFilter, query: str | None = None) -> list[ColumnElement[bool]]:
    conditions = _of_state(state)
    if query:
        conditions.append(ImageRow.relative_path.icontains(query, autoescape=True))
    return conditions


def _order(state: ImageFilter) -> list[ColumnElement[Any]]:
    by_path: list[ColumnElement[Any]] = [ImageRow.relative_path.expression]
    if state is not ImageFilter.SUGGESTED:
        return by_path
    place = select(SuggestionRow.place).where(SuggestionRow.image_id == ImageRow.id)
    return [place.scalar_subquery(), *by_path]


def _of_state(state: ImageFilter) -> list[ColumnElement[bool]]:
    if state is ImageFilter.MISSING:
        return [ImageRow.missing_at.is_not(None)]
    is_labelled = exists().where(AnnotationRow.image_id == ImageRow.id)
    of_state: dict[ImageFilter, list[ColumnElement[bool]]] = {
        ImageFilter.ALL: [],
        ImageFilter.LABELLED: [is_labelled],
        ImageFilter.UNLABELLED: [~is_labelled, ImageRow.skipped_at.is_(None)],
        ImageFilter.REVIEWED: [ImageRow.reviewed_at.is_not(None)],
        ImageFilter.UNREVIEWED: [ImageRow.reviewed_at.is_(None)],
        ImageFilter.SKIPPED: [ImageRow.skipped_at.is_not(None)],
        ImageFilter.WITH_PROPOSALS: [
            _has_proposals(),
            ImageRow.reviewed_at.is_(None),
            ImageRow.skipped_at.is_(None),
        ],
        ImageFilter.SUGGESTED: [
            exists().where(SuggestionRow.image_id == ImageRow.id),
            ~is_labelled,
            ImageRow.reviewed_at.is_(None),
            ImageRow.skipped_at.is_(None),
        ],
        ImageFilter.FLAGGED: [ImageRow.is_flagged.is_(True)],
        ImageFilter.COMMENTED: [exists().where(ImageNoteRow.image_id == ImageRow.id)],
        ImageFilter.HAS_NONE: [~is_labelled, ImageRow.reviewed_at.is_not(None)],
    }
    return [ImageRow.missing_at.is_(None), *of_state[state]]


def _has_proposals() -> ColumnElement[bool]:
    shown_bundle = select(ProjectRow.prelabel_bundle_id).scalar_subquery()
    return exists().where(
        and_(
            PredictionRow.bundle_id == shown_bundle,
            PredictionRow.verdict == Verdict.PENDING.value,
            PredictionRow.image_id == ImageRow.id,
        )
    )


def _neighbour(
    tx: Transaction, image_id: int | None, state: ImageFilter, *, is_forward: bool
) -> int | None:
    path = ImageRow.relative_path
    statement = select(ImageRow.id).where(*_conditions(state)).limit(1)
    statement = statement.order_by(path if is_forward else path.desc())
    if image_id is not None:
        here = get(tx, image_id).relative_path
        statement = statement.where(path > here if is_forward else path < here)
    return tx.scalar(statement)


def _change(tx: Transaction, image_id: int, **values: object) -> None:
    done = tx.execute(
        update(ImageRow).where(ImageRow.id == image_id).values(**values).returning(ImageRow.id)
    )
    if done.first() is None:
        raise NotFoundError(f"There is no image with id {image_id}.")


def _refuse_taken(tx: Transaction, relative_path: str, *, but_for: int | None = None) -> None:
    taken = by_path(tx, relative_path)
    if taken is not None and taken.id != but_for:
        raise ConflictError(
            f"'{relative_path}' is registered already, as image {taken.id}; paths are unique."
        )
