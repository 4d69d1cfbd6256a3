"""What jobs learn about a bundle on the way: how its proposals do on labelled images that it has not learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import sdpt_engine
from app import evidence
from app.convert import example, new_predictions
from app.job_context import JobContext, JobStopped
from app.learnt import known_to
from app.measuring import HeldOut, measure
from app.snapshot import LabelledImage, collect_labelled
from app.thresholding import default_threshold
from app.workspace import Workspace
from sdpt_engine.errors import ImageUnreadableError
from sdpt_engine.types import Example, ObjectClass
from storage import bundles, images, measurements
from storage.database import Transaction
from storage.types import Box, Bundle, BundleKind, NewPrediction

if TYPE_CHECKING:
    from sdpt_engine.predictor import Predictor
    from sdpt_engine.tuning import Judged

_MOST_IMAGES = 100  # more would make thresholds hardly surer and pre-labelling slower


def keep_judged(
    tx: Transaction,
    bundle_id: int,
    workspace: Workspace,
    *,
    judged: Sequence[Judged],
    labelled: Sequence[LabelledImage],
    classes: Sequence[ObjectClass],
) -> None:
    """Store what tuning saw on its held-out images.

    Where some of them are done, only these count: on the others a right proposal may look wrong.
    """
    by_path = {workspace.image_path(item.relative_path): item for item in labelled}
    pairs = [(by_path[pair.example.image_path], pair.prediction) for pair in judged]
    if any(item.is_exhaustive for item, _ in pairs):
        pairs = [(item, found) for item, found in pairs if item.is_exhaustive]
    for item, prediction in pairs:
        image = images.by_path(tx, item.relative_path)
        if image is not None:
            found = new_predictions(prediction, classes)
            evidence.keep(tx, bundle_id, _measured(image.id, item, found, classes))


def measure_bundle(
    context: JobContext, predictor: Predictor, bundle: Bundle, *, again: bool = False
) -> None:
    """Run the bundle on finished images that it has not learnt from and was not measured on yet, or on all `again`.

    Without a prompt there was no tuning to choose thresholds: they are chosen here.
    Raises JobStopped between two images when asked to; what is measured stays.
    """
    todo = _unmeasured(context.workspace, bundle, again=again)
    if todo:
        text = f"Measuring on {len(todo)} labelled images that it has not learnt from"
        context.say("phase", {"text": text}, step=0, total_steps=0)
    ids = list(todo)
    paths = [_path(context.workspace, todo[image_id]) for image_id in ids]
    for index, outcome in sdpt_engine.predict_each(predictor, paths):
        if context.stop.is_set():
            raise JobStopped
        if not isinstance(
            outcome, ImageUnreadableError
        ):  # the user hears of it when it is their turn
            found = new_predictions(outcome, predictor.classes)
            measured = _measured(ids[index], todo[ids[index]], found, predictor.classes)
            with context.workspace.database.job_write() as tx:
                evidence.keep(tx, bundle.id, measured)
    if bundle.kind is BundleKind.ZERO_SHOT:
        with context.workspace.database.job_write() as tx:
            known = evidence.evidence(tx, bundle.id)
            chosen = {str(c.id): default_threshold(known, c.id) for c in predictor.classes}
            bundles.set_thresholds(tx, bundle.id, chosen if known.proposals else {})


def done_examples(
    workspace: Workspace, classes: Sequence[ObjectClass], *, most: int
) -> list[Example]:
    """The newest finished images with what is on them."""
    with workspace.database.read() as tx:
        done = [item for item in collect_labelled(tx) if item.is_exhaustive]
    return [example(workspace, item, classes) for item in done[-most:]]


def _unmeasured(
    workspace: Workspace, bundle: Bundle, *, again: bool
) -> Mapping[int, LabelledImage]:
    """By image id; the newest images, since they are most like those to come."""
    learnt = known_to(workspace, bundle)
    with workspace.database.read() as tx:
        measured = {image_id for image_id, _ in measurements.num_true(tx, bundle.id)}
        known = set() if again else measured
        found = {}
        for item in collect_labelled(tx):
            image = images.by_path(tx, item.relative_path)
            is_new = image is not None and image.id not in known
            if (
                image is not None
                and is_new
                and item.is_exhaustive
                and image.relative_path not in learnt
            ):
                found[image.id] = item
    return dict(sorted(found.items())[-_MOST_IMAGES:])


def _path(workspace: Workspace, item: LabelledImage) -> Path:
    return workspace.image_path(item.relative_path)


def _measured(
    image_id: int,
    item: LabelledImage,
    found: Sequence[NewPrediction],
    classes: Sequence[ObjectClass],
) -> HeldOut:
    proposals: list[tuple[Box, int, float]] = [(p.box, p.category_id, p.score) for p in found]
    truth = list(zip(item.boxes, item.category_ids, strict=True))
    return measure(image_id, proposals, truth, category_ids=[c.id for c in classes])
