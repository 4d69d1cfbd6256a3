"""Blind audits: the sample, the boxes drawn without sight of the labels, and the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from storage.database import Transaction
from storage.errors import NotFoundError
from storage.models import AuditImageRow, AuditRow
from storage.types import Box


@dataclass(frozen=True, slots=True)
class LabelThen:
    """A box of a finished image as it was when the audit looked at it."""

    uid: str
    box: Box
    category_id: int


@dataclass(frozen=True, slots=True)
class AuditImage:
    """An image of the sample. `blind` is None until it was drawn; `label_is_right` indexes differences."""

    place: int
    image_id: int
    at: datetime | None
    labels: tuple[LabelThen, ...]
    blind: tuple[tuple[Box, int], ...] | None
    label_is_right: frozenset[int]


@dataclass(frozen=True, slots=True)
class Audit:
    """`result` is the estimate as JSON once all images were drawn."""

    id: int
    at: datetime
    author: str
    seed: int
    num_done: int
    finished_at: datetime | None
    result: dict[str, Any] | None
    images: tuple[AuditImage, ...]


def create(
    tx: Transaction,
    image_ids: Sequence[int],
    *,
    seed: int,
    num_done: int,
    author: str,
    at: datetime,
) -> Audit:
    row = AuditRow(at=at, author=author, seed=seed, num_done=num_done)
    tx.add(row)
    tx.flush()
    tx.add_all(
        AuditImageRow(audit_id=row.id, place=place, image_id=image_id)
        for place, image_id in enumerate(image_ids)
    )
    tx.flush()
    return get(tx, row.id)


def get(tx: Transaction, audit_id: int) -> Audit:
    row = tx.get(AuditRow, audit_id)
    if row is None:
        raise NotFoundError(f"There is no audit {audit_id}. Start one in Review.")
    images = tx.scalars(
        select(AuditImageRow).filter_by(audit_id=audit_id).order_by(AuditImageRow.place)
    )
    return Audit(
        id=row.id,
        at=row.at,
        author=row.author,
        seed=row.seed,
        num_done=row.num_done,
        finished_at=row.finished_at,
        result=row.result,
        images=tuple(_image(image) for image in images),
    )


def newest(tx: Transaction) -> Audit | None:
    found = tx.scalar(select(AuditRow.id).order_by(AuditRow.id.desc()).limit(1))
    return None if found is None else get(tx, found)


def keep_blind(
    tx: Transaction,
    audit_id: int,
    image_id: int,
    *,
    blind: Sequence[tuple[Box, int]],
    labels: Sequence[LabelThen],
    at: datetime,
) -> None:
    """Keep what was drawn, and the labels that it is compared with."""
    _change(
        tx,
        audit_id,
        image_id,
        {
            "at": at,
            "blind": [[list(box), category_id] for box, category_id in blind],
            "labels": [[item.uid, list(item.box), item.category_id] for item in labels],
            "label_is_right": [],
        },
    )


def keep_settled(
    tx: Transaction, audit_id: int, image_id: int, label_is_right: Sequence[int]
) -> None:
    _change(tx, audit_id, image_id, {"label_is_right": sorted(set(label_is_right))})


def finish(tx: Transaction, audit_id: int, result: Mapping[str, Any], at: datetime) -> None:
    tx.execute(
        update(AuditRow).where(AuditRow.id == audit_id).values(finished_at=at, result=dict(result))
    )


def _change(tx: Transaction, audit_id: int, image_id: int, values: Mapping[str, Any]) -> None:
    changed = tx.execute(
        update(AuditImageRow)
        .where(AuditImageRow.audit_id == audit_id, AuditImageRow.image_id == image_id)
        .values(**values)
        .returning(AuditImageRow.place)
    )
    if changed.first() is None:
        raise NotFoundError(f"Image {image_id} is no part of audit {audit_id}.")


def _image(row: AuditImageRow) -> AuditImage:
    blind = None
    if row.blind is not None:
        blind = tuple((_box(box), int(category_id)) for box, category_id in row.blind)
    labels = tuple(LabelThen(uid, _box(box), int(c)) for uid, box, c in row.labels or ())
    settled = frozenset(row.label_is_right or ())
    return AuditImage(row.place, row.image_id, row.at, labels, blind, settled)


def _box(values: Sequence[float]) -> Box:
    return (values[0], values[1], values[2], values[3])
