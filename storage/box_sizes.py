"""How large people's boxes are."""

from __future__ import annotations

import math
from typing import NamedTuple

from sqlalchemy import select

from storage.database import Transaction
from storage.models import AnnotationRow, ImageRow


class Sides(NamedTuple):
    """Of a box, as shares of its image's diagonal."""

    category_id: int
    width: float
    height: float


def newest_sides(tx: Transaction, *, limit: int, but_for_image: int | None = None) -> list[Sides]:
    """Of the newest boxes, the newest first."""
    row, image = AnnotationRow, ImageRow
    statement = (
        select(row.category_id, row.x2 - row.x1, row.y2 - row.y1, image.width, image.height)
        .join(image, image.id == row.image_id)
        .order_by(row.id.desc())
        .limit(limit)
    )
    if but_for_image is not None:
        statement = statement.where(row.image_id != but_for_image)
    found = []
    for category_id, wide, high, image_width, image_height in tx.execute(statement):
        diagonal = math.hypot(image_width, image_height)
        found.append(Sides(category_id, wide / diagonal, high / diagonal))
    return found
