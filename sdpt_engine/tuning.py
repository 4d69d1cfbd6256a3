"""Prompt tuning: a frozen detector, a few labelled images, and the one thing that trains, Z; or several of it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sdpt_engine.adaptation import num_trained
from sdpt_engine.asking import ask
from sdpt_engine.bundle import PromptBundle
from sdpt_engine.checkpoint import CHECKPOINT_NAME, checkpoint_name
from sdpt_engine.data import ViewCache
from sdpt_engine.errors import InvalidExampleError
from sdpt_engine.fitting import Fit, Look, Material
from sdpt_engine.metrics import evaluate
from sdpt_engine.prompt import PromptSet, prompted_layers
from sdpt_engine.thresholds import thresholds_by_class
from sdpt_engine.types import (
    FEW_IMAGES,
    Example,
    Metrics,
    ObjectClass,
    Prediction,
    StepReport,
    TuneConfig,
)
from sdpt_engine.verdict import is_better
from sdpt_engine.views import view_pool

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector

_SEED_APART = 10_007  # the prompts of one seed share none with those of the next

OnBegin = Callable[[int, int, Metrics], None]
OnStep = Callable[[StepReport], None]


@dataclass(frozen=True, slots=True)
class Judged:
    """A held-out example and what the tuned prompt that never saw it proposes on it."""

    example: Example
    prediction: Prediction


@dataclass(frozen=True, slots=True)
class TuneResult:
    """The best prompts seen, and what the judged one is worth on the held-out examples beside two references."""

    bundle: PromptBundle
    zero_shot: Metrics
    step0: Metrics
    tuned: Metrics
    judged: tuple[Judged, ...]
    best_step: int
    steps: int
    seconds: float
    trainable_parameters: int
    stopped_early: bool
    prompt_alone: TuneResult | None = None
    """What it was before `learn_edges` or `learn_names` added a second look."""

    @property
    def has_gained(self) -> bool:
        """Whether it learnt anything that the images which judged it show."""
        has_learnt = self.best_step > 0 or self.prompt_alone is not None
        return has_learnt and is_better(self.tuned, self.zero_shot)


def tune(
    detector: Detector,
    train: Sequence[Example],
    val: Sequence[Example],
    config: TuneConfig,
    *,
    categories: Sequence[ObjectClass],
    checkpoint_dir: Path | None = None,
    on_begin: OnBegin | None = None,
    on_step: OnStep | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> TuneResult:
    """Learns a prompt from `train`; keeps the one that does best on `val`. Of several, the others learn from both.

    With no `val` and two to five training images, these judge each other: each part of them is held out from
    a run of its own, the step that does best over all parts is chosen, and the prompt is learnt from all images
    up to that step. With a checkpoint in `checkpoint_dir` the run goes on from there and ends exactly as it
    would have without the break. `on_begin` hears (steps done, steps in all, zero-shot metrics).
    Raises TuneInterrupted when `should_stop` says so, NonFiniteLossError when the loss leaves the real numbers.
    """
    if not train:
        raise InvalidExampleError("Tuning wants at least one labelled image, found none.")
    for example in (*train, *val):
        if len(example.labels) and int(example.labels.max()) >= len(categories):
            raise InvalidExampleError(
                f"Example '{example.image_path.name}' has a box of class number {example.labels.max()}, but "
                f"there are {len(categories)} categories, numbered from 0. Give all of them."
            )
    job = _Job(detector, tuple(train), tuple(val), config, tuple(categories), checkpoint_dir)
    watch = _Watch(config.steps, on_begin, on_step, should_stop)
    num_folds = min(config.num_folds, len(train))
    if val or num_folds < 2 or len(train) >= FEW_IMAGES:
        return _tune_once(job, watch)
    return _tune_by_folds(job, watch, num_folds)


@dataclass(frozen=True, slots=True)
class _Watch:
    """Whoever looks on, told of one run of steps after another as if they were one."""

    steps: int
    on_begin: OnBegin | None
    on_step: OnStep | None
    should_stop: Callable[[], bool] | None

    def run(self, fit: Fit, *, part: int = 0, num_parts: int = 1) -> Look:
        def begin(step: int, _last: int, zero_shot: Metrics) -> None:
            if self.on_begin is not None and part == 0:
                self.on_begin(step, self.steps * num_parts, zero_shot)

        def stepped(report: StepReport) -> None:
            if self.on_step is not None:
                step, total = report.step + part * self.steps, self.steps * num_parts
                self.on_step(
                    dataclasses.replace(
                        report, step=step, total_steps=total, part=part, num_parts=num_parts
                    )
                )

        return fit.run(on_begin=begin, on_step=stepped, should_stop=self.should_stop)


class _Job:
    """What all runs of one tuning share: the frozen inputs, encoded once, and the names of its files."""

    def __init__(
        self,
        detector: Detector,
        train: tuple[Example, ...],
        val: tuple[Example, ...],
        config: TuneConfig,
        categories: tuple[ObjectClass, ...],
        folder: Path | None,
    ) -> None:
        self.detector, self.config, self.categories = detector, config, categories
        self.train, self.val, self.folder = train, val, folder
        asked = ask(detector, categories)
        self.layer = min(prompted_layers(config.prompt.layers, len(detector.fusion_sites())))
        self.train_views = ViewCache(detector, train, asked, layer=self.layer)
        self.val_views = ViewCache(detector, val, asked, layer=self.layer)
        self.train_digest = _digest_of(train, val, categories)
        described = json.dumps([detector.digest, self.train_digest, dataclasses.asdict(config)])
        self.run_digest = hashlib.sha256(described.encode()).hexdigest()

    def _new_prompts(self, seed: int) -> PromptSet:
        prompts = PromptSet(
            self.detector.fusion_sites(),
            [item.id for item in self.categories],
            self.config.prompt,
            seed=seed,
        )
        return prompts.to(self.detector.device)

    def everything(self) -> Material:
        """All examples to learn from, and none to judge by; what is encoded already is not encoded again."""
        examples = (*self.train, *self.val)
        views = ViewCache(self.detector, examples, self.train_views.asked, layer=self.layer)
        views.adopt(self.train_views, range(len(self.train)))
        views.adopt(self.val_views, range(len(self.train), len(examples)))
        return Material(views, views.subset(()), (), self.categories)

    def material(self, train: Sequence[int], held_out: Sequence[int]) -> Material:
        """Some training examples to learn from and others of them to judge by."""
        return Material(
            self.train_views.subset(train),
            self.train_views.subset(held_out),
            tuple(self.train[i] for i in held_out),
            self.categories,
        )

    def fit(
        self,
        material: Material,
        *,
        name: str,
        member: int = 0,
        stop_at: int | None = None,
        keeps_looks: bool = False,
    ) -> Fit:
        """The run of one of several prompts, which differ in what they start from and in what order they learn."""
        config = dataclasses.replace(self.config, seed=self.config.seed + member * _SEED_APART)
        return Fit(
            self.detector,
            self._new_prompts(config.seed),
            material,
            config,
            run_digest=self.run_digest,
            checkpoint=None if self.folder is None else self.folder / name,
            stop_at=stop_at,
            keeps_looks=keeps_looks,
        )


def _tune_once(job: _Job, watch: _Watch) -> TuneResult:
    """The first prompt learns from `train` and is judged; the others, which nobody judges, learn from `val` too.

    They take as many steps as the first, which stops where its judges see no more progress.
    """
    material = Material(job.train_views, job.val_views, job.val, job.categories)
    fits = [job.fit(material, name=CHECKPOINT_NAME)]
    best = [watch.run(fits[0], num_parts=job.config.num_prompts)]
    fits[0].adaptation.load_learnt_tensors(best[0].tensors)
    predictions = fits[0].predict(job.val_views, fits[0].adaptation)
    judged = tuple(Judged(e, p) for e, p in zip(job.val, predictions, strict=True))
    start = fits[0].progress
    for member in range(1, job.config.num_prompts if best[0].step > 0 else 1):
        name = checkpoint_name(member)
        fits.append(job.fit(job.everything(), name=name, member=member, stop_at=start.step))
        best.append(watch.run(fits[-1], part=member, num_parts=job.config.num_prompts))
    return _result(
        job,
        best,
        judged,
        _Figures(start.zero_shot, start.looks[0].metrics, measured(judged, job.categories)),
        trained=num_trained(fits[0].adaptation) * len(fits),
        seconds=sum(fit.progress.seconds for fit in fits),
        steps=start.step,
    )


def _tune_by_folds(job: _Job, watch: _Watch, num_folds: int) -> TuneResult:
    """Choose the step by k-fold, then learn from all images up to it."""
    everyone = range(len(job.train))
    for index in everyone:  # encoded once here, all parts share the views
        for kind in view_pool(job.config.num_zooms, job.config.num_pastes, seed=job.config.seed):
            if not kind.has_pasted:
                job.train_views.view(index, kind)
    fits, held_out = [], [[i for i in everyone if i % num_folds == k] for k in range(num_folds)]
    for k, judges in enumerate(held_out):
        learners = [i for i in everyone if i not in judges]
        fit = job.fit(job.material(learners, judges), name=f"fold-{k}.pt", keeps_looks=True)
        watch.run(fit, part=k, num_parts=num_folds + 1)
        fits.append(fit)
    step = _best_step([fit.progress.looks for fit in fits])
    judged = [pair for fit in fits for pair in _judged_at(fit, step)]
    everything = job.material(everyone, [])
    whole = job.fit(everything, name=CHECKPOINT_NAME, stop_at=step)
    last = watch.run(whole, part=num_folds, num_parts=num_folds + 1)
    zero_shot = [pair for fit in fits for pair in _judged_at(fit, None)]
    start = [pair for fit in fits for pair in _judged_at(fit, 0)]
    figures = _Figures(*(measured(pairs, job.categories) for pairs in (zero_shot, start, judged)))
    seconds = sum(fit.progress.seconds for fit in (*fits, whole))
    return _result(
        job,
        [last],
        tuple(judged),
        figures,
        trained=num_trained(whole.adaptation),
        seconds=seconds,
        steps=step,
    )


def _best_step(histories: Sequence[Sequence[Look]]) -> int:
    """The step whose looks are best on average; only steps that every part has seen count."""
    common = set.intersection(*({look.step for look in looks} for looks in histories))

    def rank(step: int) -> tuple[float, float]:
        ranks = [look.rank for looks in histories for look in looks if look.step == step]
        return (sum(ap for ap, _ in ranks), sum(loss for _, loss in ranks))

    return max(sorted(common), key=rank)


def _judged_at(fit: Fit, step: int | None) -> list[Judged]:
    """What a part's prompt of that step proposes on its held-out images; None: the detector alone."""
    adaptation = None
    if step is not None:
        look = next(look for look in fit.progress.looks if look.step == step)
        fit.adaptation.load_learnt_tensors(look.tensors)
        adaptation = fit.adaptation
    predictions = fit.predict(fit.material.held_out, adaptation)
    examples = fit.material.held_out_examples
    return [Judged(e, p) for e, p in zip(examples, predictions, strict=True)]


