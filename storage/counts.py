"""The whole project in numbers."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute

from storage import images
from storage.database import Transaction
from storage.models import AnnotationRow, ImageProblemRow, PredictionRow
from storage.types import Counts, ImageFilter, Origin, Verdict


def counts(tx: Transaction) -> Counts:
    by_origin = _grouped(tx, AnnotationRow.origin)
    by_verdict = _grouped(tx, PredictionRow.verdict)
    accepted = by_origin.get(Origin.ACCEPTED, 0)
    return Counts(
        total=images.count(tx),
        labelled=images.count(tx, ImageFilter.LABELLED),
        reviewed=images.count(tx, ImageFilter.REVIEWED),
        skipped=images.count(tx, ImageFilter.SKIPPED),
        missing=images.count(tx, ImageFilter.MISSING),
        problems=tx.scalar(select(func.count()).select_from(ImageProblemRow)) or 0,
        human=sum(by_origin.values()) - accepted,
        accepted=accepted,
        imported=by_origin.get(Origin.IMPORTED, 0),
        predictions_total=sum(by_verdict.values()),
        predictions_pending=by_verdict.get(Verdict.PENDING, 0),
    )


def _grouped(tx: Transaction, column: InstrumentedAttribute[str]) -> dict[str, int]:
    rows = tx.execute(select(column, func.count()).group_by(column))
    return {key: number for key, number in rows}  # noqa: C416  a Row is no tuple to the type checker
