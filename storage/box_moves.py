"""One way in which many boxes change at once: say which state each shall have, then carry all of it out.

`begin` opens an empty list of wanted states, the `want_*` functions fill it, `carry_out` makes boxes and events
follow it. All of it is set-based SQL, so that a million boxes are a handful of statements.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from storage import class_states
from storage.database import Transaction
from storage.models import UtcTime

_COLUMNS = (
    "uid, is_gone, id, image_id, category_id, x1, y1, x2, y2, origin, prediction_id, author, revision, "
    "created_at"
)
_TABLE = f"""
CREATE TEMP TABLE IF NOT EXISTS wanted ({_COLUMNS}, PRIMARY KEY (uid)) WITHOUT ROWID
"""
_SAME = " AND ".join(
    f"w.{name} IS a.{name}"
    for name in ("category_id", "x1", "y1", "x2", "y2", "origin", "prediction_id")
)


def begin(tx: Transaction) -> None:
    tx.flush()
    tx.execute(text(_TABLE))
    tx.execute(text("DELETE FROM wanted"))


def want_class(tx: Transaction, into_id: int, where: str, *, author: str, **values: object) -> None:
    """Want the boxes that fulfil `where` (SQL; the table is called a) in another class."""
    tx.execute(
        text(
            f"INSERT INTO wanted ({_COLUMNS}) SELECT uid, 0, id, image_id, :into_id, x1, y1, x2, y2, "
            f"origin, prediction_id, :author, revision, created_at FROM annotation a WHERE {where}"
        ),
        {"into_id": into_id, "author": author, **values},
    )


def want_gone(tx: Transaction, where: str, **values: object) -> None:
    """Want the boxes that fulfil `where` (SQL; the table is called a) away."""
    tx.execute(
        text(
            "INSERT INTO wanted (uid, is_gone, image_id) "
            f"SELECT uid, 1, image_id FROM annotation a WHERE {where}"
        ),
        values,
    )


def want_as_before(
    tx: Transaction, *, after: int, until: int | None = None, image_id: int | None = None
) -> int:
    """Want the boxes that events with ids in (after, until] touched as they were before these.

    With `until`, boxes that were touched later still are left alone; returns how many these are.
    """
    values = {"after": after, "until": until, "image_id": image_id}
    of_image = "" if image_id is None else " AND image_id = :image_id"
    bound = "" if until is None else " AND id <= :until"
    is_last = "" if until is None else f" WHERE NOT EXISTS ({_LATER})"
    first = (
        f"(SELECT min(id) FROM annotation_event WHERE id > :after{bound}{of_image} "
        "GROUP BY annotation_uid)"
    )
    tx.execute(
        text(
            f"INSERT INTO wanted ({_COLUMNS}) SELECT e.annotation_uid, e.before IS NULL, "
            f"{_field('id')}, e.image_id, {_field('category_id')}, {_field('box[0]')}, "
            f"{_field('box[1]')}, {_field('box[2]')}, {_field('box[3]')}, {_field('origin')}, "
            f"{_field('prediction_id')}, {_field('author')}, 0, {_CREATED_AT} "
            f"FROM (SELECT * FROM annotation_event WHERE id IN {first}) e{is_last}"
        ),
        values,
    )
    if until is None:
        return 0
    later = text(
        f"SELECT count(*) FROM annotation_event e WHERE e.id IN {first} AND EXISTS ({_LATER})"
    )
    return int(tx.scalar(later, values) or 0)


def carry_out(tx: Transaction, *, author: str, at: datetime) -> int:
    """Make the boxes as they are wanted, each with its event; returns how many had to change."""
    _give_living_classes(tx)
    values = {"author": author, "at": UtcTime().process_bind_param(at, tx.get_bind().dialect)}
    for statement in (_FORGET_THE_SAME, _FORGET_TWICE_TAKEN, _SET_REVISION):
        tx.execute(text(statement))
    num_events = int(tx.scalar(text("SELECT count(*) FROM wanted")) or 0)
    for statement in (_LOG, _DELETE, _UPDATE, _INSERT):
        used = {name: value for name, value in values.items() if f":{name}" in statement}
        tx.execute(text(statement), used)
    tx.expire_all()
    return num_events


def _give_living_classes(tx: Transaction) -> None:
    gone = tx.scalars(
        text(
            "SELECT DISTINCT category_id FROM wanted WHERE NOT is_gone "
            "AND category_id NOT IN (SELECT id FROM category)"
        )
    ).all()
    for old, new in class_states.living(tx, gone).items():
        statement = text("UPDATE wanted SET category_id = :new WHERE category_id = :old")
        tx.execute(statement, {"old": old, "new": new})


def _field(name: str) -> str:
    return f"json_extract(e.before, '$.{name}')"


def _state(table: str) -> str:
    """The state of a box as the events keep it; see `annotations`."""
    t = f"{table}."
    return (
        f"json_object('id', {t}id, 'uid', {t}uid, 'image_id', {t}image_id, "
        f"'box', json_array({t}x1, {t}y1, {t}x2, {t}y2), 'category_id', {t}category_id, "
        f"'origin', {t}origin, 'prediction_id', {t}prediction_id, 'author', {t}author, "
        f"'revision', {t}revision, 'created_at', replace({t}created_at, 'Z', '+00:00'))"
    )


_LATER = (
    "SELECT 1 FROM annotation_event l WHERE l.annotation_uid = e.annotation_uid AND l.id > :until"
)
# Events keep ISO times as Python writes them, rows keep them at a fixed width.
_ISO = _field("created_at")
_CREATED_AT = (
    f"CASE WHEN {_ISO} LIKE '%+00:00' THEN substr({_ISO}, 1, 19) || '.' || "
    f"CASE WHEN substr({_ISO}, 20, 1) = '.' THEN substr({_ISO}, 21, 6) ELSE '000000' END || 'Z' "
    f"ELSE strftime('%Y-%m-%dT%H:%M:%f', {_ISO}) || '000Z' END"
)
_FORGET_THE_SAME = f"""
DELETE FROM wanted AS w
WHERE CASE WHEN is_gone THEN NOT EXISTS (SELECT 1 FROM annotation a WHERE a.uid = w.uid)
      ELSE EXISTS (SELECT 1 FROM annotation a WHERE a.uid = w.uid AND {_SAME}) END
