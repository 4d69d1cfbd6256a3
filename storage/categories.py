"""Classes: stable id, name for people, text for the model. No operation here loses a box."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import func, select

from storage import palette, records
from storage.database import Transaction
from storage.errors import InvalidNameError, NotFoundError
from storage.models import CategoryRow
from storage.types import Category

_LONGEST_NAME = 200


def list_all(tx: Transaction) -> list[Category]:
    rows = tx.scalars(select(CategoryRow).order_by(CategoryRow.position, CategoryRow.id))
    return [records.category(row) for row in rows]


def get(tx: Transaction, category_id: int) -> Category:
    return records.category(_row(tx, category_id))


def find(tx: Transaction, name: str) -> Category | None:
    """The class of that name, whatever its case, or None."""
    row = tx.scalars(select(CategoryRow).filter_by(folded_name=_folded(name))).first()
    return None if row is None else records.category(row)


def named(tx: Transaction, name: str) -> Category:
    """Like `find`, but raises NotFoundError that lists the names there are."""
    found = find(tx, name)
    if found is None:
        names = ", ".join(f"'{c.name}'" for c in list_all(tx)) or "none yet"
        raise NotFoundError(f"There is no class '{name}'. The classes are: {names}.")
    return found


def add(
    tx: Transaction, name: str, *, prompt_text: str | None = None, color: str | None = None
) -> Category:
    name = _checked_name(tx, name)
    position = tx.scalar(select(func.coalesce(func.max(CategoryRow.position) + 1, 0))) or 0
    row = CategoryRow(
        name=name,
        folded_name=_folded(name),
        prompt_text=_checked_prompt(prompt_text if prompt_text is not None else name),
        color=_checked_color(color or palette.next_color([c.color for c in list_all(tx)])),
        position=position,
    )
    tx.add(row)
    tx.flush()
    return records.category(row)


def rename(tx: Transaction, old: str, new: str) -> Category:
    """Change the name only: the id, the boxes and the prompt text stay."""
    row = _row(tx, named(tx, old).id)
    row.name = _checked_name(tx, new, but_for=row.id)
    row.folded_name = _folded(row.name)
    tx.flush()
    return records.category(row)


def set_prompt_text(tx: Transaction, category_id: int, prompt_text: str) -> Category:
    row = _row(tx, category_id)
    row.prompt_text = _checked_prompt(prompt_text)
    tx.flush()
    return records.category(row)


def set_color(tx: Transaction, category_id: int, color: str) -> Category:
    row = _row(tx, category_id)
    row.color = _checked_color(color)
    tx.flush()
    return records.category(row)


def reorder(tx: Transaction, category_ids: Sequence[int]) -> None:
    """Show the classes in this order; digits follow it, exported ids do not."""
    known = {category.id for category in list_all(tx)}
    if set(category_ids) != known or len(category_ids) != len(known):
        raise NotFoundError(
            f"The new order names classes {sorted(category_ids)}, but there are {sorted(known)}."
        )
    for position, category_id in enumerate(category_ids):
        _row(tx, category_id).position = position
    tx.flush()


def _row(tx: Transaction, category_id: int) -> CategoryRow:
    row = tx.get(CategoryRow, category_id)
    if row is None:
        raise NotFoundError(f"There is no class with id {category_id}.")
    return row


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _checked_name(tx: Transaction, name: str, *, but_for: int | None = None) -> str:
    name = " ".join(name.split())
    if not name:
        raise InvalidNameError("A class needs a name; an empty one was given.")
    if len(name) > _LONGEST_NAME:
        raise InvalidNameError(
            f"The class name '{name[:30]}…' has {len(name)} characters; {_LONGEST_NAME} is the most."
        )
    taken = find(tx, name)
    if taken is not None and taken.id != but_for:
        raise InvalidNameError(
            f"There is a class '{taken.name}' already; '{name}' differs at most by case."
        )
    return name


def _checked_prompt(words: str) -> str:
    words = " ".join(words.split())
    if not words:
        raise InvalidNameError("The prompt text of a class is what the model reads; it is empty.")
    if len(words) > _LONGEST_NAME:
        raise InvalidNameError(
            f"The prompt text '{words[:30]}…' has {len(words)} characters; {_LONGEST_NAME} is the most."
        )
    return words


def _checked_color(color: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", color):
        raise InvalidNameError(f"'{color}' is no colour; write it as #rrggbb.")
    return color.lower()
