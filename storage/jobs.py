"""The job table. A job belongs to one worker at a time, and only its claim may write about it.

queued -> running -> succeeded | failed | cancelled
   ^         |
   +---------+  given back, or the worker died (its lease ran out)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, insert, literal, select, update

from storage import records
from storage.database import Transaction
from storage.errors import LeaseLostError, NotFoundError
from storage.models import JobEventRow, JobRow
from storage.types import Claim, Job, JobEvent, JobKind, JobStatus

MOST_LOST_LEASES = 5
_LEASE_LOST = "lease_lost"
_UNFINISHED = (JobStatus.QUEUED.value, JobStatus.RUNNING.value)


def enqueue(tx: Transaction, kind: JobKind, spec: Mapping[str, Any], at: datetime) -> Job:
    row = JobRow(
        kind=kind.value,
        spec=dict(spec),
        status=JobStatus.QUEUED.value,
        attempt=0,
        step=0,
        total_steps=0,
        created_at=at,
    )
    tx.add(row)
    tx.flush()
    return records.job(row)


def claim(
    tx: Transaction,
    *,
    worker: str,
    lease_s: float,
    at: datetime,
    kinds: Sequence[JobKind] | None = None,
    job_id: int | None = None,
) -> Claim | None:
    """Take the oldest waiting job (of these kinds, or just this one), or None.

    Selecting and taking are one statement, so that no two workers can get the same job.
    """
    _free_expired(tx, at)
    waiting = select(JobRow.id).where(JobRow.status == JobStatus.QUEUED.value)
    if kinds is not None:
        waiting = waiting.where(JobRow.kind.in_([kind.value for kind in kinds]))
    if job_id is not None:
        waiting = waiting.where(JobRow.id == job_id)
    taken = tx.scalars(
        update(JobRow)
        .where(JobRow.id == waiting.order_by(JobRow.id).limit(1).scalar_subquery())
        .values(
            status=JobStatus.RUNNING.value,
            worker=worker,
            attempt=JobRow.attempt + 1,
            lease_until=at + timedelta(seconds=lease_s),
            started_at=func.coalesce(JobRow.started_at, _time(at)),
            last_step_at=at,
        )
        .returning(JobRow),
        execution_options={"synchronize_session": False, "populate_existing": True},
    ).first()
    if taken is None:
        return None
    job = records.job(taken)
    return Claim(job, worker, job.attempt)


def beat(tx: Transaction, claim: Claim, *, lease_s: float, at: datetime) -> Job:
    """Renew the lease. The job that comes back says whether a cancel was asked for."""
    return _write(tx, claim, lease_until=at + timedelta(seconds=lease_s))


def report(
    tx: Transaction,
    claim: Claim,
    *,
    step: int,
    total_steps: int,
    kind: str,
    payload: Mapping[str, Any],
    at: datetime,
) -> Job:
    """Say how far the job is, and append a line to its log."""
    job = _write(tx, claim, step=step, total_steps=total_steps, last_step_at=at)
    _log(tx, job, kind, payload, at)
    return job


def finish(
    tx: Transaction,
    claim: Claim,
    status: JobStatus,
    *,
    at: datetime,
    result: Mapping[str, Any] | None = None,
    error_kind: str | None = None,
    error_text: str | None = None,
) -> Job:
    """End the job. Whatever it made belongs in the same transaction."""
    job = _write(
        tx,
        claim,
        status=status.value,
        result=None if result is None else dict(result),
        error_kind=error_kind,
        error_text=error_text,
        finished_at=at,
        lease_until=None,
    )
    _log(tx, job, status.value, {} if error_text is None else {"error": error_text}, at)
    return job


def release(tx: Transaction, claim: Claim, at: datetime) -> Job:
    """Give the job back unfinished, for another worker or a later start."""
    job = _write(tx, claim)
    is_cancelled = job.cancel_asked_at is not None
    status = JobStatus.CANCELLED if is_cancelled else JobStatus.QUEUED
    job = _write(
        tx,
        claim,
        status=status.value,
        worker=None,
        lease_until=None,
        finished_at=at if is_cancelled else None,
    )
    _log(tx, job, "cancelled" if is_cancelled else "released", {}, at)
    return job


def expire_leases_of(tx: Transaction, worker: str, at: datetime) -> None:
    """Let the leases of a worker that is known to be dead run out now, not at their time."""
    tx.execute(
        update(JobRow)
        .where(JobRow.worker == worker, JobRow.status == JobStatus.RUNNING.value)
        .values(lease_until=at - timedelta(seconds=1))
        .execution_options(synchronize_session=False)
    )


def ask_cancel(tx: Transaction, job_id: int, at: datetime) -> Job:
    """A waiting job is cancelled at once; a running one is asked to stop at its next step."""
    job = get(tx, job_id)
    if job.status is JobStatus.QUEUED:
        changes: dict[str, Any] = {"status": JobStatus.CANCELLED.value, "finished_at": at}
    elif job.status is JobStatus.RUNNING:
        changes = {}
    else:
        return job
    tx.execute(
        update(JobRow)
        .where(JobRow.id == job_id)
        .values(cancel_asked_at=func.coalesce(JobRow.cancel_asked_at, _time(at)), **changes)
        .execution_options(synchronize_session=False)
    )
    _log(tx, job, "cancel_asked", {}, at)
    return get(tx, job_id)


def get(tx: Transaction, job_id: int) -> Job:
    row = tx.get(JobRow, job_id, populate_existing=True)
    if row is None:
        raise NotFoundError(f"There is no job {job_id}.")
    return records.job(row)


def recent(tx: Transaction, limit: int = 20, kind: JobKind | None = None) -> list[Job]:
    """The newest jobs first."""
    statement = select(JobRow).order_by(JobRow.id.desc()).limit(limit)
    if kind is not None:
        statement = statement.where(JobRow.kind == kind.value)
    return [records.job(row) for row in tx.scalars(statement)]


def active(tx: Transaction) -> list[Job]:
    """The jobs that wait or run, oldest first."""
    rows = tx.scalars(select(JobRow).where(JobRow.status.in_(_UNFINISHED)).order_by(JobRow.id))
    return [records.job(row) for row in rows]


def events(tx: Transaction, job_id: int, after_id: int = 0) -> list[JobEvent]:
    """The job's log after that line, oldest first."""
    statement = (
        select(JobEventRow)
        .where(JobEventRow.job_id == job_id, JobEventRow.id > after_id)
        .order_by(JobEventRow.id)
    )
    return [records.job_event(row) for row in tx.scalars(statement)]