"""
# A proposal that was taken again since has its box; bringing the older one back would double it.
_FORGET_TWICE_TAKEN = """
DELETE FROM wanted AS w
WHERE NOT is_gone AND prediction_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM annotation a WHERE a.uid = w.uid)
  AND EXISTS (
    SELECT 1 FROM annotation a WHERE a.image_id = w.image_id AND a.prediction_id = w.prediction_id
    AND NOT EXISTS (SELECT 1 FROM wanted g WHERE g.uid = a.uid AND g.is_gone))
"""
_SET_REVISION = """
UPDATE wanted SET revision = 1 + coalesce(
  (SELECT a.revision FROM annotation a WHERE a.uid = wanted.uid),
  (SELECT json_extract(e.before, '$.revision') FROM annotation_event e
   WHERE e.annotation_uid = wanted.uid AND e.before IS NOT NULL ORDER BY e.id DESC LIMIT 1), 0)
WHERE NOT is_gone
"""
_LOG = f"""
INSERT INTO annotation_event (at, author, image_id, annotation_uid, action, "before", "after")
SELECT :at, :author, w.image_id, w.uid,
  CASE WHEN a.uid IS NULL THEN 'restore' WHEN w.is_gone THEN 'delete' ELSE 'update' END,
  CASE WHEN a.uid IS NOT NULL THEN {_state("a")} END,
  CASE WHEN NOT w.is_gone THEN {_state("w")} END
FROM wanted w LEFT JOIN annotation a ON a.uid = w.uid ORDER BY w.image_id, w.id
"""
_DELETE = "DELETE FROM annotation WHERE uid IN (SELECT uid FROM wanted WHERE is_gone)"
_UPDATE = """
UPDATE annotation SET category_id = w.category_id, x1 = w.x1, y1 = w.y1, x2 = w.x2, y2 = w.y2,
  origin = w.origin, prediction_id = w.prediction_id, author = w.author, revision = w.revision,
  updated_at = :at
FROM wanted w WHERE w.uid = annotation.uid AND NOT w.is_gone
"""
_INSERT = """
INSERT INTO annotation (id, uid, image_id, category_id, x1, y1, x2, y2, origin, prediction_id, author,
  revision, created_at, updated_at)
SELECT id, uid, image_id, category_id, x1, y1, x2, y2, origin, prediction_id, author, revision,
  created_at, :at
FROM wanted w WHERE NOT is_gone AND NOT EXISTS (SELECT 1 FROM annotation a WHERE a.uid = w.uid)
"""
