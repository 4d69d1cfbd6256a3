"""A short text that changes whenever anybody changes what the canvas shows of an image."""

from __future__ import annotations

import hashlib

from sqlalchemy import func, select

from storage import images, notes
from storage.database import Transaction
from storage.models import AnnotationEventRow, PredictionRow
from storage.types import Verdict


def image_version(tx: Transaction, image_id: int, *, bundle_id: int | None) -> str:
    """16 hex digits over boxes, verdicts, marks and comment; raises NotFoundError."""
    image = images.get(tx, image_id)
    last_event = tx.scalar(
        select(func.max(AnnotationEventRow.id)).where(AnnotationEventRow.image_id == image_id)
    )
    waiting = tx.scalar(
        select(func.count(PredictionRow.id)).where(
            PredictionRow.bundle_id == bundle_id,
            PredictionRow.image_id == image_id,
            PredictionRow.verdict == Verdict.PENDING.value,
        )
    )
    marks = (image.reviewed_at is None, image.skipped_at is None, image.flagged)
    seen = (last_event, bundle_id, waiting, marks, notes.find(tx, image_id))
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]
