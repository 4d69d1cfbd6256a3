"""What the page knows of the newest job of a kind: read by a cursor, so a reload loses nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from app.review_queue import NumWaiting
from app.ui import markup
from app.workspace import Workspace
from storage import jobs
from storage.types import Job, JobEvent, JobKind, JobStatus


@dataclass(frozen=True, slots=True)
class JobView:
    """A job and the part of its log that has been read, up to the line `cursor`."""

    job: Job | None = None
    cursor: int = 0
    phase: str = ""
    eta_s: float | None = None
    losses: tuple[tuple[int, float], ...] = ()
    scores: tuple[tuple[int, float], ...] = ()  # (step, held-out AP50)
    zero_shot: float | None = None
    num_skipped: int = 0

    @property
    def is_active(self) -> bool:
        return self.job is not None and not self.job.status.is_finished


def looked_at(workspace: Workspace, before: JobView, kind: JobKind) -> JobView:
    """The view after reading what is new."""
    with workspace.database.read() as tx:
        newest = jobs.recent(tx, limit=1, kind=kind)
        if not newest:
            return JobView()
        view = before
        if before.job is None or before.job.id != newest[0].id:
            view = JobView()
        new = jobs.events(tx, newest[0].id, after_id=view.cursor)
    for event in new:
        view = _after(view, event)
    return replace(view, job=newest[0])


def _after(view: JobView, event: JobEvent) -> JobView:
    said = event.payload
    view = replace(view, cursor=event.id)
    if event.kind == "phase":
        return replace(view, phase=str(said["text"]), eta_s=None)
    if event.kind == "zero_shot" and said["ap50"] is not None:
        scores = view.scores or ((0, float(said["ap50"])),)
        return replace(view, zero_shot=float(said["ap50"]), scores=scores)
    if event.kind == "step":
        return _after_step(view, said)
    if event.kind == "image":
        return replace(view, eta_s=said["eta_s"], phase="Looking at images")
    if event.kind == "skipped":
        return replace(view, num_skipped=view.num_skipped + 1)
    return view


def _after_step(view: JobView, said: dict[str, Any]) -> JobView:
    step = int(said["step"])
    # A resumed attempt goes back to its checkpoint: what came after it is history.
    losses = (*(p for p in view.losses if p[0] < step), (step, float(said["loss"])))
    scores = tuple(p for p in view.scores if p[0] < step)
    if said["ap50"] is not None:
        scores = (*scores, (step, float(said["ap50"])))
    part, num_parts = said.get("part", 1), said.get("num_parts", 1)
    phase = "Tuning" if num_parts == 1 else f"Tuning, part {part} of {num_parts}"
    return replace(view, losses=losses, scores=scores, eta_s=said["eta_s"], phase=phase)


def described(view: JobView, *, has_worker: bool, waiting: NumWaiting | None = None) -> str:
    """The view in a sentence or two, with a bar while it runs; `waiting` is told when pre-labelling is over."""
    job = view.job
    if job is None:
        return markup.progress("")
    if job.status is JobStatus.QUEUED:
        aside = "" if has_worker else "No worker is running: start one with sdpt-app worker."
        return markup.progress("Waiting for the worker", aside, share=0.0)
    if job.status is JobStatus.RUNNING:
        return _running(view, job)
    if job.status is JobStatus.FAILED:
        return markup.progress(f"Failed: {job.error_text}", is_bad=True)
    if job.status is JobStatus.CANCELLED:
        return markup.progress("Cancelled. What was finished is kept.")
    return _succeeded(job, waiting or NumWaiting())


def _running(view: JobView, job: Job) -> str:
    share = job.step / job.total_steps if job.total_steps else 0.0
    text = f"{view.phase or 'Starting'}: {job.step} of {job.total_steps or '...'}"
    asides = []
    if job.cancel_asked_at is not None:
        asides.append("stopping at the next step")
    elif view.eta_s is not None:
        asides.append(f"{duration(view.eta_s)} left")
    if view.num_skipped:
        asides.append(f"{view.num_skipped} images skipped")
    if job.attempt > 1:
        asides.append(f"attempt {job.attempt}, resumed")
    return markup.progress(text, ", ".join(asides), share=share)


def _succeeded(job: Job, waiting: NumWaiting) -> str:
    result = job.result or {}
    aside = ", ".join(item["path"] for item in result.get("skipped", [])[:5])
    aside = f"Skipped: {aside}" if aside else ""
    if job.kind is JobKind.TUNE:
        return markup.progress(f"{result['reason']} ({result['steps']} steps)", aside, share=1.0)
    return markup.progress(_prelabelled(result, waiting), aside, share=1.0)


def _prelabelled(result: dict[str, Any], waiting: NumWaiting) -> str:
    """Of the many raw proposals a person sees those that reach the thresholds: these are what counts."""
    looked_at = _counted(int(result["images"]), "image was", "images were")
    if not waiting.num_proposals:
        return (
            f"{looked_at} looked at. Nothing waits in Review at its thresholds; lower them there."
        )
    proposals = _counted(waiting.num_proposals, "proposal", "proposals")
    on_images = _counted(waiting.num_images, "image", "images")
    verb = "waits" if waiting.num_proposals == 1 else "wait"
    return f"{looked_at} looked at. {proposals} on {on_images} {verb} in Review."


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def duration(seconds: float) -> str:
    """Rounded for reading: 45 s, 3 min, 2.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