def num_boxes_of(judged: Sequence[Judged]) -> int:
    """How many true boxes judge: of a few, figures tell little."""
    return sum(len(pair.example.boxes) for pair in judged)


def measured(judged: Sequence[Judged], categories: Sequence[ObjectClass]) -> Metrics:
    """What these proposals are worth on the images that judge them."""
    truth = [(pair.example.boxes, pair.example.labels) for pair in judged]
    found = [pair.prediction for pair in judged]
    return evaluate(found, truth, [item.name for item in categories])


@dataclass(frozen=True, slots=True)
class _Figures:
    zero_shot: Metrics
    step0: Metrics
    tuned: Metrics


def _result(
    job: _Job,
    best: Sequence[Look],
    judged: tuple[Judged, ...],
    figures: _Figures,
    *,
    trained: int,
    seconds: float,
    steps: int,
) -> TuneResult:
    by_class = thresholds_by_class(
        [pair.prediction for pair in judged],
        [pair.example for pair in judged],
        job.categories,
    )
    best_step = max(look.step for look in best)
    bundle = PromptBundle(
        backbone=job.detector.name,
        backbone_digest=job.detector.digest,
        categories=job.categories,
        prompts=tuple(look.tensors for look in best),
        num_judged=1,
        thresholds={class_id: limit.score for class_id, limit in by_class.items()},
        config=dataclasses.asdict(job.config),
        metrics={
            **dataclasses.asdict(figures),
            "thresholds": {str(key): dataclasses.asdict(v) for key, v in by_class.items()},
            "best_step": best_step,
        },
        train_digest=job.train_digest,
        created_at=datetime.now(UTC),
    )
    return TuneResult(
        bundle=bundle,
        zero_shot=figures.zero_shot,
        step0=figures.step0,
        tuned=figures.tuned,
        judged=judged,
        best_step=best_step,
        steps=steps,
        seconds=seconds,
        trainable_parameters=trained,
        stopped_early=len(job.val) > 0 and steps < job.config.steps,
    )


def _digest_of(
    train: Sequence[Example], val: Sequence[Example], categories: Sequence[ObjectClass]
) -> str:
    """sha256 over what is learnt from: labels and names, not where the pictures lie."""
    digest = hashlib.sha256(repr(tuple(categories)).encode())
    for part, examples in (("train", train), ("val", val)):
        digest.update(part.encode())
        for example in examples:
            digest.update(f"{example.image_path.name}{example.is_exhaustive}".encode())
            rejected = (example.negatives, example.negative_labels)
            for array in (example.boxes, example.labels, *rejected):
                digest.update(array.tobytes() + b"|")
    return digest.hexdigest()
