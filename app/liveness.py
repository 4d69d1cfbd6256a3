"""Which workers are really there. Beats tell of workers elsewhere; on this machine the kernel knows at once."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from app.workspace import Workspace
from storage import jobs, workers
from storage.types import WorkerPresence


def new_worker_name() -> str:
    """host:pid:random, so that the process can be looked up and a reused pid is no mistake."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def live_workers(workspace: Workspace) -> Sequence[WorkerPresence]:
    """Workers that have shown a sign of life and whose process, if it can be seen, exists."""
    with workspace.database.read() as tx:
        heard_of = workers.alive(tx, datetime.now(UTC))
    return [presence for presence in heard_of if not _is_known_dead(presence.worker)]


def free_jobs_of_the_dead(workspace: Workspace) -> None:
    """Let the jobs of killed workers of this machine wait again now, not when their leases run out."""
    with workspace.database.read() as tx:
        held = {job.worker for job in jobs.active(tx) if job.worker is not None}
    for worker in held:
        if _is_known_dead(worker):
            with workspace.database.job_write() as tx:
                jobs.expire_leases_of(tx, worker, datetime.now(UTC))
                workers.leave(tx, worker)


def is_running(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):  # no /proc on this system: the signal's answer stands
        return False


def _is_known_dead(worker: str) -> bool:
    host, _, rest = worker.partition(":")
    pid = rest.partition(":")[0]
    return host == socket.gethostname() and pid.isdecimal() and not is_running(int(pid))
