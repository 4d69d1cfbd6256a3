"""What bundles proposed on images whose boxes are known and that they have not learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from storage.database import Transaction
from storage.models import (
    AnnotationRow,
    ImageRow,
    MeasuredProposalRow,
    MeasuredTruthRow,
    PredictionRow,
    PredictionRunRow,
)
from storage.types import Box


class MeasuredProposal(NamedTuple):
    """`iou` with the true box of its class that it found, or 0."""

    image_id: int
    category_id: int
    score: float
    iou: float


class ReviewedImage(NamedTuple):
    """A finished image with what a bundle had proposed on it and its boxes: (box, class[, score])."""

    image_id: int
    proposals: list[tuple[Box, int, float]]
    truth: list[tuple[Box, int]]


def replace_for_image(
    tx: Transaction,
    *,
    bundle_id: int,
    image_id: int,
    proposals: Sequence[MeasuredProposal],
    num_true: Mapping[int, int],
) -> None:
    """Keep what was measured on one image, in place of what was measured on it before."""
    for table in (MeasuredProposalRow, MeasuredTruthRow):
        tx.execute(
            delete(table).where(table.bundle_id == bundle_id).where(table.image_id == image_id)
        )
    rows = [{"bundle_id": bundle_id, **proposal._asdict()} for proposal in proposals]
    if rows:
        tx.execute(insert(MeasuredProposalRow), rows)
    truth = [
        {"bundle_id": bundle_id, "image_id": image_id, "category_id": c, "num_boxes": n}
        for c, n in num_true.items()
    ]
    if truth:
        tx.execute(insert(MeasuredTruthRow), truth)


def proposals(tx: Transaction, bundle_id: int) -> list[MeasuredProposal]:
    row = MeasuredProposalRow
    statement = (
        select(row.image_id, row.category_id, row.score, row.iou)
        .where(row.bundle_id == bundle_id)
        .order_by(row.id)
    )
    return [MeasuredProposal(*found) for found in tx.execute(statement)]


def num_true(tx: Transaction, bundle_id: int) -> dict[tuple[int, int], int]:
    """Boxes by (image, class); an image without any of a class counts with nought."""
    row = MeasuredTruthRow
    statement = select(row.image_id, row.category_id, row.num_boxes).where(
        row.bundle_id == bundle_id
    )
    return {(image, category): n for image, category, n in tx.execute(statement)}


def reviewed_since_run(tx: Transaction, bundle_id: int, *, limit: int) -> list[ReviewedImage]:
    """Images that people finished after the bundle had been run on them, the newest first.

    Left out are images that had boxes before the run: of those the bundle's proposals for these
    objects were never stored, and it may have learnt from them.
    """
    had_boxes = (
        select(AnnotationRow.id)
        .where(AnnotationRow.image_id == ImageRow.id)
        .where(AnnotationRow.created_at < PredictionRunRow.at)
        .exists()
    )
    ids = tx.scalars(
        select(ImageRow.id)
        .join(PredictionRunRow, PredictionRunRow.image_id == ImageRow.id)
        .where(PredictionRunRow.bundle_id == bundle_id)
        .where(ImageRow.reviewed_at > PredictionRunRow.at, ImageRow.missing_at.is_(None))
        .where(~had_boxes)
        .order_by(ImageRow.reviewed_at.desc(), ImageRow.id)
        .limit(limit)
    ).all()
    found = {image_id: ReviewedImage(image_id, [], []) for image_id in ids}
    proposed = select(PredictionRow).where(PredictionRow.bundle_id == bundle_id)
    for row in tx.scalars(proposed.where(PredictionRow.image_id.in_(ids))):
        box = (row.x1, row.y1, row.x2, row.y2)
        found[row.image_id].proposals.append((box, row.category_id, row.score))
    for human in tx.scalars(select(AnnotationRow).where(AnnotationRow.image_id.in_(ids))):
        box = (human.x1, human.y1, human.x2, human.y2)
        found[human.image_id].truth.append((box, human.category_id))
    return list(found.values())
