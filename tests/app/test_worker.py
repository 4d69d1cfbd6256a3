"""The worker as a process of its own: started, killed, and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.following import follow, result_of
from app.inference import PredictRequest, enqueue_predict
from app.liveness import is_running, live_workers
from app.progress import ignore_progress
from app.settings import Settings, choose_backbone
from app.supervisor import Supervisor
from app.tuning import TuneRequest, enqueue_tune
from app.workspace import Workspace
from storage import jobs
from tests.app.blood_cells import blood_cells, human_boxes, now

PATIENCE_S = 120


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with blood_cells(tmp_path) as made:
        choose_backbone(made, "nano")
        yield made


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def start_worker(workspace: Workspace, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "app", "worker", "--data", str(workspace.data_dir), *more]
    return subprocess.Popen(command, env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"})


def num_steps(workspace: Workspace, job_id: int) -> int:
    with workspace.database.read() as tx:
        return sum(1 for event in jobs.events(tx, job_id) if event.kind == "step")


def test_a_killed_worker_loses_no_box_and_its_job_is_finished_by_the_next(
    workspace: Workspace,
) -> None:
    before = human_boxes(workspace)
    job = enqueue_tune(workspace, TuneRequest(steps=8, val_fraction=0.5), now())
    worker = start_worker(workspace)
    wait_until(lambda: num_steps(workspace, job.id) >= 2)
    worker.kill()
    worker.wait()
    done = follow(workspace, job.id, device="cpu", on_progress=ignore_progress)
    assert result_of(done)["steps"] in (0, 8)  # where the few images looked at each other
    assert done.attempt == 2
    assert human_boxes(workspace) == before


def test_the_supervisor_starts_a_killed_worker_again_and_ends_it_with_itself(
    workspace: Workspace,
) -> None:
    settings = Settings(data_dir=workspace.data_dir, backbone="nano", device="cpu")
    with Supervisor(workspace, settings) as supervisor:
        first = supervisor.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: supervisor.pid not in (None, first))
        wait_until(lambda: live_workers(workspace))
        job = enqueue_predict(workspace, PredictRequest(bundle="zero-shot"), now())
        done = follow(workspace, job.id, device="cpu", on_progress=ignore_progress)
        assert result_of(done)["images"] == 4
        second = supervisor.pid
        assert second is not None
    assert not is_running(second)
    assert not live_workers(workspace)


def test_a_worker_ends_with_the_server_that_started_it(workspace: Workspace) -> None:
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    worker = start_worker(workspace, "--parent-pid", str(gone.pid))
    assert worker.wait(timeout=PATIENCE_S) == 0
