"""Where proposals come from: the detector alone, a tuned prompt, or a file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from storage import records
from storage.database import Transaction
from storage.errors import ConflictError, NotFoundError
from storage.models import BundleRow
from storage.types import Bundle, BundleKind


def create(
    tx: Transaction,
    *,
    name: str,
    kind: BundleKind,
    at: datetime,
    folder: str | None = None,
    backbone: str | None = None,
    backbone_digest: str | None = None,
    metrics: Mapping[str, Any] | None = None,
    thresholds: Mapping[str, float] | None = None,
    trainable_parameters: int = 0,
    steps: int = 0,
    job_id: int | None = None,
) -> Bundle:
    """Register a bundle whose files, if it has any, are already in place (`folder`)."""
    if find_by_name(tx, name) is not None:
        raise ConflictError(f"There is a bundle '{name}' already; give the new one another name.")
    row = BundleRow(
        name=name,
        kind=kind.value,
        folder=folder,
        backbone=backbone or "",
        backbone_digest=backbone_digest or "",
        metrics=dict(metrics or {}),
        thresholds=dict(thresholds or {}),
        trainable_parameters=trainable_parameters,
        steps=steps,
        job_id=job_id,
        created_at=at,
    )
    tx.add(row)
    tx.flush()
    return records.bundle(row)


def get(tx: Transaction, bundle_id: int) -> Bundle:
    row = tx.get(BundleRow, bundle_id)
    if row is None:
        known = ", ".join(f"{b.id} ('{b.name}')" for b in list_all(tx)) or "none yet"
        raise NotFoundError(f"There is no bundle {bundle_id}. The bundles are: {known}.")
    return records.bundle(row)


def find_by_name(tx: Transaction, name: str) -> Bundle | None:
    row = tx.scalars(select(BundleRow).filter_by(name=name)).first()
    return None if row is None else records.bundle(row)


def list_all(tx: Transaction) -> list[Bundle]:
    """All bundles, oldest first."""
    return [records.bundle(row) for row in tx.scalars(select(BundleRow).order_by(BundleRow.id))]


def set_folder(tx: Transaction, bundle_id: int, folder: str) -> Bundle:
    """Where the files lie, relative to the state folder."""
    get(tx, bundle_id)
    tx.execute(update(BundleRow).where(BundleRow.id == bundle_id).values(folder=folder))
    return get(tx, bundle_id)


def adopt(tx: Transaction, bundle_id: int, at: datetime) -> Bundle:
    """Make it the bundle in use; there is one at most."""
    get(tx, bundle_id)
    tx.execute(update(BundleRow).where(BundleRow.id != bundle_id).values(adopted_at=None))
    tx.execute(update(BundleRow).where(BundleRow.id == bundle_id).values(adopted_at=at))
    return get(tx, bundle_id)


def adopted(tx: Transaction) -> Bundle | None:
    row = tx.scalars(select(BundleRow).where(BundleRow.adopted_at.is_not(None))).first()
    return None if row is None else records.bundle(row)


def zero_shot(tx: Transaction, backbone: str, digest: str, at: datetime) -> Bundle:
    """The detector without a tuned prompt; made when it is first asked for."""
    row = tx.scalars(
        select(BundleRow).filter_by(
            kind=BundleKind.ZERO_SHOT.value, backbone=backbone, backbone_digest=digest
        )
    ).first()
    if row is not None:
        return records.bundle(row)
    return create(
        tx,
        name=f"zero-shot {backbone} {digest[:8]}".strip(),
        kind=BundleKind.ZERO_SHOT,
        backbone=backbone,
        backbone_digest=digest,
        at=at,
    )


def set_thresholds(tx: Transaction, bundle_id: int, thresholds: Mapping[str, float]) -> None:
    """The score per class id (as text) from which its proposals are worth showing."""
    values = {"thresholds": dict(thresholds)}
    tx.execute(update(BundleRow).where(BundleRow.id == bundle_id).values(**values))


def set_metrics(tx: Transaction, bundle_id: int, metrics: Mapping[str, Any]) -> None:
    """What was measured of it, in place of all that was."""
    values = {"metrics": dict(metrics)}
    tx.execute(update(BundleRow).where(BundleRow.id == bundle_id).values(**values))
