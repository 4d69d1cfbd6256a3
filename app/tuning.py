"""A tuning job: from the labels of one moment to a bundle that is adopted only if it is better."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sdpt_engine
from app.comparison import Comparison, compare
from app.convert import example, metrics_json, number_or_none, snapshot_classes
from app.errors import NotReadyError
from app.inference import DEFAULT_MIN_SCORE, PredictRequest
from app.job_context import JobContext, JobStopped, job_dir
from app.learnt import PROMPT_OF_JOBS
from app.measuring_jobs import keep_judged
from app.readiness import readiness
from app.settings import NANO, choose_backbone
from app.snapshot import SNAPSHOT_NAME, LabelledImage, freeze, read_snapshot, write_snapshot
from app.workspace import Workspace
from sdpt_engine.errors import CheckpointError, ImageUnreadableError, TuneInterrupted
from sdpt_engine.types import PLAIN_PROMPT, Example, Metrics, ObjectClass, StepReport, TuneConfig
from storage import bundles, jobs
from storage.types import BundleKind, Job, JobKind, JobStatus

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector
    from sdpt_engine.tuning import TuneResult

HELD_OUT_FRACTION = 0.3


@dataclass(frozen=True, slots=True)
class TuneRequest:
    """None leaves the choice to what is usual for the detector.

    `prelabels`: a new prompt is run on the images left at once, for proposals from `min_score` on.
    """

    steps: int | None = None
    num_tokens: int | None = None
    is_plain: bool = False  # the published SDPT, without a token per class
    seed: int = 0
    val_fraction: float = HELD_OUT_FRACTION
    prelabels: bool = False
    min_score: float = DEFAULT_MIN_SCORE

    def __post_init__(self) -> None:
        if not 0.0 < self.val_fraction < 1.0:
            raise NotReadyError(
                f"The held-out fraction must lie between 0 and 1; found {self.val_fraction}. "
                f"{HELD_OUT_FRACTION} is a good choice."
            )
        self.prelabelling()
        self.config(NANO)

    def prelabelling(self) -> PredictRequest:
        """What follows the tuning. Raises SettingsError for a score that is none."""
        return PredictRequest(min_score=self.min_score)

    def config(self, backbone: str) -> TuneConfig:
        """What a detector of that name is tuned with. Raises InvalidExampleError for numbers that make no sense."""
        usual = (
            TuneConfig(prompt=PLAIN_PROMPT) if self.is_plain else sdpt_engine.usual_config(backbone)
        )
        prompt = usual.prompt
        if self.num_tokens is not None:
            prompt = replace(prompt, num_tokens=self.num_tokens)
        steps = usual.steps if self.steps is None else self.steps
        return replace(usual, seed=self.seed, steps=steps, prompt=prompt)


def enqueue_tune(workspace: Workspace, request: TuneRequest, at: datetime) -> Job:
    """Freeze the labels and queue the job. Raises NotReadyError that says what is missing."""
    state = readiness(workspace)
    if not state.is_ready:
        raise NotReadyError(" ".join(state.missing))
    backbone = choose_backbone(workspace).name
    with workspace.database.write() as tx:
        snapshot = freeze(
            tx,
            seed=request.seed,
            held_out_share=request.val_fraction,
            fewest_to_hold_out=sdpt_engine.fewest_to_hold_out(backbone),
        )
        job = jobs.enqueue(tx, JobKind.TUNE, asdict(request), at)
        # Inside the transaction: a job that can be claimed has its labels on disk.
        write_snapshot(job_dir(workspace, job.id) / SNAPSHOT_NAME, snapshot)
    return job


def run_tune(context: JobContext) -> Job:
    """Work the job off. Raises JobStopped between two steps when asked to."""
    request = TuneRequest(**context.claim.job.spec)
    context.say("phase", {"text": "Loading the detector"}, step=0, total_steps=0)
    detector = context.detector()
    config = request.config(detector.name)
    snapshot = read_snapshot(context.job_dir / SNAPSHOT_NAME)
    classes = snapshot_classes(snapshot.classes)
    skipped: list[dict[str, str]] = []
    train = _readable(context, snapshot.train, classes, config, skipped)
    held_out = _readable(context, snapshot.held_out, classes, config, skipped)
    can_judge = len(held_out) > 0 or 2 <= len(train) < sdpt_engine.FEW_IMAGES
    if not any(len(item.boxes) for item in train) or not can_judge:
        raise NotReadyError(
            f"Of the labelled images, {len(train)} to learn from and {len(held_out)} to judge by "
            "can be read, which is too few. Repair the listed files or label more images."
        )
    _bring_checkpoint(context)
    result = _tune(context, detector, train, held_out, config, classes)
    if not request.is_plain:
        result = _with_second_look(context, detector, result, train, config)
    comparison = compare(context.workspace, detector, result, classes=classes)
    following = request.prelabelling() if request.prelabels else None
    return _finish(context, detector, comparison, skipped, prelabelling=following)


def _readable(
    context: JobContext,
    labelled: Sequence[LabelledImage],
    classes: Sequence[ObjectClass],
    config: TuneConfig,
    skipped: list[dict[str, str]],
) -> list[Example]:
    found: list[Example] = []
    for item in labelled:
        try:
            made = example(context.workspace, item, classes)
            sdpt_engine.load_image_upright(made.image_path)
        except ImageUnreadableError as error:
            skipped.append({"path": item.relative_path, "reason": str(error)})
            context.say("skipped", skipped[-1], step=0, total_steps=config.steps)
        else:
            found.append(made)
        if context.stop.is_set():
            raise JobStopped
    return found


def _bring_checkpoint(context: JobContext) -> None:
    """Copy the newest checkpoints of an earlier attempt, so that this one goes on from there."""
    context.attempt_dir.mkdir(parents=True, exist_ok=True)
    for folder in context.earlier_attempt_dirs():
        saved = list(folder.glob(sdpt_engine.CHECKPOINT_PATTERN))
        for path in saved:
            shutil.copy2(path, context.attempt_dir)
        if saved:
            return


def _tune(
    context: JobContext,
    detector: Detector,
    train: Sequence[Example],
    held_out: Sequence[Example],
    config: TuneConfig,
    classes: Sequence[ObjectClass],
) -> TuneResult:
    phase = f"Encoding {len(train)} images to learn from and {len(held_out)} to judge by"
    if not held_out:
        phase = f"Encoding {len(train)} images, which learn and judge in turns"
    context.say("phase", {"text": phase}, step=0, total_steps=config.steps)
    reporter = _StepReporter(context)
    try:
        for is_second_try in (False, True):
            try:
                return sdpt_engine.tune(
                    detector,
                    train,
                    held_out,
                    config,
                    categories=classes,
                    checkpoint_dir=context.attempt_dir,
                    on_begin=reporter.begin,
                    on_step=reporter.step,
                    should_stop=context.stop.is_set,
                )
            except CheckpointError as error:
                if is_second_try:
                    raise
                context.say("phase", {"text": str(error)}, step=0, total_steps=config.steps)
                for path in context.attempt_dir.glob(sdpt_engine.CHECKPOINT_PATTERN):
                    path.unlink()
    except TuneInterrupted as stopped:
        raise JobStopped from stopped
    raise AssertionError("the second try either returns or raises")


def _with_second_look(
    context: JobContext,
    detector: Detector,
    result: TuneResult,
    train: Sequence[Example],
    config: TuneConfig,
) -> TuneResult:
    def say(text: str) -> None:
        context.say("phase", {"text": text}, step=result.steps, total_steps=config.steps)

    seed, should_stop = config.seed, context.stop.is_set
    try:
        say("Learning where the edges of your boxes lie")
        result = sdpt_engine.learn_edges(
            detector, result, train, most_steps=config.steps, seed=seed, should_stop=should_stop
        )
        say("Learning how your classes look")
        return sdpt_engine.learn_names(detector, result, train, seed=seed, should_stop=should_stop)
    except TuneInterrupted as stopped:
        raise JobStopped from stopped


class _StepReporter:
    """Turns the engine's steps into lines of the job's log, with the time left."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._seconds: list[float] = []

    def begin(self, step: int, total_steps: int, zero_shot: Metrics) -> None:
        payload = {"ap": number_or_none(zero_shot.ap), "ap50": number_or_none(zero_shot.ap50)}
        self._context.say("zero_shot", payload, step=step, total_steps=total_steps)

    def step(self, report: StepReport) -> None:
        self._seconds = [*self._seconds[-19:], report.seconds]
        per_step = sum(self._seconds) / len(self._seconds)
        payload: dict[str, Any] = {
            "step": report.step,
            "total_steps": report.total_steps,
            "part": report.part + 1,
            "num_parts": report.num_parts,
            "loss": report.loss,
            "lr": report.lr,
            "batch_size": report.parts.get("batch_size"),
            "seconds": report.seconds,
            "eta_s": per_step * (report.total_steps - report.step),
            "ap": None if report.val is None else number_or_none(report.val.ap),
            "ap50": None if report.val is None else number_or_none(report.val.ap50),
        }
        self._context.say("step", payload, step=report.step, total_steps=report.total_steps)


