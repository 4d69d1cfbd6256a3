"""The worker process: waits for jobs and works them off, one at a time."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType

from app.detectors import DetectorCache
from app.heartbeat import LEASE_S, Presence, StopReason, StopSignal
from app.liveness import free_jobs_of_the_dead, is_running, new_worker_name
from app.performing import WORKER_KINDS, perform
from app.progress import OnProgress
from app.workspace import Workspace
from sdpt_engine.errors import EngineError
from storage import jobs
from storage.types import Claim, Job

log = logging.getLogger(__name__)

POLL_S = 0.3
_NICENESS = 5


def run_worker(
    workspace: Workspace, *, device: str, preload: bool = True, parent_pid: int | None = None
) -> int:
    """Work off jobs until SIGTERM or SIGINT, or until `parent_pid` is gone; returns how many.

    With `preload` the detector is loaded before the first job comes, which saves its first seconds.
    """
    stop = StopSignal()
    detectors = DetectorCache(workspace, device)
    name = new_worker_name()
    num_jobs = 0
    os.nice(_NICENESS)  # the page of the person comes first
    with (
        stopped_by_signals(stop, StopReason.TERMINATED),
        _watching(parent_pid, stop),
        Presence(workspace, name, pid=os.getpid(), host=socket.gethostname(), device=device),
    ):
        if preload:
            _preload(detectors)
        while not stop.is_set():
            claim = _claim(workspace, name)
            if claim is None:
                stop.wait(POLL_S)
                continue
            perform(workspace, claim, detector=detectors.get, stop=_for_job(stop))
            num_jobs += 1
    return num_jobs


def work_off(
    workspace: Workspace,
    job_id: int,
    *,
    device: str,
    stop: StopSignal,
    on_progress: OnProgress,
) -> Job | None:
    """Do one waiting job in this process, by the same table; None when somebody else has it."""
    name = new_worker_name()
    detectors = DetectorCache(workspace, device)
    claim = _claim(workspace, name, job_id=job_id)
    if claim is None:
        return None
    host = socket.gethostname()
    with Presence(workspace, name, pid=os.getpid(), host=host, device=device):
        return perform(workspace, claim, detector=detectors.get, stop=stop, on_progress=on_progress)


@contextmanager
def stopped_by_signals(stop: StopSignal, on_interrupt: StopReason) -> Iterator[None]:
    """SIGTERM ends work at its next step, so does the first Ctrl+C; the second one breaks off."""

    def terminate(_number: int, _frame: FrameType | None) -> None:
        stop.set(StopReason.TERMINATED)

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set(on_interrupt)

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    before = (signal.signal(signal.SIGTERM, terminate), signal.signal(signal.SIGINT, interrupt))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])


@contextmanager
def _watching(parent_pid: int | None, stop: StopSignal) -> Iterator[None]:
    """End with the server: a worker that nobody can see must not hold a job."""
    is_over = threading.Event()

    def watch() -> None:
        while parent_pid is not None and not is_over.wait(1.0):
            if os.getppid() != parent_pid or not is_running(parent_pid):
                stop.set(StopReason.TERMINATED)
                return

    thread = threading.Thread(target=watch, name="parent", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _for_job(process_stop: StopSignal) -> StopSignal:
    """A signal of the job's own: a cancelled job must not stop the worker, but SIGTERM stops both."""
    return _Linked(process_stop)


class _Linked(StopSignal):
    def __init__(self, outer: StopSignal) -> None:
        super().__init__()
        self._outer = outer

    @property
    def reason(self) -> StopReason | None:
        return super().reason or self._outer.reason

    def is_set(self) -> bool:
        return super().is_set() or self._outer.is_set()


def _claim(workspace: Workspace, name: str, *, job_id: int | None = None) -> Claim | None:
    free_jobs_of_the_dead(workspace)
    with workspace.database.job_write() as tx:
        return jobs.claim(
            tx,
            worker=name,
            lease_s=LEASE_S,
            at=datetime.now(UTC),
            kinds=WORKER_KINDS,
            job_id=job_id,
        )


def _preload(detectors: DetectorCache) -> None:
    try:
        detectors.get()
    except EngineError as error:
        # Each job that needs it will say so again; the worker stays, for the backbone may come.
        log.warning("%s", error)
