"""One attempt at one job, whatever its kind: the boundary where every failure becomes data."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.errors import AppError
from app.fiftyone.checking import run_check
from app.fiftyone.embedding import run_embed
from app.heartbeat import Heartbeat, StopReason, StopSignal
from app.inference import run_predict
from app.job_context import JobContext, JobStopped
from app.progress import OnProgress, ignore_progress
from app.tuning import run_tune
from app.workspace import Workspace
from sdpt_engine.errors import EngineError
from storage import jobs
from storage.errors import LeaseLostError, StorageError
from storage.types import Claim, Job, JobKind, JobStatus

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector

log = logging.getLogger(__name__)

_KNOWN = (AppError, EngineError, StorageError)


def perform(
    workspace: Workspace,
    claim: Claim,
    *,
    detector: Callable[[], Detector],
    stop: StopSignal,
    on_progress: OnProgress = ignore_progress,
    runner: Callable[[JobContext], Job] | None = None,
) -> Job:
    """Work on a claimed job until it ends or `stop` is set; returns it as it stands then.

    `runner` does it where the job is not one of the worker's own.
    """
    context = JobContext(workspace, claim, stop, detector, on_progress)
    log.info("job %d (%s), attempt %d: begins", claim.job.id, claim.job.kind, claim.attempt)
    try:
        with Heartbeat(workspace, claim, stop):
            job = _run(context, runner or _RUNNERS[claim.job.kind])
    except LeaseLostError as error:
        log.warning("%s", error)
        with workspace.database.read() as tx:
            job = jobs.get(tx, claim.job.id)
    log.info("job %d: %s", job.id, job.status)
    return job


_RUNNERS = {
    JobKind.TUNE: run_tune,
    JobKind.PREDICT: run_predict,
    JobKind.EMBED: run_embed,
    JobKind.CHECK: run_check,
}
WORKER_KINDS = tuple(_RUNNERS)


def _run(context: JobContext, runner: Callable[[JobContext], Job]) -> Job:
    try:
        return runner(context)
    except LeaseLostError:
        raise
    except JobStopped:
        return _stopped(context)
    except Exception as error:  # the job boundary: a failed job must not end the worker
        return _failed(context, error)


def _stopped(context: JobContext) -> Job:
    at = datetime.now(UTC)
    with context.workspace.database.job_write() as tx:
        if context.stop.reason is StopReason.CANCELLED:
            return jobs.finish(tx, context.claim, JobStatus.CANCELLED, at=at)
        return jobs.release(tx, context.claim, at)


def _failed(context: JobContext, error: Exception) -> Job:
    """The sentence goes into the table, the traceback into a file of the attempt."""
    context.attempt_dir.mkdir(parents=True, exist_ok=True)
    path = context.attempt_dir / "error.txt"
    path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    log.exception("job %d failed", context.claim.job.id)
    text = str(error)
    if not isinstance(error, _KNOWN):
        first_line = text.partition("\n")[0] or "no further word"
        text = f"{type(error).__name__}: {first_line}. The traceback is in '{path}'."
    with context.workspace.database.job_write() as tx:
        return jobs.finish(
            tx,
            context.claim,
            JobStatus.FAILED,
            error_kind=type(error).__name__,
            error_text=text,
            at=datetime.now(UTC),
        )
