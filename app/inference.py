"""A pre-labelling job: proposals for every image that no person has finished."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sdpt_engine
from app.bundles import BEST, load_predictor, resolve_bundle
from app.convert import new_predictions
from app.errors import NotReadyError, PathEscapeError, SettingsError
from app.job_context import JobContext, JobStopped
from app.measuring_jobs import done_examples, measure_bundle
from app.workspace import Workspace
from sdpt_engine.errors import ImageUnreadableError, TuneInterrupted
from storage import annotations, bundles, categories, images, jobs, predictions, projects
from storage.boxes import SAME_OBJECT_IOU, intersection_over_union
from storage.database import Transaction
from storage.types import (
    Bundle,
    Image,
    ImageFilter,
    Job,
    JobKind,
    JobStatus,
    NewPrediction,
)

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector
    from sdpt_engine.predictor import Predictor

REJECTED_IOU = 0.7
DEFAULT_MIN_SCORE = 0.05
_BATCH = 4
_MOST_JUDGES = 20
_LOOKS_AGAIN = "looks_again"


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """`bundle` is 'best', 'zero-shot', an id or a name; proposals below `min_score` are dropped."""

    bundle: str = BEST
    min_score: float = DEFAULT_MIN_SCORE

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_score <= 1.0:
            raise SettingsError(
                f"The lowest score must lie between 0 and 1; found {self.min_score}. "
                f"{DEFAULT_MIN_SCORE} is a good choice."
            )


def enqueue_predict(workspace: Workspace, request: PredictRequest, at: datetime) -> Job:
    """Queue the job. Raises BundleChoiceError, or NotReadyError when there is no class to look for."""
    resolve_bundle(workspace, request.bundle)
    with workspace.database.write() as tx:
        if not categories.list_all(tx):
            raise NotReadyError("There is no class to look for yet. Add one first.")
        return jobs.enqueue(tx, JobKind.PREDICT, asdict(request), at)


@dataclass(slots=True)
class _Tally:
    """How far the job is: `num_before` images by earlier attempts, `num_images` by this one."""

    num_before: int
    total: int
    num_images: int = 0
    skipped: list[dict[str, str]] = field(default_factory=list)
    started_at: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started_at

    @property
    def step(self) -> int:
        return self.num_before + self.num_images + len(self.skipped)

    @property
    def eta_s(self) -> float:
        per_image = self.seconds / max(1, self.num_images + len(self.skipped))
        return per_image * (self.total - self.step)


def run_predict(context: JobContext) -> Job:
    """Work the job off. Raises JobStopped between two images when asked to; finished images stay."""
    request = PredictRequest(**context.claim.job.spec)
    context.say("phase", {"text": "Loading the detector"}, step=0, total_steps=0)
    detector = context.detector()
    bundle = resolve_bundle(context.workspace, request.bundle)
    predictor = load_predictor(context.workspace, detector, bundle, min_score=request.min_score)
    row = bundle or _zero_shot(context.workspace, detector)
    is_new_look = bundle is None and _looks_as_done_images_say(context, predictor, row)
    measure_bundle(context, predictor, row, again=is_new_look)
    waiting, tally = _waiting(context, row)
    reachable = [(image, path) for image in waiting if (path := _path(context, image, tally))]

    def say_smaller(size: int) -> None:
        text = f"The GPU's memory does not suffice: going on with {size} images at a time"
        context.say("phase", {"text": text}, step=tally.step, total_steps=tally.total)

    outcomes = sdpt_engine.predict_each(
        predictor,
        [path for _, path in reachable],
        batch_size=_BATCH,
        on_smaller_batch=say_smaller,
    )
    for index, outcome in outcomes:
        if context.stop.is_set():
            raise JobStopped
        image = reachable[index][0]
        if isinstance(outcome, ImageUnreadableError):
            _skip(context, image, outcome, tally)
        else:
            _keep(context, row, image, new_predictions(outcome, predictor.classes), tally)
    return _finish(context, row, tally)


def _zero_shot(workspace: Workspace, detector: "Detector") -> Bundle:
    with workspace.database.job_write() as tx:
        return bundles.zero_shot(tx, detector.name, detector.digest, datetime.now(UTC))


def _looks_as_done_images_say(context: JobContext, predictor: "Predictor", row: Bundle) -> bool:
    """Without a prompt: take a second look at edges where that betters done images; whether that is news."""
    judges = done_examples(context.workspace, predictor.classes, most=_MOST_JUDGES)
    if judges:
        text = f"Trying a second look at edges on {len(judges)} finished images"
        context.say("phase", {"text": text}, step=0, total_steps=0)
    try:
        helps = sdpt_engine.start_helps(predictor, judges, should_stop=context.stop.is_set)
    except TuneInterrupted as stopped:
        raise JobStopped from stopped
    if helps:
        predictor.second_look = sdpt_engine.start_of_edges(predictor)
    if row.metrics.get(_LOOKS_AGAIN, False) == helps:
        return False
    with context.workspace.database.job_write() as tx:
        bundles.set_metrics(tx, row.id, {**row.metrics, _LOOKS_AGAIN: helps})
    return True


def _waiting(context: JobContext, row: Bundle) -> tuple[list[Image], _Tally]:
    """The images still to do; what an earlier attempt finished counts as done."""
    with context.workspace.database.read() as tx:
        todo = images.list_all(tx, state=ImageFilter.UNREVIEWED)
        done = predictions.done_image_ids(tx, row.id, since=context.claim.job.created_at)
        is_first = projects.get(tx).prelabel_bundle_id is None
    if is_first:  # nothing to review yet: show proposals as they come
        _show(context, row)
    waiting = [image for image in todo if image.id not in done]
    return waiting, _Tally(num_before=len(todo) - len(waiting), total=len(todo))


def _path(context: JobContext, image: Image, tally: _Tally) -> Path | None:
    try:
        return context.workspace.image_path(image.relative_path)
    except PathEscapeError as error:  # the file became a link that leads outside
        _skip(context, image, error, tally)
        return None


def _show(context: JobContext, row: Bundle) -> None:
    with context.workspace.database.job_write() as tx:
        projects.set_prelabel_bundle(tx, row.id)


def _keep(
    context: JobContext,
    row: Bundle,
    image: Image,
    found: Sequence[NewPrediction],
    tally: _Tally,
) -> None:
    """Store one image's proposals and say so, whole or not at all."""
    at = datetime.now(UTC)
    tally.num_images += 1
    step, total = tally.step, tally.total
    payload = {"step": step, "total_steps": total, "eta_s": tally.eta_s}
    with context.workspace.database.job_write() as tx:
        jobs.report(
            tx, context.claim, step=step, total_steps=total, kind="image", payload=payload, at=at
        )
        predictions.replace_for_image(
            tx, bundle_id=row.id, image_id=image.id, predictions=news(tx, image, found), at=at
        )
    context.on_progress(step, total)


