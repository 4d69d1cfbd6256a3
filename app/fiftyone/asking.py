"""What can be asked of FiftyOne's Brain, and the asking: a click makes the jobs that the answer needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.errors import NotReadyError
from app.workspace import Workspace
from storage import jobs
from storage.types import Job, JobKind


@dataclass(frozen=True, slots=True)
class Question:
    """`about` says what comes of it; `needs`: the worker's job that has to be done before, if any."""

    title: str
    about: str
    needs: JobKind | None


QUESTIONS = {
    "uniqueness": Question(
        "What to label next", "Images unlike the others, as a filter in Label.", JobKind.EMBED
    ),
    "similarity": Question(
        "Similar images", "Sort by similarity in FiftyOne, and a map of the set.", JobKind.EMBED
    ),
    "duplicates": Question("Duplicate images", "A view of images that look alike.", JobKind.EMBED),
    "mistakenness": Question(
        "Likely mistakes", "Boxes of yours that a bundle contradicts.", JobKind.CHECK
    ),
    "evaluation": Question(
        "Measure the bundles", "Each bundle on held-out boxes, with plots.", JobKind.CHECK
    ),
}


def ask(workspace: Workspace, question: str, at: datetime) -> Job:
    """Queue the question, and before it what it needs. Asking again while it is answered is refused."""
    needs = QUESTIONS[question].needs
    with workspace.database.write() as tx:
        waiting = jobs.active(tx)
        if any(job.kind is JobKind.BRAIN and job.spec["question"] == question for job in waiting):
            raise NotReadyError(f"'{QUESTIONS[question].title}' is being worked out already.")
        before = None
        if needs is not None:
            before = next((job for job in waiting if job.kind is needs), None)
            before = before or jobs.enqueue(tx, needs, {}, at)
        spec = {"question": question, "after_job": None if before is None else before.id}
        return jobs.enqueue(tx, JobKind.BRAIN, spec, at)
