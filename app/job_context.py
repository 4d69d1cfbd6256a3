"""What a running job may use: its claim, its folder, the detector, and a way to say how far it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.heartbeat import StopSignal
from app.progress import OnProgress
from app.workspace import Workspace
from storage import jobs
from storage.types import Claim

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector


class JobStopped(Exception):  # noqa: N818  (an outcome more than an error)
    """The job ended at a step because its stop signal was set; what it had finished is kept."""


@dataclass(frozen=True, slots=True)
class JobContext:
    """One attempt at one job."""

    workspace: Workspace
    claim: Claim
    stop: StopSignal
    detector: Callable[[], Detector]
    on_progress: OnProgress

    @property
    def job_dir(self) -> Path:
        return job_dir(self.workspace, self.claim.job.id)

    @property
    def attempt_dir(self) -> Path:
        """A folder of this attempt alone: a worker that lost its lease cannot spoil it."""
        return self.job_dir / f"attempt-{self.claim.attempt}"

    def earlier_attempt_dirs(self) -> list[Path]:
        """Newest first."""
        numbers = range(self.claim.attempt - 1, 0, -1)
        return [self.job_dir / f"attempt-{number}" for number in numbers]

    def say(self, kind: str, payload: Mapping[str, Any], *, step: int, total_steps: int) -> None:
        """Append to the job's log. Raises LeaseLostError when another worker has the job."""
        with self.workspace.database.job_write() as tx:
            jobs.report(
                tx,
                self.claim,
                step=step,
                total_steps=total_steps,
                kind=kind,
                payload=payload,
                at=datetime.now(UTC),
            )
        self.on_progress(step, total_steps)


def job_dir(workspace: Workspace, job_id: int) -> Path:
    return workspace.jobs_dir / str(job_id)
