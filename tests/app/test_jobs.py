"""Jobs on real images with the real detector, worked off in this process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from app.bundles import resolve_bundle
from app.errors import BundleChoiceError, JobCancelledError, JobFailedError, NotReadyError
from app.following import follow, result_of
from app.heartbeat import StopReason, StopSignal
from app.inference import REJECTED_IOU, PredictRequest, enqueue_predict
from app.performing import perform
from app.progress import ignore_progress
from app.readiness import readiness
from app.review import correct, reject
from app.review_queue import queue
from app.settings import choose_backbone
from app.tuning import TuneRequest, enqueue_tune
from app.worker import work_off
from app.workspace import Workspace
from storage import categories, jobs, predictions, projects
from storage.boxes import intersection_over_union
from storage.types import Job, JobStatus, StoredPrediction, Verdict
from tests.app.blood_cells import blood_cells, human_boxes, now

QUICK = TuneRequest(steps=3, val_fraction=0.5)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with blood_cells(tmp_path) as made:
        choose_backbone(made, "nano")
        yield made


def followed(workspace: Workspace, job: Job) -> Job:
    return follow(workspace, job.id, device="cpu", on_progress=ignore_progress)


def prelabelled(workspace: Workspace, bundle: str = "zero-shot") -> Job:
    job = enqueue_predict(workspace, PredictRequest(bundle=bundle), now())
    return followed(workspace, job)


@dataclass(frozen=True, slots=True)
class Tuned:
    """A project after a tuning, what it said, and the boxes before it."""

    workspace: Workspace
    job: Job
    result: dict[str, Any]
    before: list[tuple[object, ...]]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tuned]:
    with blood_cells(tmp_path_factory.mktemp("tuned")) as made:
        choose_backbone(made, "nano")
        before = human_boxes(made)
        done = followed(made, enqueue_tune(made, QUICK, now()))
        yield Tuned(made, done, result_of(done), before)


def test_tuning_reports_what_scripts_rely_on_and_touches_no_human_box(tuned: Tuned) -> None:
    result = tuned.result
    assert {"bundle", "adopted", "zero_shot", "tuned", "steps", "seconds"} <= result.keys()
    with tuned.workspace.database.read() as tx:
        told = [e.payload["step"] for e in jobs.events(tx, tuned.job.id) if e.kind == "step"]
    assert told[: QUICK.steps] == [1, 2, 3]
    assert result["steps"] <= QUICK.steps  # the best of them, or 0: the start
    assert result["trainable_parameters"] > 0
    assert human_boxes(tuned.workspace) == tuned.before


def test_a_bundle_is_adopted_only_when_it_beats_zero_shot(tuned: Tuned) -> None:
    best = resolve_bundle(tuned.workspace, "best")
    assert (best is not None) == tuned.result["adopted"]


def test_a_prompt_that_is_not_kept_is_not_run_on_the_images_left(tuned: Tuned) -> None:
    request = replace(QUICK, steps=0, is_plain=True, prelabels=True)  # it has learnt nothing
    result = result_of(followed(tuned.workspace, enqueue_tune(tuned.workspace, request, now())))
    assert not result["adopted"]
    assert result["prelabel_job"] is None
    with tuned.workspace.database.read() as tx:
        assert list(jobs.active(tx)) == []


def test_tuning_without_labels_says_what_is_missing(tmp_path: Path) -> None:
    with blood_cells(tmp_path, num_labelled=1) as sparse:
        assert not readiness(sparse).is_ready
        with pytest.raises(NotReadyError, match="at least 2 images"):
            enqueue_tune(sparse, QUICK, now())


def test_prelabelling_leaves_reviewed_images_alone(workspace: Workspace) -> None:
    result = result_of(prelabelled(workspace))
    assert result["images"] == 4
    with workspace.database.read() as tx:
        rows = tx.connection().exec_driver_sql(
            "SELECT count(*) FROM prediction JOIN image ON image.id = image_id"
            " WHERE reviewed_at IS NOT NULL"
        )
        assert rows.scalar() == 0


def test_prelabelling_again_duplicates_nothing(workspace: Workspace) -> None:
    first = result_of(prelabelled(workspace))
    second = result_of(prelabelled(workspace))
    assert first["predictions"] == second["predictions"] > 0


def found_twice(workspace: Workspace) -> tuple[StoredPrediction, str]:
    """A proposal of zero-shot, under review, that a tuned bundle makes too; and that bundle."""
    bundle = str(result_of(followed(workspace, enqueue_tune(workspace, QUICK, now())))["bundle"])
    prelabelled(workspace, bundle)
    prelabelled(workspace)
    for item in queue(workspace):
        for proposal in proposed(workspace, item.image_id, "zero-shot"):
            if repeated(workspace, proposal, bundle):
                return proposal, bundle
    raise AssertionError("The two bundles propose nothing alike: this scene tests nothing.")


def proposed(workspace: Workspace, image_id: int, bundle: str) -> list[StoredPrediction]:
    with workspace.database.read() as tx:
        of = projects.get(tx).prelabel_bundle_id if bundle == "zero-shot" else int(bundle)
        return predictions.for_image(tx, image_id, bundle_id=of, verdict=Verdict.PENDING)


def repeated(
    workspace: Workspace, proposal: StoredPrediction, bundle: str
) -> list[StoredPrediction]:
    """What the bundle proposes of the same class in nearly the same place."""
    return [
        p
        for p in proposed(workspace, proposal.image_id, bundle)
        if p.category_id == proposal.category_id
        and intersection_over_union(p.box, proposal.box) >= REJECTED_IOU
    ]


def test_a_rejected_proposal_does_not_come_back(workspace: Workspace) -> None:
    wrong, other_bundle = found_twice(workspace)
    reject(workspace, wrong.id, author="tester", at=now())
    for bundle in ("zero-shot", other_bundle):
        prelabelled(workspace, bundle)
        assert proposed(workspace, wrong.image_id, bundle)
        assert repeated(workspace, wrong, bundle) == []


def test_a_proposal_of_a_corrected_class_does_not_come_back(workspace: Workspace) -> None:
    wrong, other_bundle = found_twice(workspace)
    with workspace.database.read() as tx:
        right = next(c.id for c in categories.list_all(tx) if c.id != wrong.category_id)
    correct(
        workspace,
        wrong.id,
        uid="mended",
        box=wrong.box,
        category_id=right,
        author="tester",
        at=now(),
    )
    prelabelled(workspace, other_bundle)
    assert proposed(workspace, wrong.image_id, other_bundle)
    assert repeated(workspace, wrong, other_bundle) == []


def test_a_broken_image_is_skipped_and_listed(workspace: Workspace) -> None:
    with workspace.database.read() as tx:
        paths = tx.connection().exec_driver_sql(
            "SELECT relative_path FROM image WHERE reviewed_at IS NULL ORDER BY relative_path"
        )
        broken = str(paths.scalars().first())
    workspace.image_path(broken).write_bytes(b"half a picture")
    result = result_of(prelabelled(workspace))
    assert [item["path"] for item in result["skipped"]] == [broken]
    assert result["images"] == 3


def test_an_interrupted_tuning_goes_on_from_its_checkpoint(workspace: Workspace) -> None:
    job = enqueue_tune(workspace, TuneRequest(steps=6, val_fraction=0.5), now())
    stop = StopSignal()

    def stop_after_three(step: int, _total: int) -> None:
        if step == 3:
            stop.set(StopReason.TERMINATED)

    given_back = work_off(workspace, job.id, device="cpu", stop=stop, on_progress=stop_after_three)
    assert given_back is not None
    assert given_back.status is JobStatus.QUEUED
    done = followed(workspace, job)
    with workspace.database.read() as tx:
        steps = [e.payload["step"] for e in jobs.events(tx, job.id) if e.kind == "step"]
    assert steps == [1, 2, 3, 4, 5, 6]  # none of them twice
    assert done.attempt == 2


def test_a_cancelled_job_ends_as_cancelled(workspace: Workspace) -> None:
    job = enqueue_tune(workspace, TuneRequest(steps=200), now())
    stop = StopSignal()
    stop.set(StopReason.CANCELLED)
    work_off(workspace, job.id, device="cpu", stop=stop, on_progress=ignore_progress)
    with pytest.raises(JobCancelledError, match="kept"):
        result_of(followed(workspace, job))


def test_a_failed_job_says_why_and_ends_nothing_else(workspace: Workspace) -> None:
    result = result_of(followed(workspace, enqueue_tune(workspace, QUICK, now())))
    (workspace.state_dir / "bundles" / "tuned-1-a1" / "bundle.json").unlink()
    failed = prelabelled(workspace, str(result["bundle"]))
    with pytest.raises(JobFailedError, match=r"bundle\.json"):
        result_of(failed)
    assert result_of(prelabelled(workspace))["images"] == 4


def test_an_unknown_bundle_is_refused_before_a_job_is_made(workspace: Workspace) -> None:
    with pytest.raises(BundleChoiceError, match="'best' or 'zero-shot'"):
        enqueue_predict(workspace, PredictRequest(bundle="nonsense"), now())
    with workspace.database.read() as tx:
        assert jobs.recent(tx) == []


def test_a_worker_that_lost_its_job_stores_nothing(workspace: Workspace) -> None:
    job = enqueue_predict(workspace, PredictRequest(bundle="zero-shot"), now())
    with workspace.database.job_write() as tx:
        stale = jobs.claim(tx, worker="slow", lease_s=30, at=now())
        assert stale is not None
        jobs.expire_leases_of(tx, "slow", now())
    done = followed(workspace, job)

    def no_detector() -> object:
        raise AssertionError("a worker without a lease must not get this far")

    seen = perform(workspace, stale, detector=no_detector, stop=StopSignal())  # type: ignore[arg-type]
    assert seen == done
