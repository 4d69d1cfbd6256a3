"""From rows to the records of `storage.types`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from storage import models, types


def _copy(row: object, record: type[Any], **changed: Any) -> Any:
    names = [f.name for f in fields(record) if f.name not in changed]
    return record(**{name: getattr(row, name) for name in names}, **changed)


def _box(row: Any) -> types.Box:
    return (row.x1, row.y1, row.x2, row.y2)


def project(row: models.ProjectRow) -> types.Project:
    found: types.Project = _copy(row, types.Project)
    return found


def category(row: models.CategoryRow) -> types.Category:
    found: types.Category = _copy(row, types.Category)
    return found


def image(row: models.ImageRow) -> types.Image:
    found: types.Image = _copy(row, types.Image, flagged=row.is_flagged)
    return found


def problem(row: models.ImageProblemRow) -> types.ImageProblem:
    found: types.ImageProblem = _copy(row, types.ImageProblem)
    return found


def annotation(row: models.AnnotationRow) -> types.Annotation:
    found: types.Annotation = _copy(
        row, types.Annotation, box=_box(row), origin=types.Origin(row.origin)
    )
    return found


def prediction(row: models.PredictionRow) -> types.StoredPrediction:
    found: types.StoredPrediction = _copy(
        row, types.StoredPrediction, box=_box(row), verdict=types.Verdict(row.verdict)
    )
    return found


def bundle(row: models.BundleRow) -> types.Bundle:
    found: types.Bundle = _copy(row, types.Bundle, kind=types.BundleKind(row.kind))
    return found


def job(row: models.JobRow) -> types.Job:
    found: types.Job = _copy(
        row, types.Job, kind=types.JobKind(row.kind), status=types.JobStatus(row.status)
    )
    return found


def job_event(row: models.JobEventRow) -> types.JobEvent:
    found: types.JobEvent = _copy(row, types.JobEvent)
    return found


def worker(row: models.WorkerRow) -> types.WorkerPresence:
    found: types.WorkerPresence = _copy(row, types.WorkerPresence)
    return found


def annotation_event(row: models.AnnotationEventRow) -> types.AnnotationEvent:
    found: types.AnnotationEvent = _copy(
        row, types.AnnotationEvent, action=types.EventAction(row.action)
    )
    return found


def conflict(row: models.ConflictRow) -> types.Conflict:
    choice = None if row.choice is None else types.ConflictChoice(row.choice)
    found: types.Conflict = _copy(row, types.Conflict, choice=choice)
    return found
