"""Prompt tuning: a frozen detector, a few labelled images, and the one thing that trains, Z."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sdpt_engine.bundle import PromptBundle
from sdpt_engine.checkpoint import load_checkpoint, save_checkpoint
from sdpt_engine.data import View, ViewCache
from sdpt_engine.errors import InvalidExampleError, NonFiniteLossError, TuneInterrupted
from sdpt_engine.losses import detection_loss
from sdpt_engine.metrics import evaluate
from sdpt_engine.predictor import Predictor
from sdpt_engine.prompt import LayerPrompt, PromptSet
from sdpt_engine.schedule import learning_rate_factor
from sdpt_engine.thresholds import best_thresholds
from sdpt_engine.types import (
    CategoryMetrics,
    Example,
    Metrics,
    ObjectClass,
    Prediction,
    StepReport,
    TuneConfig,
)

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector, EncodedText

EVAL_BATCH = 4
EVAL_MIN_SCORE = 0.01


@dataclass(frozen=True, slots=True)
class TuneResult:
    """The best prompt seen, and what it is worth on the held-out examples beside two references."""

    bundle: PromptBundle
    zero_shot: Metrics
    step0: Metrics
    tuned: Metrics
    steps: int
    seconds: float
    trainable_parameters: int
    stopped_early: bool


@dataclass(slots=True)
class _Progress:
    """What changes during a run and is in its checkpoint."""

    step: int
    num_drawn: int
    batch_size: int
    zero_shot: Metrics
    step0: Metrics
    best: Metrics
    best_loss: float
    least_loss: float
    best_step: int
    best_tensors: dict[str, Tensor]
    num_worse: int = 0
    seconds: float = 0.0


def tune(
    detector: Detector,
    train: Sequence[Example],
    val: Sequence[Example],
    config: TuneConfig,
    *,
    categories: Sequence[ObjectClass],
    checkpoint_dir: Path | None = None,
    on_begin: Callable[[int, int, Metrics], None] | None = None,
    on_step: Callable[[StepReport], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> TuneResult:
    """Learns a prompt from `train`; keeps the one that does best on `val`.

    With a checkpoint in `checkpoint_dir` the run goes on from there and ends exactly as it would
    have without the break. `on_begin` hears (steps done, steps in all, zero-shot metrics) before the
    first step. Raises TuneInterrupted when `should_stop` says so, NonFiniteLossError
    when the loss leaves the real numbers.
    """
    run = _Run(detector, train, val, config, categories=categories, folder=checkpoint_dir)
    run.resume_or_begin()
    progress = run.progress
    if on_begin is not None:
        on_begin(progress.step, config.steps, progress.zero_shot)
    while not run.is_finished:
        if should_stop is not None and should_stop():
            run.save()
            raise TuneInterrupted(progress.step)
        started = time.perf_counter()
        loss, parts, rate = run.step()
        seen = run.look() if run.is_time_to_look else None
        progress.seconds += time.perf_counter() - started
        if seen is not None:
            run.save()
        if on_step is not None:
            seconds = time.perf_counter() - started
            on_step(StepReport(progress.step, config.steps, loss, parts, rate, seconds, seen))
    return run.result()


class _Run:
    """One tuning run: the frozen inputs, the prompt, its optimiser and the progress so far."""

    progress: _Progress

    def __init__(
        self,
        detector: Detector,
        train: Sequence[Example],
        val: Sequence[Example],
        config: TuneConfig,
        *,
        categories: Sequence[ObjectClass],
        folder: Path | None,
    ):
        if not train:
            raise InvalidExampleError("Tuning wants at least one labelled image, found none.")
        self.detector, self.config, self.folder = detector, config, folder
        self.categories = tuple(categories)
        self.train, self.val = ViewCache(detector, train), ViewCache(detector, val)
        self.val_examples = tuple(val)
        self.train_digest = _digest_of(train, val, self.categories)
        described = json.dumps([detector.digest, self.train_digest, dataclasses.asdict(config)])
        self.run_digest = hashlib.sha256(described.encode()).hexdigest()
        self.predictor = Predictor(detector, self.categories, min_score=EVAL_MIN_SCORE)
        place = {item.id: index for index, item in enumerate(self.categories)}
        self.texts: list[tuple[EncodedText, list[int]]] = [
            (detector.encode_text(caption), [place[item.id] for item in caption.classes])
            for caption in detector.captions(self.categories)
        ]
        self.prompts = _new_prompts(detector, self.categories, config)
        self.optimizer = _optimizer(self.prompts, config)

    @property
    def is_finished(self) -> bool:
        return self.progress.step >= self.config.steps or self.has_lost_patience

    @property
    def has_lost_patience(self) -> bool:
        return len(self.val) > 0 and self.progress.num_worse >= self.config.patience

    @property
    def is_time_to_look(self) -> bool:
        step = self.progress.step
        return step % self.config.eval_every == 0 or step == self.config.steps

    def resume_or_begin(self) -> None:
        saved = None if self.folder is None else load_checkpoint(self.folder, self.run_digest)
        if saved is None:
            self._begin()
            self.save()
            return
        self.prompts.load_learnt_tensors(saved.pop("prompts"))
        self.optimizer.load_state_dict(saved.pop("optimizer"))
        for name in ("zero_shot", "step0", "best"):
            saved[name] = metrics_from_dict(saved[name])
        self.progress = _Progress(**saved)

    def _begin(self) -> None:
        started = time.perf_counter()
        zero_shot = self._measure(None)
        step0, loss = self._measure(self.prompts), self._held_out_loss()
        self.progress = _Progress(
            step=0,
            num_drawn=0,
            batch_size=min(self.config.batch_size, len(self.train)),
            zero_shot=zero_shot,
            step0=step0,
            best=step0,
            best_loss=loss,
            least_loss=loss,
            best_step=0,
            best_tensors=self.prompts.learnt_tensors(),
            seconds=time.perf_counter() - started,
        )

    def save(self) -> None:
        if self.folder is None:
            return
        state = {f.name: getattr(self.progress, f.name) for f in dataclasses.fields(_Progress)}
        for name in ("zero_shot", "step0", "best"):
            state[name] = dataclasses.asdict(state[name])
        state["prompts"] = self.prompts.learnt_tensors()
        state["optimizer"] = self.optimizer.state_dict()
        save_checkpoint(self.folder, self.run_digest, state)

    def step(self) -> tuple[float, dict[str, float], float]:
        """One optimiser step: (loss, its parts, learning rate of the shared tokens)."""
        progress = self.progress
        factor = learning_rate_factor(progress.step, self.config.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * factor
        loss, parts = self._backward_within_memory()
        if not math.isfinite(loss):
            raise NonFiniteLossError(
                f"The loss became {loss} at step {progress.step + 1}; the last checkpoint is kept. "
                "Lower the learning rates and tune again."
            )
        torch.nn.utils.clip_grad_norm_(self.prompts.parameters(), self.config.gradient_clip)
        self.optimizer.step()
        progress.num_drawn += progress.batch_size
        progress.step += 1
        return loss, parts, self.config.learning_rate * factor

    def _backward_within_memory(self) -> tuple[float, dict[str, float]]:
        while True:
            try:
                return self._backward(self._draw())
            except torch.OutOfMemoryError:
                if self.progress.batch_size == 1:
                    raise
                self.progress.batch_size //= 2

    def _backward(self, views: Sequence[View]) -> tuple[float, dict[str, float]]:
        self.optimizer.zero_grad(set_to_none=True)
        total, parts = 0.0, {"batch_size": float(len(views))}
        for text, places in self.texts:
            output = self.detector.detect([view.image for view in views], text, self.prompts)
            targets = [view.target(places).to(self.detector.device) for view in views]
            loss, pieces = detection_loss(output, targets, text.caption)
            torch.autograd.backward(loss)
            total += float(loss.detach())
            for name, value in pieces.items():
                parts[name] = parts.get(name, 0.0) + value
        return total, parts

    def _draw(self) -> list[View]:
        """The next batch. It follows from seed and position alone, so no generator needs saving."""
        first = self.progress.num_drawn
        return [self._drawn(first + offset) for offset in range(self.progress.batch_size)]

    def _drawn(self, position: int) -> View:
        epoch, place = divmod(position, len(self.train))
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + epoch)
        order = torch.randperm(len(self.train), generator=generator)
        flips = torch.rand(len(self.train), generator=generator) < 0.5
        return self.train.view(int(order[place]), is_flipped=bool(flips[place]))

    def look(self) -> Metrics | None:
        """Measures on the held-out images and remembers the best prompt; None without any."""
        progress = self.progress
        if not len(self.val):
            progress.best_step, progress.best_tensors = progress.step, self.prompts.learnt_tensors()
            return None
        seen, loss = self._measure(self.prompts), self._held_out_loss()
        # On a few images AP is coarse, often 0 for a while; the loss tells the way meanwhile.
        is_best = (seen.ap, -loss) > (progress.best.ap, -progress.best_loss)
        is_progress = is_best or loss < progress.least_loss
        progress.num_worse = 0 if is_progress else progress.num_worse + 1
        progress.least_loss = min(loss, progress.least_loss)
        if is_best:
            progress.best, progress.best_loss, progress.best_step = seen, loss, progress.step
            progress.best_tensors = self.prompts.learnt_tensors()
        return seen

    @torch.no_grad()
    def _held_out_loss(self) -> float:
        views = [self.val.view(index) for index in range(len(self.val))]
        total = 0.0
        for first in range(0, len(views), EVAL_BATCH):
            batch = views[first : first + EVAL_BATCH]
            for text, places in self.texts:
                output = self.detector.detect([view.image for view in batch], text, self.prompts)
                targets = [view.target(places).to(self.detector.device) for view in batch]
                loss = detection_loss(output, targets, text.caption)[0]
                total += float(loss) * len(batch) / len(views)
        return total

    def _measure(self, prompts: PromptSet | None) -> Metrics:
        if not self.val_examples:
            return Metrics(math.nan, math.nan, {}, 0)
        truth = [(example.boxes, example.labels) for example in self.val_examples]
        names = [item.name for item in self.categories]
        return evaluate(self._predict(prompts), truth, names)

    def _predict(self, prompts: PromptSet | None) -> list[Prediction]:
        self.predictor.prompts = prompts
        found: list[Prediction] = []
        for first in range(0, len(self.val), EVAL_BATCH):
            indices = range(first, min(first + EVAL_BATCH, len(self.val)))
            found += self.predictor.predict_encoded([self.val.view(i).image for i in indices])
        return found

    def result(self) -> TuneResult:
        progress = self.progress
        self.prompts.load_learnt_tensors(progress.best_tensors)
        limits = best_thresholds(
            self._predict(self.prompts), self.val_examples, len(self.categories)
        )
        metrics = {
            "zero_shot": dataclasses.asdict(progress.zero_shot),
            "step0": dataclasses.asdict(progress.step0),
            "tuned": dataclasses.asdict(progress.best),
            "thresholds": {
                str(item.id): dataclasses.asdict(limit)
                for item, limit in zip(self.categories, limits, strict=True)
            },
            "best_step": progress.best_step,
        }
        bundle = PromptBundle(
            backbone=self.detector.name,
            backbone_digest=self.detector.digest,
            categories=self.categories,
            tensors=progress.best_tensors,
            thresholds={
                item.id: limit.score for item, limit in zip(self.categories, limits, strict=True)
            },
            config=dataclasses.asdict(self.config),
            metrics=metrics,
            train_digest=self.train_digest,
            created_at=datetime.now(UTC),
        )
        return TuneResult(
            bundle=bundle,
            zero_shot=progress.zero_shot,
            step0=progress.step0,
            tuned=progress.best,
            steps=progress.step,
            seconds=progress.seconds,
            trainable_parameters=self.prompts.num_trainable(),
            stopped_early=progress.step < self.config.steps,
        )


def metrics_from_dict(saved: dict[str, Any]) -> Metrics:
    """The inverse of `dataclasses.asdict` for Metrics."""
    per_category = {name: CategoryMetrics(**item) for name, item in saved["per_category"].items()}
    return Metrics(**{**saved, "per_category": per_category})


def _new_prompts(
    detector: Detector, categories: Sequence[ObjectClass], config: TuneConfig
) -> PromptSet:
    prompts = PromptSet(
        detector.fusion_sites(),
        [item.id for item in categories],
        num_tokens=config.num_tokens,
        anchored=config.is_anchored,
        logit_bias=config.logit_bias,
        rcond=config.rcond,
    )
    prompts.start_from_seed(config.seed)
    return prompts.to(detector.device)


def _optimizer(prompts: PromptSet, config: TuneConfig) -> torch.optim.Adam:
    layers = [layer for layer in prompts.layers.values() if isinstance(layer, LayerPrompt)]
    groups: list[dict[str, Any]] = [
        {"params": [layer.shared for layer in layers], "peak_lr": config.learning_rate},
        {"params": [layer.anchored for layer in layers], "peak_lr": config.anchor_learning_rate},
    ]
    trained = sum(len(group["params"]) for group in groups)
    assert trained == len(list(prompts.parameters())), "only Z may train, and all of it"
    return torch.optim.Adam(groups, lr=config.learning_rate)


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
