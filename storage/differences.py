"""What changed between two points: per image, in total, and box by box. Reads only what was touched between."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import text

from storage.database import Transaction
from storage.history_types import BoxDifference, BoxFate, Difference, ImageDifference, Point

# First and last event of each box in (a, b]: before the first it was as at a, after the last as at b.
_TOUCHED = """
SELECT min(id) AS first, max(id) AS last FROM annotation_event
WHERE id > :a AND id <= :b{of_image} GROUP BY annotation_uid
"""
_BOX_MOVED = " OR ".join(
    f"json_extract(f.before, '$.box[{i}]') <> json_extract(l.after, '$.box[{i}]')" for i in range(4)
)
_FATES = f"""
SELECT f.image_id AS image_id,
  f.before IS NULL AND l.after IS NOT NULL AS added,
  f.before IS NOT NULL AND l.after IS NULL AS removed,
  coalesce({_BOX_MOVED}, 0) AS moved,
  coalesce(json_extract(f.before, '$.category_id') <> json_extract(l.after, '$.category_id'), 0)
    AS reclassed
FROM ({_TOUCHED}) t
JOIN annotation_event f ON f.id = t.first JOIN annotation_event l ON l.id = t.last
"""
_PER_IMAGE = f"""
SELECT image_id, sum(added) AS added, sum(removed) AS removed, sum(moved) AS moved,
  sum(reclassed) AS reclassed
FROM ({_FATES}) WHERE added OR removed OR moved OR reclassed GROUP BY image_id
"""
# One pass: the totals ride along with the page of images.
_PAGE = f"""
SELECT p.image_id, i.relative_path, p.added, p.removed, p.moved, p.reclassed,
  sum(p.added) OVER (), sum(p.removed) OVER (), sum(p.moved) OVER (), sum(p.reclassed) OVER (),
  count(*) OVER ()
FROM ({_PER_IMAGE}) p JOIN image i ON i.id = p.image_id
ORDER BY p.added + p.removed + p.moved + p.reclassed DESC, i.relative_path LIMIT :limit OFFSET :offset
"""


def difference(
    tx: Transaction, a: Point, b: Point, *, limit: int = 100, offset: int = 0
) -> Difference:
    """From the earlier point to the later one; given in the wrong order, it is told the other way round."""
    low, high = sorted((a.event_id, b.event_id))
    values = {"a": low, "b": high, "limit": limit, "offset": offset}
    rows = tx.execute(text(_PAGE.format(of_image="")), values).all()
    is_backwards = a.event_id > b.event_id
    images = tuple(_numbers(row[0], row[1], row[2:6], is_backwards) for row in rows)
    total = rows[0][6:10] if rows else (0, 0, 0, 0)
    num_images = rows[0][10] if rows else 0
    return Difference(_numbers(None, "", total, is_backwards), num_images, images)


def boxes_of_image(tx: Transaction, image_id: int, a: Point, b: Point) -> list[BoxDifference]:
    """Each box of an image that differs between two points."""
    low, high = sorted((a.event_id, b.event_id))
    found = tx.execute(
        text(
            f"SELECT f.annotation_uid, f.before, l.after FROM "
            f"({_TOUCHED.format(of_image=' AND image_id = :image_id')}) t "
            "JOIN annotation_event f ON f.id = t.first JOIN annotation_event l ON l.id = t.last "
            "ORDER BY f.id"
        ),
        {"a": low, "b": high, "image_id": image_id},
    )
    pairs = [(uid, _parsed(before), _parsed(after)) for uid, before, after in found]
    if a.event_id > b.event_id:
        pairs = [(uid, after, before) for uid, before, after in pairs]
    made = [_box_difference(uid, before, after) for uid, before, after in pairs]
    return [item for item in made if item.fates]


def _box_difference(
    uid: str, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> BoxDifference:
    fates: list[BoxFate] = []
    if before is None and after is not None:
        fates = [BoxFate.ADDED]
    elif before is not None and after is None:
        fates = [BoxFate.REMOVED]
    elif before is not None and after is not None:
        fates += [BoxFate.MOVED] * (before["box"] != after["box"])
        fates += [BoxFate.RECLASSED] * (before["category_id"] != after["category_id"])
    return BoxDifference(
        uid=uid,
        fates=tuple(fates),
        box_before=None if before is None else tuple(before["box"]),
        box_after=None if after is None else tuple(after["box"]),
        category_before=None if before is None else before["category_id"],
        category_after=None if after is None else after["category_id"],
    )


def _numbers(image_id: int | None, path: str, numbers: Any, is_backwards: bool) -> ImageDifference:
    added, removed, moved, reclassed = (int(number) for number in numbers)
    if is_backwards:
        added, removed = removed, added
    return ImageDifference(image_id, path, added, removed, moved, reclassed)


def _parsed(state: str | None) -> dict[str, Any] | None:
    found: dict[str, Any] | None = None if state is None else json.loads(state)
    return found
