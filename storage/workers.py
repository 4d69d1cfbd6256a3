"""Which worker processes are there, by their last sign of life."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from storage import records
from storage.database import Transaction
from storage.models import WorkerRow
from storage.types import WorkerPresence


def beat(tx: Transaction, worker: str, pid: int, host: str, device: str, at: datetime) -> None:
    values = {"pid": pid, "host": host, "device": device, "beat_at": at}
    statement = insert(WorkerRow).values(worker=worker, **values)
    tx.execute(statement.on_conflict_do_update(index_elements=["worker"], set_=values))


def leave(tx: Transaction, worker: str) -> None:
    tx.execute(delete(WorkerRow).where(WorkerRow.worker == worker))


def alive(tx: Transaction, at: datetime, within_s: float = 15.0) -> list[WorkerPresence]:
    """The workers heard of within so many seconds before `at`."""
    earliest = at - timedelta(seconds=within_s)
    rows = tx.scalars(select(WorkerRow).where(WorkerRow.beat_at >= earliest))
    return [records.worker(row) for row in rows]
