"""Comments on images: one text each, which the person at the canvas writes and everybody reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from storage import images
from storage.database import Transaction
from storage.errors import ConflictError, InvalidNameError
from storage.models import ImageNoteRow

LONGEST_NOTE = 2_000
_CHUNK = 500  # SQLite limits the number of variables in a statement


def find(tx: Transaction, image_id: int) -> str:
    """The comment on an image; empty when there is none."""
    row = tx.get(ImageNoteRow, image_id)
    return "" if row is None else row.text


def find_many(tx: Transaction, image_ids: Sequence[int]) -> dict[int, str]:
    """Comments by image id; images without one are left out."""
    found: dict[int, str] = {}
    for start in range(0, len(image_ids), _CHUNK):
        chunk = image_ids[start : start + _CHUNK]
        for row in tx.scalars(select(ImageNoteRow).where(ImageNoteRow.image_id.in_(chunk))):
            found[row.image_id] = row.text
    return found


def write(
    tx: Transaction,
    image_id: int,
    text: str,
    *,
    author: str,
    at: datetime,
    expected: str | None = None,
) -> None:
    """Replace the comment; an empty one takes it away. The same text again changes nothing.

    `expected` is the comment that the writer saw. Raises ConflictError when another is stored by
    now, and InvalidNameError when the text is too long.
    """
    image = images.get(tx, image_id)
    text = text.strip()
    if len(text) > LONGEST_NOTE:
        raise InvalidNameError(
            f"The comment '{text[:30]}…' has {len(text)} characters; {LONGEST_NOTE} is the most."
        )
    stored = find(tx, image_id)
    if text == stored:
        return
    if expected is not None and expected.strip() != stored:
        raise ConflictError(
            f"The comment on '{image.relative_path}' was changed elsewhere and is now "
            f"'{stored:.80}'. Load the image again."
        )
    _store(tx, image_id, text, author=author, at=at)


def _store(tx: Transaction, image_id: int, text: str, *, author: str, at: datetime) -> None:
    row = tx.get(ImageNoteRow, image_id)
    if not text:
        tx.delete(row)
    else:
        values = {"text": text, "author": author, "at": at}
        statement = insert(ImageNoteRow).values(image_id=image_id, **values)
        tx.execute(statement.on_conflict_do_update(index_elements=["image_id"], set_=values))
        tx.expire_all()
    tx.flush()
