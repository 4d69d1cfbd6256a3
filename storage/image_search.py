"""Which images hold a class, a score, or nothing: conditions that narrow a list of images."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, or_, select

from storage import images
from storage.database import Transaction
from storage.models import AnnotationRow, ImageRow, PredictionRow, ProjectRow
from storage.types import ImageFilter, Verdict


@dataclass(frozen=True, slots=True)
class ImageSearch:
    """What the images must have, all of it. None and "" ask for nothing.

    `category_id`: a human box or a waiting proposal of that class. `score_from` and `score_to`: a
    waiting proposal (of that class, if one is asked for) whose score lies between them, ends included.
    """

    state: ImageFilter = ImageFilter.ALL
    query: str = ""
    category_id: int | None = None
    score_from: float | None = None
    score_to: float | None = None


def find_ids(tx: Transaction, search: ImageSearch) -> list[int]:
    """The ids of the images that fit, in the order of the list."""
    return images.list_ids(
        tx, state=search.state, query=search.query.strip() or None, also=_conditions(search)
    )


def _conditions(search: ImageSearch) -> list[ColumnElement[bool]]:
    asks_score = search.score_from is not None or search.score_to is not None
    if asks_score:
        return [_has_proposal(search)]
    if search.category_id is None:
        return []
    boxed = exists().where(
        AnnotationRow.image_id == ImageRow.id, AnnotationRow.category_id == search.category_id
    )
    return [or_(boxed, _has_proposal(search))]


def _has_proposal(search: ImageSearch) -> ColumnElement[bool]:
    shown_bundle = select(ProjectRow.prelabel_bundle_id).scalar_subquery()
    conditions = [
        PredictionRow.bundle_id == shown_bundle,
        PredictionRow.verdict == Verdict.PENDING.value,
        PredictionRow.image_id == ImageRow.id,
    ]
    if search.category_id is not None:
        conditions.append(PredictionRow.category_id == search.category_id)
    if search.score_from is not None:
        conditions.append(PredictionRow.score >= search.score_from)
    if search.score_to is not None:
        conditions.append(PredictionRow.score <= search.score_to)
    return exists().where(and_(*conditions))
