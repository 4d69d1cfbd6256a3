"""From which images a bundle has learnt."""

from __future__ import annotations

from app.job_context import job_dir
from app.snapshot import SNAPSHOT_NAME, Snapshot, read_snapshot
from app.workspace import Workspace
from storage.types import Bundle

PROMPT_OF_JOBS = "prompt_of_jobs"
"""In a bundle's metrics: the earlier tunings whose prompt it took over, newest first."""


def labels_of(workspace: Workspace, bundle: Bundle) -> Snapshot | None:
    """The labels that its Tune had; None for what was not tuned here."""
    return _labels(workspace, bundle.job_id)


def learnt_from(workspace: Workspace, bundle: Bundle) -> set[str]:
    """Relative paths of what its prompt and its second look, as they were judged, have learnt from."""
    known = _labels_of_all(workspace, bundle)
    return {item.relative_path for labels in known for item in labels.train}


def known_to(workspace: Workspace, bundle: Bundle) -> set[str]:
    """With those that judged it: they have taught it afterwards."""
    known = _labels_of_all(workspace, bundle)
    return {item.relative_path for labels in known for item in labels.labelled}


def _labels_of_all(workspace: Workspace, bundle: Bundle) -> list[Snapshot]:
    """Of its Tune, and of those whose prompt it took over."""
    jobs = (bundle.job_id, *bundle.metrics.get(PROMPT_OF_JOBS, ()))
    return [labels for job in jobs if (labels := _labels(workspace, job)) is not None]


def _labels(workspace: Workspace, job_id: int | None) -> Snapshot | None:
    path = job_dir(workspace, job_id or 0) / SNAPSHOT_NAME
    return read_snapshot(path) if path.is_file() else None
