"""Which images hold a class, a score, or nothing: conditions that narrow a list of images."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, false, or_

from storage import images, shown
from storage.database import Transaction
from storage.models import AnnotationRow, ImageRow
from storage.shown import Showing
from storage.types import ImageFilter


@dataclass(frozen=True, slots=True)
class ImageSearch:
    """What the images must have, all of it. None and "" ask for nothing.

    `category_id`: a human box or a shown proposal of that class. `score_from` and `score_to`: a
    shown proposal (of that class, if one is asked for) whose score lies between them, ends included.
    """

    state: ImageFilter = ImageFilter.ALL
    query: str = ""
    category_id: int | None = None
    score_from: float | None = None
    score_to: float | None = None


def find_ids(tx: Transaction, search: ImageSearch, showing: Showing | None) -> list[int]:
    """The ids of the images that fit, in the order of the list.

    A proposal counts where a person sees it; `showing` is None as long as nothing was pre-labelled.
    """
    return images.list_ids(
        tx,
        state=search.state,
        query=search.query.strip() or None,
        also=_conditions(search, showing),
    )


def _conditions(search: ImageSearch, showing: Showing | None) -> list[ColumnElement[bool]]:
    conditions = []
    if search.state is ImageFilter.WITH_PROPOSALS:
        conditions.append(_has_proposal(ImageSearch(), showing))
    if search.score_from is not None or search.score_to is not None:
        conditions.append(_has_proposal(search, showing))
    elif search.category_id is not None:
        boxed = exists().where(
            AnnotationRow.image_id == ImageRow.id, AnnotationRow.category_id == search.category_id
        )
        conditions.append(or_(boxed, _has_proposal(search, showing)))
    return conditions


def _has_proposal(search: ImageSearch, showing: Showing | None) -> ColumnElement[bool]:
    if showing is None:
        return false()
    return shown.has_waiting(
        showing,
        category_id=search.category_id,
        score_from=search.score_from,
        score_to=search.score_to,
    )