def _write(tx: Transaction, claim: Claim, **values: Any) -> Job:
    """Change the job if the claim still holds; else LeaseLostError."""
    held = tx.scalars(
        update(JobRow)
        .where(JobRow.id == claim.job.id)
        .where(JobRow.worker == claim.worker, JobRow.attempt == claim.attempt)
        .where(JobRow.status == JobStatus.RUNNING.value)
        .values(**(values or {"worker": claim.worker}))
        .returning(JobRow),
        execution_options={"synchronize_session": False, "populate_existing": True},
    ).first()
    if held is None:
        now = get(tx, claim.job.id)
        raise LeaseLostError(
            f"Job {now.id}, attempt {claim.attempt}, is no longer held by '{claim.worker}': it is "
            f"{now.status.value}, attempt {now.attempt}, worker '{now.worker}'. Stop working on it."
        )
    return records.job(held)


def _free_expired(tx: Transaction, at: datetime) -> None:
    """Jobs whose worker died wait again, end as cancelled if that was asked, or fail for good."""
    expired = tx.scalars(
        select(JobRow)
        .where(JobRow.status == JobStatus.RUNNING.value, JobRow.lease_until < at)
        .execution_options(populate_existing=True)
    ).all()
    for row in expired:
        job = records.job(row)
        _log(tx, job, _LEASE_LOST, {"worker": job.worker}, at)
        tx.execute(
            update(JobRow)
            .where(JobRow.id == job.id)
            .values(worker=None, lease_until=None, **_after_death(tx, job, at))
            .execution_options(synchronize_session=False)
        )


def _after_death(tx: Transaction, job: Job, at: datetime) -> dict[str, Any]:
    if job.cancel_asked_at is not None:
        return {"status": JobStatus.CANCELLED.value, "finished_at": at}
    lost = select(func.count()).select_from(JobEventRow).filter_by(job_id=job.id, kind=_LEASE_LOST)
    if (tx.scalar(lost) or 0) < MOST_LOST_LEASES:
        return {"status": JobStatus.QUEUED.value}
    return {
        "status": JobStatus.FAILED.value,
        "finished_at": at,
        "error_kind": "WorkerDiedError",
        "error_text": f"The worker died {MOST_LOST_LEASES} times while it worked on this job; "
        "it was given up. Look into the worker's log, then start the job again.",
    }


def _time(at: datetime) -> ColumnElement[datetime]:
    """A value in the column's own text form; SQLAlchemy does not look for it inside a function."""
    return literal(at, JobRow.started_at.type)


def _log(tx: Transaction, job: Job, kind: str, payload: Mapping[str, Any], at: datetime) -> None:
    line = {"job_id": job.id, "attempt": job.attempt, "at": at, "kind": kind}
    tx.execute(insert(JobEventRow), [{**line, "payload": dict(payload)}])
