"""Proposals of a bundle. They are stored, judged and thrown away, but never edited."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from storage import records
from storage.database import Transaction
from storage.errors import InvalidBoxError, NotFoundError
from storage.merging import leaders
from storage.models import CategoryRow, ImageRow, PredictionRow, PredictionRunRow
from storage.types import (
    Box,
    NewPrediction,
    PredictionCounts,
    StoredPrediction,
    Verdict,
)

_SMALLEST_PX = 1.0


def get(tx: Transaction, prediction_id: int) -> StoredPrediction:
    row = tx.get(PredictionRow, prediction_id)
    if row is None:
        raise NotFoundError(
            f"There is no proposal {prediction_id}; a newer run may have replaced it. "
            "Load the image again."
        )
    return records.prediction(row)


def for_image(
    tx: Transaction,
    image_id: int,
    *,
    bundle_id: int | None = None,
    verdict: Verdict | None = None,
    min_score: float = 0.0,
) -> list[StoredPrediction]:
    """The proposals on an image, surest first."""
    statement = select(PredictionRow).where(PredictionRow.image_id == image_id)
    if bundle_id is not None:
        statement = statement.where(PredictionRow.bundle_id == bundle_id)
    if verdict is not None:
        statement = statement.where(PredictionRow.verdict == verdict.value)
    statement = statement.where(PredictionRow.score >= min_score)
    rows = tx.scalars(statement.order_by(PredictionRow.score.desc(), PredictionRow.id))
    return [records.prediction(row) for row in rows]


def rejected_for_image(tx: Transaction, image_id: int) -> list[StoredPrediction]:
    """What people said is not there, whichever bundle proposed it."""
    return for_image(tx, image_id, verdict=Verdict.REJECTED)


def turned_down_for_image(tx: Transaction, image_id: int) -> list[StoredPrediction]:
    """What people rejected or took with another box or class, whichever bundle proposed it."""
    corrected = for_image(tx, image_id, verdict=Verdict.CORRECTED)
    return rejected_for_image(tx, image_id) + corrected


def replace_for_image(
    tx: Transaction,
    *,
    bundle_id: int,
    image_id: int,
    predictions: Sequence[NewPrediction],
    at: datetime,
) -> int:
    """Store what the bundle proposes on the image, in place of what nobody has judged yet.

    Left out: what repeats a judged proposal, what is smaller than a pixel, and classes that were
    removed since the run began. Boxes are clipped to the image. Returns how many were stored.
    """
    of_run = (PredictionRow.bundle_id == bundle_id, PredictionRow.image_id == image_id)
    tx.execute(delete(PredictionRow).where(*of_run, PredictionRow.verdict == Verdict.PENDING.value))
    before = for_image(tx, image_id, bundle_id=bundle_id)
    judged = {(p.category_id, p.box) for p in before}
    rows = [
        {
            "image_id": image_id,
            "bundle_id": bundle_id,
            "category_id": category_id,
            "score": score,
            "verdict": Verdict.PENDING.value,
            **dict(zip(("x1", "y1", "x2", "y2"), box, strict=True)),
        }
        for category_id, box, score in _storable(tx, image_id, predictions)
        if (category_id, box) not in judged
    ]
    if rows:
        _insert(tx, rows, before)
    _record_run(tx, bundle_id, image_id, at)
    return len(rows)


def _insert(
    tx: Transaction, rows: Sequence[dict[str, Any]], judged: Sequence[StoredPrediction]
) -> None:
    """Store proposals, each with the one that it repeats (judged ones lead, then the surest)."""
    rows = sorted(rows, key=lambda row: -row["score"])
    surest_before = max((p.score for p in judged), default=0.0)
    rows = [
        {**row, "is_surest": place == 0 and row["score"] > surest_before}
        for place, row in enumerate(rows)
    ]
    new_ids = tx.scalars(
        insert(PredictionRow).returning(PredictionRow.id, sort_by_parameter_order=True), rows
    )
    ids = [*(p.id for p in judged), *new_ids]
    boxes = [*(p.box for p in judged), *((r["x1"], r["y1"], r["x2"], r["y2"]) for r in rows)]
    classes = [*(p.category_id for p in judged), *(row["category_id"] for row in rows)]
    repeated = [
        {"id": id_, "duplicate_of": ids[leader]}
        for id_, leader in list(zip(ids, leaders(boxes, classes), strict=True))[len(judged) :]
        if leader is not None
    ]
    if repeated:
        tx.execute(update(PredictionRow), repeated)


def done_image_ids(tx: Transaction, bundle_id: int, since: datetime | None = None) -> set[int]:
    """The images that the bundle has been run on (since then), with or without proposals."""
    statement = select(PredictionRunRow.image_id).where(PredictionRunRow.bundle_id == bundle_id)
    if since is not None:
        statement = statement.where(PredictionRunRow.at >= since)
    return set(tx.scalars(statement))


def judge(
    tx: Transaction, prediction_id: int, verdict: Verdict, at: datetime | None
) -> StoredPrediction:
    """Stamp what a person said; `Verdict.PENDING` takes a verdict back."""
    judged_at = None if verdict is Verdict.PENDING else at
    tx.execute(
        update(PredictionRow)
        .where(PredictionRow.id == prediction_id)
        .values(verdict=verdict.value, judged_at=judged_at)
    )
    return get(tx, prediction_id)


def last_rejected(tx: Transaction) -> int | None:
    """The proposal that a person turned down last."""
    newest = (
        select(PredictionRow.id)
        .where(PredictionRow.verdict == Verdict.REJECTED.value)
        .order_by(PredictionRow.judged_at.desc(), PredictionRow.id.desc())
    )
    return tx.scalar(newest.limit(1))


def judged_times(tx: Transaction, limit: int) -> list[datetime]:
    """When people judged proposals, the newest verdicts, oldest first."""
    judged = PredictionRow.judged_at
    newest = select(judged).where(judged.is_not(None)).order_by(judged.desc()).limit(limit)
    return [at for at in reversed(tx.scalars(newest).all()) if at is not None]


def delete_for_bundle(tx: Transaction, bundle_id: int) -> int:
    """Throw away what nobody has judged; returns how many. Verdicts stay."""
    gone = tx.execute(
        delete(PredictionRow)
        .where(PredictionRow.bundle_id == bundle_id)
        .where(PredictionRow.verdict == Verdict.PENDING.value)
        .returning(PredictionRow.id)
    )
    number = len(gone.all())
    tx.execute(delete(PredictionRunRow).where(PredictionRunRow.bundle_id == bundle_id))
    return number


def counts(tx: Transaction, bundle_id: int) -> PredictionCounts:
    rows = tx.execute(
        select(PredictionRow.verdict, func.count())
        .where(PredictionRow.bundle_id == bundle_id)
        .group_by(PredictionRow.verdict)
    )
    found = {key: number for key, number in rows}  # noqa: C416  a Row is no tuple to the type checker
    runs = select(func.count()).select_from(PredictionRunRow).filter_by(bundle_id=bundle_id)
    return PredictionCounts(
        total=sum(found.values()),
        pending=found.get(Verdict.PENDING, 0),
        accepted=found.get(Verdict.ACCEPTED, 0),
        corrected=found.get(Verdict.CORRECTED, 0),
        rejected=found.get(Verdict.REJECTED, 0),
        num_images=tx.scalar(runs) or 0,
    )


def _storable(
    tx: Transaction, image_id: int, predictions: Iterable[NewPrediction]
) -> list[tuple[int, Box, float]]:
    size = tx.execute(select(ImageRow.width, ImageRow.height).filter_by(id=image_id)).first()
    if size is None:
        raise NotFoundError(f"There is no image with id {image_id}.")
    living = set(tx.scalars(select(CategoryRow.id)))
    clipped = [(p.category_id, _clipped(p, size[0], size[1]), float(p.score)) for p in predictions]
    return [
        (category_id, box, score)
        for category_id, box, score in clipped
        if category_id in living
        and box[2] - box[0] >= _SMALLEST_PX
        and box[3] - box[1] >= _SMALLEST_PX
    ]


def _clipped(prediction: NewPrediction, width: int, height: int) -> Box:
    if not all(math.isfinite(value) for value in (*prediction.box, prediction.score)):
        raise InvalidBoxError(
            f"A proposal needs finite numbers; found box {prediction.box}, score "
            f"{prediction.score}. The detector's output is broken."
        )
    x1, y1, x2, y2 = (float(value) for value in prediction.box)
    return (
        round(min(max(x1, 0.0), width), 3),
        round(min(max(y1, 0.0), height), 3),
        round(min(max(x2, 0.0), width), 3),
        round(min(max(y2, 0.0), height), 3),
    )


def _record_run(tx: Transaction, bundle_id: int, image_id: int, at: datetime) -> None:
    statement = insert(PredictionRunRow).values(bundle_id=bundle_id, image_id=image_id, at=at)
    tx.execute(
        statement.on_conflict_do_update(index_elements=["bundle_id", "image_id"], set_={"at": at})
    )