def _finish(
    context: JobContext,
    detector: Detector,
    comparison: Comparison,
    skipped: Sequence[dict[str, str]],
    *,
    prelabelling: PredictRequest | None,
) -> Job:
    """Files first, then bundle, adoption, the job that follows and the end of this one in one transaction."""
    job, at, result = context.claim.job, datetime.now(UTC), comparison.result
    folder = Path("bundles") / f"tuned-{job.id}-a{context.claim.attempt}"
    result.bundle.save(context.workspace.state_dir / folder)
    metrics: dict[str, Any] = {
        "zero_shot": metrics_json(result.zero_shot),
        "step0": metrics_json(result.step0),
        "tuned": metrics_json(result.tuned),
    }
    reused = comparison.reused
    if reused is not None:
        metrics[PROMPT_OF_JOBS] = [reused.job_id, *reused.metrics.get(PROMPT_OF_JOBS, ())]
    with context.workspace.database.job_write() as tx:
        bundle = bundles.create(
            tx,
            name=f"tuned-{job.id}",
            kind=BundleKind.TUNED,
            folder=folder.as_posix(),
            backbone=detector.name,
            backbone_digest=detector.digest,
            metrics=metrics,
            thresholds={str(key): value for key, value in result.bundle.thresholds.items()},
            trainable_parameters=result.trainable_parameters,
            steps=result.steps,
            job_id=job.id,
            at=at,
        )
        snapshot = read_snapshot(context.job_dir / SNAPSHOT_NAME)
        keep_judged(
            tx,
            bundle.id,
            context.workspace,
            judged=result.judged,
            labelled=snapshot.labelled,
            classes=snapshot_classes(snapshot.classes),
        )
        following = None
        if comparison.is_better:
            bundles.adopt(tx, bundle.id, at)
            if prelabelling is not None:
                following = jobs.enqueue(tx, JobKind.PREDICT, asdict(prelabelling), at).id
        document: dict[str, Any] = {
            "bundle": bundle.id,
            "bundle_name": bundle.name,
            "adopted": comparison.is_better,
            "reason": comparison.reason,
            "prelabel_job": following,
            **metrics,
            "current": comparison.current_json,
            "steps": result.steps,
            "stopped_early": result.stopped_early,
            "seconds": round(result.seconds, 3),
            "trainable_parameters": result.trainable_parameters,
            "skipped": list(skipped),
        }
        return jobs.finish(tx, context.claim, JobStatus.SUCCEEDED, result=document, at=at)
