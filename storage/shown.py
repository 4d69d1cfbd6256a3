"""Which stored proposals a person sees: thresholds per class and merged duplicates, as conditions of SQL.

Nothing is computed ahead and nothing is deleted: another threshold is another query over the same rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Integer,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.orm import aliased
from sqlalchemy.orm.util import AliasedClass

from storage import records
from storage.boxes import SAME_OBJECT_IOU
from storage.database import Transaction
from storage.models import AnnotationRow, ImageRow, PredictionRow
from storage.types import Box, StoredPrediction, Verdict

_ROUNDING = 1e-9  # a score that is .4 but for its last bit reaches a threshold of .4


@dataclass(frozen=True, slots=True)
class Showing:
    """What is shown of a bundle. `thresholds` by class id; classes without one show from `otherwise`.

    The surest proposal of an image is shown from `surest_from`, where that is lower: something is on most images, and
    of what may be there it is the likeliest.
    """

    bundle_id: int
    thresholds: Mapping[int, float] = field(default_factory=dict)
    otherwise: float = 0.0
    merges_duplicates: bool = True
    surest_from: float | None = None

    def threshold(self, category_id: int) -> float:
        """The score from which a class is shown."""
        return self.thresholds.get(category_id, self.otherwise)


class WaitingProposal(NamedTuple):
    """A pending proposal with the size of its image in pixels. `is_surest`: of all that was proposed there."""

    id: int
    image_id: int
    category_id: int
    score: float
    box: Box
    size_wh: tuple[int, int]
    is_surest: bool


class ShownCount(NamedTuple):
    """How many pending proposals of a class are shown, on how many images."""

    num_proposals: int
    num_images: int


def for_image(tx: Transaction, image_id: int, showing: Showing) -> list[StoredPrediction]:
    """The pending proposals of an image that are shown, surest first."""
    rows = tx.scalars(
        select(PredictionRow)
        .where(PredictionRow.image_id == image_id, *_conditions(showing))
        .order_by(PredictionRow.score.desc(), PredictionRow.id)
    )
    return [records.prediction(row) for row in rows]


def waiting(
    tx: Transaction, showing: Showing, *, category_id: int | None = None
) -> list[WaitingProposal]:
    """Every shown proposal on images that are neither done, put aside nor missing, that repeats no human box."""
    statement = (
        select(
            PredictionRow.id,
            PredictionRow.image_id,
            PredictionRow.category_id,
            PredictionRow.score,
            PredictionRow.x1,
            PredictionRow.y1,
            PredictionRow.x2,
            PredictionRow.y2,
            ImageRow.width,
            ImageRow.height,
            PredictionRow.is_surest,
        )
        .join(ImageRow, ImageRow.id == PredictionRow.image_id)
        .where(*_conditions(showing), *_open_images(), not_(_is_boxed()))
    )
    if category_id is not None:
        statement = statement.where(PredictionRow.category_id == category_id)
    return [
        WaitingProposal(id_, image, category, score, (x1, y1, x2, y2), (width, height), is_surest)
        for id_, image, category, score, x1, y1, x2, y2, width, height, is_surest in tx.execute(
            statement
        )
    ]


def has_waiting(
    showing: Showing,
    *,
    category_id: int | None = None,
    score_from: float | None = None,
    score_to: float | None = None,
) -> ColumnElement[bool]:
    """A condition on `ImageRow`: a proposal is shown on the image that repeats no human box of it.

    Of that class, and with a score between the two (ends included), where these are given.
    """
    conditions = [
        PredictionRow.image_id == ImageRow.id,
        *_conditions(showing),
        not_(_is_boxed()),
    ]
    if category_id is not None:
        conditions.append(PredictionRow.category_id == category_id)
    if score_from is not None:
        conditions.append(PredictionRow.score >= score_from)
    if score_to is not None:
        conditions.append(PredictionRow.score <= score_to)
    return exists().where(*conditions)


def counts(tx: Transaction, showing: Showing) -> dict[int, ShownCount]:
    """By class; classes of which nothing is shown are left out."""
    statement = (
        select(
            PredictionRow.category_id,
            func.count(),
            func.count(PredictionRow.image_id.distinct()),
        )
        .join(ImageRow, ImageRow.id == PredictionRow.image_id)
        .where(*_conditions(showing), *_open_images())
        .group_by(PredictionRow.category_id)
    )
    return {category: ShownCount(n, images) for category, n, images in tx.execute(statement)}


def num_guesses(tx: Transaction, showing: Showing) -> int:
    """How many pending proposals are shown only as the surest of their image; one on an image."""
    if showing.surest_from is None:
        return 0
    without = replace(showing, surest_from=None)
    statement = (
        select(func.count())
        .select_from(PredictionRow)
        .join(ImageRow, ImageRow.id == PredictionRow.image_id)
        .where(PredictionRow.is_surest, *_conditions(showing), *_open_images())
        .where(PredictionRow.score < _threshold(PredictionRow, without))
    )
    return tx.scalar(statement) or 0


def surest_counts(tx: Transaction, bundle_id: int) -> dict[int, int]:
    """Images whose surest proposal is pending, by hundredth of its score."""
    found: Counter[int] = Counter()
    for by_score in score_counts(tx, bundle_id, only_surest=True).values():
        found.update(by_score)
    return dict(found)


def score_counts(
    tx: Transaction, bundle_id: int, *, only_surest: bool = False
) -> dict[int, dict[int, int]]:
    """Pending proposals by class and by hundredth of their score, duplicates included."""
    hundredth = cast((PredictionRow.score + _ROUNDING) * 100, Integer)
    statement = (
        select(PredictionRow.category_id, hundredth, func.count())
        .join(ImageRow, ImageRow.id == PredictionRow.image_id)
        .where(PredictionRow.bundle_id == bundle_id)
        .where(PredictionRow.verdict == Verdict.PENDING.value, *_open_images())
        .group_by(PredictionRow.category_id, hundredth)
    )
    if only_surest:
        statement = statement.where(PredictionRow.is_surest)
    found: dict[int, dict[int, int]] = {}
    for category_id, score, number in tx.execute(statement):
        found.setdefault(category_id, {})[int(score)] = number
    return found


def _conditions(showing: Showing) -> list[ColumnElement[bool]]:
    conditions = [
        PredictionRow.bundle_id == showing.bundle_id,
        PredictionRow.verdict == Verdict.PENDING.value,
        PredictionRow.score >= _threshold(PredictionRow, showing),
    ]
    if showing.merges_duplicates:
        leader = aliased(PredictionRow)
        hides = and_(
            leader.id == PredictionRow.duplicate_of,
            leader.score >= _threshold(leader, showing),
            # No such object, said a person of the leader: then neither its repetitions of the same
            # class, but perhaps one of another.
            or_(
                leader.verdict != Verdict.REJECTED.value,
                leader.category_id == PredictionRow.category_id,
            ),
        )
        conditions.append(or_(PredictionRow.duplicate_of.is_(None), not_(exists().where(hides))))
    return conditions


def _is_boxed() -> ColumnElement[bool]:
    p, a = PredictionRow, AnnotationRow
    width = func.min(p.x2, a.x2) - func.max(p.x1, a.x1)
    height = func.min(p.y2, a.y2) - func.max(p.y1, a.y1)
    shared = func.max(width, 0.0) * func.max(height, 0.0)
    both = (p.x2 - p.x1) * (p.y2 - p.y1) + (a.x2 - a.x1) * (a.y2 - a.y1)
    return exists().where(
        a.image_id == p.image_id,
        a.category_id == p.category_id,
        shared >= SAME_OBJECT_IOU * (both - shared),
    )


def _threshold(
    row: type[PredictionRow] | AliasedClass[PredictionRow], showing: Showing
) -> ColumnElement[float]:
    otherwise = showing.otherwise - _ROUNDING
    of_class: ColumnElement[float] = literal(otherwise)
    if showing.thresholds:
        scores = {id_: score - _ROUNDING for id_, score in showing.thresholds.items()}
        of_class = case(scores, value=row.category_id, else_=otherwise)
    if showing.surest_from is None:
        return of_class
    of_surest = case((row.is_surest, showing.surest_from - _ROUNDING), else_=1.0)
    return func.min(of_class, of_surest)  # of two values, in SQLite


def _open_images() -> tuple[ColumnElement[bool], ...]:
    return (
        ImageRow.reviewed_at.is_(None),
        ImageRow.skipped_at.is_(None),
        ImageRow.missing_at.is_(None),
    )
