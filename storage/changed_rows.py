"""What a deed changed beside boxes and classes: proposals, verdicts, marks. Remembered, so that it can go back.

Set-based: a hundred thousand proposals are one statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Float, Table, text

from storage import class_states
from storage.database import Transaction
from storage.models import ConflictRow, ImageRow, PredictionRow


class Part(StrEnum):
    """Which columns of which table are remembered. The order is the one in which they go back."""

    PROPOSAL = "proposal"  # all of it: it comes back, or goes, whole
    PROPOSAL_CLASS = "proposal_class"
    VERDICT = "verdict"
    DONE = "done"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class _Columns:
    table: Table
    names: tuple[str, ...]


def _table(model: Any) -> Table:
    found: Table = model.__table__
    return found


_PARTS = {
    Part.PROPOSAL: _Columns(_table(PredictionRow), tuple(_table(PredictionRow).c.keys())),
    Part.PROPOSAL_CLASS: _Columns(_table(PredictionRow), ("category_id",)),
    Part.VERDICT: _Columns(_table(PredictionRow), ("verdict", "judged_at")),
    Part.DONE: _Columns(_table(ImageRow), ("reviewed_at",)),
    Part.CONFLICT: _Columns(_table(ConflictRow), ("theirs",)),
}


def remember(tx: Transaction, change_id: int, part: Part, where: str, **values: object) -> None:
    """Keep the rows that fulfil `where` (SQL; the table is called t) as they are before the deed."""
    columns = _PARTS[part]
    tx.execute(
        text(
            f"INSERT OR IGNORE INTO changed_row SELECT :change_id, '{part}', t.id, {_json(columns)} "
            f"FROM {columns.table.name} t WHERE ({where}){_unless_known(part, ':change_id')}"
        ),
        {"change_id": change_id, **values},
    )


def put_back(tx: Transaction, change_id: int, *, during: int) -> None:
    """Give the rows what they held before the deed `change_id`, as a part of the deed `during`."""
    _note_classes(tx, change_id)
    for part, columns in _PARTS.items():
        values = {"change_id": change_id, "during": during}
        tx.execute(text(_remember_present(part, columns)), values)
        statements = _whole(columns) if part is Part.PROPOSAL else [_partly(part, columns)]
        for statement in statements:
            tx.execute(text(statement), {"change_id": change_id})
    tx.expire_all()


def _remember_present(part: Part, columns: _Columns) -> str:
    return (
        f"INSERT OR IGNORE INTO changed_row SELECT :during, '{part}', r.row_id, "
        f"CASE WHEN t.id IS NOT NULL THEN {_json(columns)} END "
        f"FROM changed_row r LEFT JOIN {columns.table.name} t ON t.id = r.row_id "
        f"WHERE r.change_id = :change_id AND r.part = '{part}'{_unless_known(part, ':during')}"
    )


def _unless_known(part: Part, change_id: str) -> str:
    """A proposal that a deed remembers whole is remembered as it was before the deed. A part of it that the
    deed touches after that would be remembered as it was in the middle."""
    if _PARTS[part].table is not _table(PredictionRow) or part is Part.PROPOSAL:
        return ""
    return (
        f" AND NOT EXISTS (SELECT 1 FROM changed_row k WHERE k.change_id = {change_id} "
        "AND k.part = 'proposal' AND k.row_id = t.id)"
    )


def _partly(part: Part, columns: _Columns) -> str:
    values = ", ".join(f'"{name}" = {_value(name)}' for name in columns.names)
    return (
        f"UPDATE {columns.table.name} SET {values} FROM changed_row r WHERE r.change_id = :change_id "
        f"AND r.part = '{part}' AND r.row_id = {columns.table.name}.id AND r.before IS NOT NULL"
    )


def _whole(columns: _Columns) -> list[str]:
    table, of_change = columns.table.name, "r.change_id = :change_id AND r.part = 'proposal'"
    names = ", ".join(f'"{name}"' for name in columns.names)
    values = ", ".join(_value(name) for name in columns.names)
    again = ", ".join(f'"{n}" = excluded."{n}"' for n in columns.names if n != "id")
    return [
        f"DELETE FROM {table} WHERE id IN "
        f"(SELECT r.row_id FROM changed_row r WHERE {of_change} AND r.before IS NULL)",
        f"INSERT INTO {table} ({names}) SELECT {values} FROM changed_row r "
        f"WHERE {of_change} AND r.before IS NOT NULL AND NOT ({_OUTDATED}) "
        f"ON CONFLICT (id) DO UPDATE SET {again}",
    ]


# The bundle has looked at the image again since: what waited for a verdict then was replaced.
_OUTDATED = (
    "json_extract(r.before, '$.verdict') = 'pending' AND EXISTS (SELECT 1 FROM prediction_run p "
    "JOIN change c ON c.id = r.change_id WHERE p.bundle_id = json_extract(r.before, '$.bundle_id') "
    "AND p.image_id = json_extract(r.before, '$.image_id') AND p.at > c.at)"
)


def _note_classes(tx: Transaction, change_id: int) -> None:
    """Which living class stands for each that the remembered proposals had and that is gone."""
    tx.execute(
        text("CREATE TEMP TABLE IF NOT EXISTS class_now (old INTEGER PRIMARY KEY, new INTEGER)")
    )
    tx.execute(text("DELETE FROM class_now"))
    gone = tx.scalars(
        text(
            "SELECT DISTINCT json_extract(before, '$.category_id') AS c FROM changed_row "
            "WHERE change_id = :change_id AND part IN ('proposal', 'proposal_class') "
            "AND before IS NOT NULL AND c NOT IN (SELECT id FROM category)"
        ),
        {"change_id": change_id},
    ).all()
    for old, new in class_states.living(tx, gone).items():
        tx.execute(text("INSERT INTO class_now VALUES (:old, :new)"), {"old": old, "new": new})


def _json(columns: _Columns) -> str:
    pairs = []
    for name in columns.names:
        value = f't."{name}"'
        if isinstance(columns.table.c[name].type, Float):
            # json_object would cut a number to 15 digits; 17 give the very same one back.
            value = f"printf('%!.17g', {value})"
        pairs.append(f"'{name}', {value}")
    return f"json_object({', '.join(pairs)})"


def _value(name: str) -> str:
    value = f"json_extract(r.before, '$.{name}')"
    if name == "category_id":
        return f"coalesce((SELECT new FROM class_now WHERE old = {value}), {value})"
    return value
