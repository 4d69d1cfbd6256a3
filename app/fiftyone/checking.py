"""What each bundle says on images that people have labelled: by the worker, for FiftyOne's plots.

Review's proposals cannot serve for that: one that repeats a human box is never stored.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sdpt_engine
from app.bundles import load_predictor
from app.convert import new_predictions
from app.errors import NotReadyError
from app.fiftyone.places import Places
from app.job_context import JobContext, JobStopped
from app.learnt import learnt_from
from app.workspace import Workspace
from sdpt_engine.errors import ImageUnreadableError
from storage import bundles, images, jobs
from storage.fiftyone_bridge.fields import CHECK_PREFIX, bundle_fields
from storage.types import Bundle, BundleKind, Image, ImageFilter, Job, JobStatus

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector

MOST_IMAGES = 200
_MIN_SCORE = 0.05


@dataclass(frozen=True, slots=True)
class Check:
    """One bundle on some labelled images. `held_out`: those that it has not learnt from."""

    field: str
    bundle_id: int
    predictions: dict[int, list[list[float]]]  # image id -> x1, y1, x2, y2, class id, score
    held_out: tuple[int, ...]


def read_checks(workspace: Workspace) -> list[Check]:
    path = Places.of(workspace).checks_path
    if not path.is_file():
        return []
    document = json.loads(path.read_text(encoding="utf-8"))
    return [
        Check(
            item["field"],
            item["bundle_id"],
            {int(key): rows for key, rows in item["predictions"].items()},
            tuple(item["held_out"]),
        )
        for item in document
    ]


def run_check(context: JobContext) -> Job:
    """Work the job off. Raises JobStopped between two images when asked to."""
    started = time.monotonic()
    context.say("phase", {"text": "Loading the detector"}, step=0, total_steps=0)
    detector = context.detector()
    chosen, labelled = _what(context.workspace, detector)
    if not labelled:
        raise NotReadyError("There is no labelled image to measure on. Draw boxes in Label first.")
    total, checks = len(chosen) * len(labelled), []
    for number, bundle in enumerate(chosen):
        checks.append(_checked(context, detector, bundle, labelled, number * len(labelled), total))
    _write(context.workspace, checks)
    result = {"images": len(labelled), "bundles": len(chosen), "skipped": []}
    with context.workspace.database.job_write() as tx:
        return jobs.finish(
            tx,
            context.claim,
            JobStatus.SUCCEEDED,
            result={**result, "seconds": time.monotonic() - started},
            at=datetime.now(UTC),
        )


def checkable(found: Sequence[Bundle], digest: str | None) -> list[Bundle]:
    """The bundles that the present detector can run."""
    return [
        bundle
        for bundle in found
        if bundle.kind is not BundleKind.IMPORTED and bundle.backbone_digest == (digest or "")
    ]


def _what(workspace: Workspace, detector: Detector) -> tuple[list[Bundle], list[Image]]:
    with workspace.database.read() as tx:
        everything = bundles.list_all(tx)
        labelled = images.list_all(tx, state=ImageFilter.LABELLED)
    chosen = checkable(everything, detector.digest)
    # Done images first: on others a right proposal would count as wrong.
    ordered = sorted(labelled, key=lambda image: (image.reviewed_at is None, image.sha256))
    return chosen, ordered[:MOST_IMAGES]


def _checked(
    context: JobContext,
    detector: Detector,
    bundle: Bundle,
    labelled: Sequence[Image],
    before: int,
    total: int,
) -> Check:
    workspace = context.workspace
    is_tuned = bundle.kind is BundleKind.TUNED
    predictor = load_predictor(
        workspace, detector, bundle if is_tuned else None, min_score=_MIN_SCORE, as_judged=True
    )
    found: dict[int, list[list[float]]] = {}
    paths = [workspace.image_path(image.relative_path) for image in labelled]
    for index, outcome in sdpt_engine.predict_each(predictor, paths):
        if context.stop.is_set():
            raise JobStopped
        if not isinstance(outcome, ImageUnreadableError):
            found[labelled[index].id] = [
                [*new.box, new.category_id, new.score]
                for new in new_predictions(outcome, predictor.classes)
            ]
        step = before + index + 1
        context.say("phase", {"text": f"Measuring {bundle.name}"}, step=step, total_steps=total)
    learnt = learnt_from(workspace, bundle)
    held_out = tuple(i.id for i in labelled if i.id in found and i.relative_path not in learnt)
    with workspace.database.read() as tx:
        name = bundle_fields(bundles.list_all(tx))[bundle.id]
    return Check(f"{CHECK_PREFIX}{name}", bundle.id, found, held_out)


def _write(workspace: Workspace, checks: Sequence[Check]) -> None:
    places = Places.of(workspace)
    places.make()
    unfinished = places.checks_path.with_suffix(".part")
    document: list[dict[str, Any]] = [
        {
            "field": check.field,
            "bundle_id": check.bundle_id,
            "predictions": check.predictions,
            "held_out": list(check.held_out),
        }
        for check in checks
    ]
    Path(unfinished).write_text(json.dumps(document), encoding="utf-8")
    os.replace(unfinished, places.checks_path)
