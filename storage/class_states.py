"""The classes as they were: what a deed changed about them, and how that is put back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from storage.database import Transaction
from storage.models import AnnotationRow, CategoryRow, ChangeRow, PredictionRow

State = dict[str, Any]
_FIELDS = ("name", "folded_name", "prompt_text", "color", "position")


def states(tx: Transaction) -> dict[str, State]:
    """Every class by its id (as text, since JSON knows no other keys)."""
    tx.flush()
    rows = tx.scalars(select(CategoryRow).order_by(CategoryRow.id))
    return {str(row.id): {name: getattr(row, name) for name in _FIELDS} for row in rows}


def names(tx: Transaction) -> dict[int, str]:
    """What each class is called, or was called last."""
    found: dict[int, str] = {}
    for before in tx.scalars(select(ChangeRow.classes_before).order_by(ChangeRow.id)):
        found.update({int(key): state["name"] for key, state in before.items()})
    living = tx.execute(select(CategoryRow.id, CategoryRow.name))
    return {**found, **{category_id: name for category_id, name in living}}  # noqa: C416


def differing(
    before: Mapping[str, State], after: Mapping[str, State]
) -> tuple[dict[str, State], dict[str, State]]:
    """What of both sides is not alike; a class that is missing on one side is missing there."""
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return (
        {key: before[key] for key in keys if key in before},
        {key: after[key] for key in keys if key in after},
    )


def put_back(tx: Transaction, change: ChangeRow) -> None:
    """Give the classes what the deed took from them; what it did not touch stays as it is now."""
    for key, state in change.classes_before.items():
        row = tx.get(CategoryRow, int(key))
        if row is None:
            bring_back(tx, int(key), state)
            continue
        touched = change.classes_after.get(key, {})
        for name in _FIELDS:
            if name not in ("name", "folded_name") and touched.get(name) != state[name]:
                setattr(row, name, state[name])
        if touched.get("name") != state["name"]:
            row.name, row.folded_name = _free_name(tx, state, but_for=row.id)
        tx.flush()


def put_all_back(tx: Transaction, changes: Sequence[ChangeRow]) -> list[int]:
    """The classes as they were before all these deeds (the newest first), with their names.

    Another class that took such a name meanwhile gets a number. Returns the ids that did not exist then:
    see `remove_unused`.
    """
    wanted: dict[str, State | None] = {}
    for change in changes:
        for key in {**change.classes_before, **change.classes_after}:
            wanted[key] = change.classes_before.get(key)
    living = {key: state for key, state in wanted.items() if state is not None}
    _make_room(tx, living)
    for key, state in living.items():
        row = tx.get(CategoryRow, int(key))
        if row is None:
            tx.add(CategoryRow(**{**state, "id": int(key)}))
        else:
            for name in _FIELDS:
                setattr(row, name, state[name])
    tx.flush()
    return [int(key) for key, state in wanted.items() if state is None]


def _make_room(tx: Transaction, wanted: Mapping[str, State]) -> None:
    """Free the names that these classes are about to get, whoever has them."""
    names = {state["folded_name"] for state in wanted.values()}
    for row in tx.scalars(select(CategoryRow).where(CategoryRow.folded_name.in_(names))):
        if str(row.id) in wanted:
            row.folded_name = f"\t{row.id}"  # no name has a tab; it gets its own one in a moment
        else:
            state = {"name": row.name, "folded_name": row.folded_name}
            row.name, row.folded_name = _free_name(tx, state, but_for=0)
        tx.flush()


def made_by(change: ChangeRow) -> list[int]:
    """The classes that the deed made."""
    return [int(key) for key in change.classes_after if key not in change.classes_before]


def remove_unused(tx: Transaction, category_ids: Iterable[int]) -> None:
    """Remove those of these classes that nothing uses."""
    for category_id in category_ids:
        row = tx.get(CategoryRow, category_id)
        users = (AnnotationRow, PredictionRow)
        if row is not None and not any(
            tx.scalar(select(u.id).filter_by(category_id=row.id).limit(1)) for u in users
        ):
            tx.delete(row)
    tx.flush()


def bring_back(tx: Transaction, category_id: int, state: State) -> None:
    """A class that is gone, with its old id. A name that is taken meanwhile gets a number."""
    name, folded = _free_name(tx, state, but_for=category_id)
    tx.add(CategoryRow(**{**state, "id": category_id, "name": name, "folded_name": folded}))
    tx.flush()


def living(tx: Transaction, category_ids: Iterable[int]) -> dict[int, int]:
    """For each of these ids that is gone: the class that it was merged into, else itself, brought back."""
    found = {}
    for category_id in category_ids:
        now = category_id
        while tx.get(CategoryRow, now) is None:
            into, state = _removal_of(tx, now)
            if into is None:
                bring_back(tx, now, state)
            else:
                now = into
        if now != category_id:
            found[category_id] = now
    return found


def _removal_of(tx: Transaction, category_id: int) -> tuple[int | None, State]:
    """Into which class it was merged, if it was, and what it was."""
    key = str(category_id)
    for row in tx.scalars(select(ChangeRow).order_by(ChangeRow.id.desc())):
        if key in row.classes_before and key not in row.classes_after:
            return row.details.get("into"), row.classes_before[key]
    # Merged by a version that kept no deeds: only its id is known.
    name = f"class {category_id}"
    words = {"name": name, "folded_name": name, "prompt_text": name}
    return None, {**words, "color": "#999999", "position": category_id}


def _free_name(tx: Transaction, state: State, *, but_for: int) -> tuple[str, str]:
    taken = set(tx.scalars(select(CategoryRow.folded_name).where(CategoryRow.id != but_for)))
    name, folded, number = str(state["name"]), str(state["folded_name"]), 1
    while folded in taken:
        number += 1
        name, folded = f"{state['name']} ({number})", f"{state['folded_name']} ({number})"
    return name, folded