def news(tx: Transaction, image: Image, found: Sequence[NewPrediction]) -> list[NewPrediction]:
    """What a person has neither boxed nor turned down: rejected, or taken with another box or class.

    A proposal is known by its class and its place: an IoU of SAME_OBJECT_IOU with a box, of REJECTED_IOU with what was
    turned down.
    """
    turned_down = predictions.turned_down_for_image(tx, image.id)
    known = [(a.category_id, a.box, SAME_OBJECT_IOU) for a in annotations.for_image(tx, image.id)]
    known += [(p.category_id, p.box, REJECTED_IOU) for p in turned_down]
    return [
        new
        for new in found
        if not any(
            new.category_id == category_id and intersection_over_union(new.box, box) >= least
            for category_id, box, least in known
        )
    ]


def _skip(context: JobContext, image: Image, error: Exception, tally: _Tally) -> None:
    tally.skipped.append({"path": image.relative_path, "reason": str(error)})
    context.say("skipped", tally.skipped[-1], step=tally.step, total_steps=tally.total)


def _finish(context: JobContext, row: Bundle, tally: _Tally) -> Job:
    with context.workspace.database.job_write() as tx:
        projects.set_prelabel_bundle(tx, row.id)
        document: dict[str, Any] = {
            "bundle": row.id,
            "bundle_name": row.name,
            "images": tally.num_before + tally.num_images,
            "predictions": predictions.counts(tx, row.id).pending,
            "skipped": tally.skipped,
            "seconds": round(tally.seconds, 3),
        }
        return jobs.finish(
            tx, context.claim, JobStatus.SUCCEEDED, result=document, at=datetime.now(UTC)
        )
