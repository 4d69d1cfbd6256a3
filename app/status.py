"""The state of a workspace as one JSON document, for people and scripts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.advising import effort_report
from app.effort_document import effort_document
from app.staleness import stale_bundles
from app.workspace import Workspace, server_holder
from storage import bundles, jobs, projects
from storage.counts import counts
from storage.types import Bundle, Counts, Job

_NUM_JOBS = 20


def status_document(workspace: Workspace) -> dict[str, Any]:
    """Counts, bundles (oldest first), the newest jobs, seconds of work, and what to do next."""
    with workspace.database.read() as tx:
        project = projects.get(tx)
        numbers = counts(tx)
        known = bundles.list_all(tx)
        recent = jobs.recent(tx, _NUM_JOBS)
    effort = effort_document(effort_report(workspace))
    holder = server_holder(workspace)
    stale = stale_bundles(workspace)
    return {
        "data": str(workspace.data_dir),
        "workspace": str(workspace.state_dir),
        "backbone": project.backbone,
        "server": None if holder is None else {"pid": holder.pid, "url": holder.url},
        **_counts_json(numbers),
        "bundles": [_bundle_json(bundle, stale.get(bundle.id)) for bundle in known],
        "jobs": [_job_json(job) for job in recent],
        "effort": effort,
        "advice": effort["advice"],
    }


def _counts_json(numbers: Counts) -> dict[str, Any]:
    return {
        "images": {
            "total": numbers.total,
            "labelled": numbers.labelled,
            "reviewed": numbers.reviewed,
            "skipped": numbers.skipped,
            "missing": numbers.missing,
            "problems": numbers.problems,
        },
        "annotations": {
            "human": numbers.human,
            "accepted": numbers.accepted,
            "imported": numbers.imported,
        },
        "predictions": {
            "total": numbers.predictions_total,
            "pending": numbers.predictions_pending,
        },
    }


def _bundle_json(bundle: Bundle, stale: str | None) -> dict[str, Any]:
    return {
        "id": bundle.id,
        "name": bundle.name,
        "kind": bundle.kind.value,
        "backbone": bundle.backbone or None,
        "adopted": bundle.adopted_at is not None,
        "stale": stale,
        "metrics": bundle.metrics,
        "steps": bundle.steps,
        "created_at": _time(bundle.created_at),
    }


def _job_json(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind.value,
        "status": job.status.value,
        "attempt": job.attempt,
        "step": job.step,
        "total_steps": job.total_steps,
        "error": job.error_text,
        "created_at": _time(job.created_at),
        "finished_at": _time(job.finished_at),
    }


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
