"""Wait for a job to end: watch a live worker do it, or do it here when there is none."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from app.errors import JobCancelledError, JobEndedError, JobFailedError
from app.heartbeat import StopReason, StopSignal
from app.liveness import live_workers
from app.progress import OnProgress
from app.worker import POLL_S, stopped_by_signals, work_off
from app.workspace import Workspace
from storage import jobs
from storage.types import Job, JobStatus


def follow(workspace: Workspace, job_id: int, *, device: str, on_progress: OnProgress) -> Job:
    """Return the job once it has ended. The first Ctrl+C cancels it, and finished parts stay.

    A worker that dies on the way is replaced by this process.
    """
    stop = StopSignal()
    with stopped_by_signals(stop, StopReason.CANCELLED):
        while not (job := _get(workspace, job_id)).status.is_finished:
            if stop.reason is StopReason.TERMINATED:
                raise JobEndedError(
                    f"Job {job_id} was left unfinished: this process was asked to end. "
                    "The next worker of the workspace goes on with it."
                )
            if stop.reason is StopReason.CANCELLED and job.cancel_asked_at is None:
                _cancel(workspace, job_id)
            on_progress(job.step, job.total_steps)
            if live_workers(workspace) or not work_off(
                workspace, job_id, device=device, stop=stop, on_progress=on_progress
            ):
                time.sleep(POLL_S)
    return job


def result_of(job: Job) -> dict[str, Any]:
    """What the finished job says. Raises JobFailedError or JobCancelledError."""
    if job.status is JobStatus.CANCELLED:
        raise JobCancelledError(f"Job {job.id} was cancelled; what it had finished is kept.")
    if job.status is not JobStatus.SUCCEEDED or job.result is None:
        raise JobFailedError(job.error_text or f"Job {job.id} ended as {job.status.value}.")
    return job.result


def _get(workspace: Workspace, job_id: int) -> Job:
    with workspace.database.read() as tx:
        return jobs.get(tx, job_id)


def _cancel(workspace: Workspace, job_id: int) -> None:
    with workspace.database.write() as tx:
        jobs.ask_cancel(tx, job_id, datetime.now(UTC))
