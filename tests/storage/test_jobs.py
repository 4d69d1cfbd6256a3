"""A job belongs to one worker at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from storage import jobs
from storage.errors import LeaseLostError
from storage.jobs import MOST_LOST_LEASES
from storage.types import Claim, JobKind, JobStatus
from tests.storage.conftest import AT, Project

LEASE_S = 30.0
LATER = AT + timedelta(seconds=31)


def enqueue(project: Project) -> int:
    with project.database.write() as tx:
        return jobs.enqueue(tx, JobKind.TUNE, {}, AT).id


def claim(project: Project, worker: str, at: object = AT) -> Claim | None:
    with project.database.job_write() as tx:
        return jobs.claim(tx, worker=worker, lease_s=LEASE_S, at=at)  # type: ignore[arg-type]


def test_claim_gives_each_job_to_one_worker(project: Project) -> None:
    wanted = {enqueue(project) for _ in range(40)}
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda n: claim(project, f"worker-{n}"), range(60)))
    ids = [found.job.id for found in taken if found is not None]
    assert sorted(ids) == sorted(wanted)


def test_a_lease_that_ran_out_is_given_to_the_next_and_the_first_is_fenced_off(
    project: Project,
) -> None:
    enqueue(project)
    first = claim(project, "slow")
    second = claim(project, "quick", LATER)
    assert first is not None
    assert second is not None
    assert second.attempt == 2
    with pytest.raises(LeaseLostError, match="Stop working"), project.database.job_write() as tx:
        jobs.finish(tx, first, JobStatus.SUCCEEDED, at=LATER)


def test_a_beat_keeps_the_lease(project: Project) -> None:
    enqueue(project)
    first = claim(project, "steady")
    assert first is not None
    with project.database.job_write() as tx:
        jobs.beat(tx, first, lease_s=LEASE_S, at=AT + timedelta(seconds=20))
    assert claim(project, "eager", LATER) is None


def test_a_job_that_kills_its_workers_is_given_up(project: Project) -> None:
    job_id = enqueue(project)
    for number in range(MOST_LOST_LEASES + 1):
        claim(project, "unlucky", AT + timedelta(minutes=number))
    with project.database.read() as tx:
        job = jobs.get(tx, job_id)
    assert job.status is JobStatus.FAILED
    assert job.error_text is not None
    assert "given up" in job.error_text


def test_cancelling_a_waiting_job_ends_it_at_once(project: Project) -> None:
    job_id = enqueue(project)
    with project.database.write() as tx:
        assert jobs.ask_cancel(tx, job_id, AT).status is JobStatus.CANCELLED
    assert claim(project, "idle") is None


def test_a_released_job_can_be_claimed_again(project: Project) -> None:
    enqueue(project)
    first = claim(project, "leaving")
    assert first is not None
    with project.database.job_write() as tx:
        jobs.release(tx, first, AT)
    assert claim(project, "coming") is not None
