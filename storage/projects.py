"""The one project of a workspace: which backbone it uses and whose proposals are under review."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select, update

from storage import records
from storage.database import Transaction
from storage.models import ProjectRow
from storage.types import Project

_ONLY = 1


def ensure(tx: Transaction, name: str) -> Project:
    """Create the project of a new workspace; an existing one is left as it is."""
    if tx.get(ProjectRow, _ONLY) is None:
        tx.add(ProjectRow(id=_ONLY, name=name, created_at=datetime.now(UTC)))
        tx.flush()
    return get(tx)


def get(tx: Transaction) -> Project:
    row = tx.scalars(select(ProjectRow)).one()
    return records.project(row)


def set_backbone(tx: Transaction, name: str, digest: str | None) -> None:
    tx.execute(update(ProjectRow).values(backbone=name, backbone_digest=digest))


def set_prelabel_bundle(tx: Transaction, bundle_id: int | None) -> None:
    tx.execute(update(ProjectRow).values(prelabel_bundle_id=bundle_id))
