"""The mirror's part of Brain: one waiting question at a time, once the worker has done what it needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

from app.errors import NotReadyError
from app.fiftyone.checking import Check, read_checks
from app.fiftyone.embedding import read_embeddings
from app.heartbeat import LEASE_S, StopSignal
from app.job_context import JobContext
from app.liveness import new_worker_name
from app.performing import perform
from app.workspace import Workspace
from sdpt_engine.errors import BackboneUnavailableError
from storage import bundles, categories, images, jobs, suggestions
from storage.fiftyone_bridge import brain
from storage.fiftyone_bridge.bridge import Bridge
from storage.types import ImageFilter, Job, JobKind, JobStatus

_LEAST_IMAGES = 2


def run_waiting_brain_job(workspace: Workspace, bridge: Bridge, stop: StopSignal) -> Job | None:
    """Answer the oldest question that can be answered now."""
    with workspace.database.read() as tx:
        waiting = [
            job
            for job in jobs.active(tx)
            if job.kind is JobKind.BRAIN
            and (job.spec["after_job"] is None or _is_over(jobs.get(tx, job.spec["after_job"])))
        ]
    if not waiting:
        return None
    with workspace.database.job_write() as tx:
        claim = jobs.claim(
            tx,
            worker=new_worker_name(),
            lease_s=LEASE_S,
            at=datetime.now(UTC),
            kinds=[JobKind.BRAIN],
            job_id=waiting[0].id,
        )
    if claim is None:
        return None
    return perform(
        workspace,
        claim,
        detector=_no_detector,
        stop=stop,
        runner=lambda context: _answer(context, bridge),
    )


def _is_over(job: Job) -> bool:
    return job.status.is_finished


def _no_detector() -> NoReturn:
    raise BackboneUnavailableError("FiftyOne's mirror has no detector; the worker has it.")


def _answer(context: JobContext, bridge: Bridge) -> Job:
    started, spec = time.monotonic(), context.claim.job.spec
    _require_success(context.workspace, spec["after_job"])
    sentence = _ANSWERS[spec["question"]](context.workspace, bridge)
    bridge.dataset.save()
    result = {"sentence": sentence, "seconds": round(time.monotonic() - started, 2)}
    with context.workspace.database.job_write() as tx:
        return jobs.finish(
            tx, context.claim, JobStatus.SUCCEEDED, result=result, at=datetime.now(UTC)
        )


def _require_success(workspace: Workspace, job_id: int | None) -> None:
    if job_id is None:
        return
    with workspace.database.read() as tx:
        job = jobs.get(tx, job_id)
    if job.status is not JobStatus.SUCCEEDED:
        raise NotReadyError(
            f"The worker's part (job {job.id}) ended as {job.status.value}: "
            f"{job.error_text or 'it was stopped'} Ask again when that is solved."
        )


def _similarity(workspace: Workspace, bridge: Bridge) -> str:
    view = _embedded(workspace, bridge)
    brain.index_similarity(bridge, view)
    return (
        f"{view.count()} images can be sorted by similarity: select one, then the picture with the "
        "magnifying glass; the panel Embeddings shows them as a map."
    )


def _uniqueness(workspace: Workspace, bridge: Bridge) -> str:
    ranked = brain.rank_uniqueness(_embedded(workspace, bridge))
    with workspace.database.job_write() as tx:
        suggestions.replace_all(tx, ranked, datetime.now(UTC))
        number = images.count(tx, ImageFilter.SUGGESTED)
    return f"{number} images wait in Label under 'Suggested next', the most unlike one first."


def _duplicates(workspace: Workspace, bridge: Bridge) -> str:
    number = brain.tag_duplicates(bridge, _embedded(workspace, bridge))
    return f"{number} images look like another one: view '{brain.DUPLICATES_VIEW}'."


def _mistakenness(workspace: Workspace, bridge: Bridge) -> str:
    checks = _put_checks(workspace, bridge)
    with workspace.database.read() as tx:
        best = bundles.adopted(tx)
    wanted = None if best is None else best.id
    check = next((c for c in checks if c.bundle_id == wanted), checks[-1])
    number = brain.find_mistakes(bridge, check.field, list(check.predictions))
    return (
        f"{number} images hold a likely mistake, judged by {check.field.removeprefix('check_')} on "
        f"{len(check.predictions)} labelled images: view 'likely mistakes'."
    )


def _evaluation(workspace: Workspace, bridge: Bridge) -> str:
    parts = []
    for check in _put_checks(workspace, bridge):
        name = check.field.removeprefix("check_")
        if not check.held_out:
            parts.append(f"{name} has learnt from every labelled image")
            continue
        found = brain.evaluate(bridge, check.field, check.held_out)
        parts.append(f"{name} mAP {found.mean_ap:.1%} on {found.num_images} held-out images")
    return f"{'; '.join(parts)}. The panel Model Evaluation shows the rest."


def _embedded(workspace: Workspace, bridge: Bridge) -> Any:
    vectors = read_embeddings(workspace).vectors
    with workspace.database.read() as tx:
        by_image = {
            image.id: vectors[image.sha256]
            for image in images.list_all(tx)
            if image.sha256 in vectors
        }
    if len(by_image) < _LEAST_IMAGES:
        raise NotReadyError(f"Only {len(by_image)} images could be looked at; two are the least.")
    return brain.set_embeddings(bridge, by_image)


def _put_checks(workspace: Workspace, bridge: Bridge) -> list[Check]:
    checks = read_checks(workspace)
    if not checks:
        raise NotReadyError("No bundle could be measured: tune one, or choose another detector.")
    with workspace.database.read() as tx:
        names = {c.id: c.name for c in categories.list_all(tx)}
        shown = [image_id for check in checks for image_id in check.predictions]
        sizes = {image.id: image.size_wh for image in images.get_many(tx, shown)}
    for check in checks:
        brain.set_checks(bridge, check.field, check.predictions, names=names, sizes=sizes)
    return checks


_ANSWERS: dict[str, Callable[[Workspace, Bridge], str]] = {
    "similarity": _similarity,
    "uniqueness": _uniqueness,
    "duplicates": _duplicates,
    "mistakenness": _mistakenness,
    "evaluation": _evaluation,
}
