"""A thread that keeps a job's lease alive and hears when the job should stop."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType
from typing import Self

from app.workspace import Workspace
from storage import jobs, workers
from storage.errors import LeaseLostError
from storage.types import Claim

LEASE_S = 30.0
BEAT_EVERY_S = 1.0


class StopReason(StrEnum):
    CANCELLED = "cancelled"  # a person asked
    TERMINATED = "terminated"  # the process is to end
    LEASE_LOST = "lease_lost"  # another worker has the job


class StopSignal:
    """Whether, and why, work should end at its next step. The first reason stays."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._reason: StopReason | None = None

    def set(self, reason: StopReason) -> None:
        if self._reason is None:
            self._reason = reason
        self._event.set()

    @property
    def reason(self) -> StopReason | None:
        return self._reason

    def is_set(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        return self._event.wait(seconds)


class Heartbeat(AbstractContextManager["Heartbeat"]):
    """While the block runs, renews the lease of `claim` and sets `stop` on cancel or a lost lease."""

    def __init__(self, workspace: Workspace, claim: Claim, stop: StopSignal) -> None:
        self._workspace, self._claim, self._stop = workspace, claim, stop
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over.wait(BEAT_EVERY_S):
            try:
                self._beat()
            except LeaseLostError:
                self._stop.set(StopReason.LEASE_LOST)
                return

    def _beat(self) -> None:
        with self._workspace.database.job_write() as tx:
            job = jobs.beat(tx, self._claim, lease_s=LEASE_S, at=datetime.now(UTC))
        if job.cancel_asked_at is not None:
            self._stop.set(StopReason.CANCELLED)


class Presence(AbstractContextManager["Presence"]):
    """While the block runs, the workspace lists this worker as alive."""

    def __init__(
        self, workspace: Workspace, worker: str, *, pid: int, host: str, device: str
    ) -> None:
        self._workspace, self._worker = workspace, worker
        self._facts = (pid, host, device)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def __enter__(self) -> Self:
        self._beat()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()
        with self._workspace.database.job_write() as tx:
            workers.leave(tx, self._worker)

    def _run(self) -> None:
        while not self._is_over.wait(5 * BEAT_EVERY_S):
            self._beat()

    def _beat(self) -> None:
        pid, host, device = self._facts
        with self._workspace.database.job_write() as tx:
            workers.beat(tx, self._worker, pid, host, device, datetime.now(UTC))
