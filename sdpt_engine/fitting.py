"""The one training loop: an adaptation, a few labelled images, and the best state seen on held-out ones."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from sdpt_engine.adaptation import Adaptation
from sdpt_engine.averaging import RunningMean
from sdpt_engine.checkpoint import load_checkpoint, save_checkpoint
from sdpt_engine.data import View, ViewCache
from sdpt_engine.errors import NonFiniteLossError, TuneInterrupted
from sdpt_engine.metrics import evaluate, metrics_from_dict
from sdpt_engine.predictor import Predictor
from sdpt_engine.schedule import learning_rate_factor
from sdpt_engine.types import (
    Example,
    Metrics,
    ObjectClass,
    Prediction,
    StepReport,
    TuneConfig,
)
from sdpt_engine.views import view_pool

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector

T = TypeVar("T")
EVAL_BATCH = 4
EVAL_MIN_SCORE = 0.01
NOTHING_MEASURED = Metrics(math.nan, math.nan, {}, 0)


@dataclass(frozen=True, slots=True)
class Material:
    """What a run learns from and is judged by, encoded once."""

    train: ViewCache
    held_out: ViewCache
    held_out_examples: tuple[Example, ...]
    categories: tuple[ObjectClass, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What the held-out images said after `step` steps, and the tensors of that moment."""

    step: int
    metrics: Metrics
    loss: float
    tensors: dict[str, Tensor]

    @property
    def rank(self) -> tuple[float, float]:
        """Larger is better. On a few images AP is coarse, often 0 for a while; the loss tells the way meanwhile."""
        return (self.metrics.ap, -self.loss)


@dataclass(slots=True)
class _Progress:
    """What changes during a run and is in its checkpoint."""

    step: int
    num_drawn: int
    batch_size: int
    zero_shot: Metrics
    saves_memory: bool = False
    looks: list[Look] = field(default_factory=list)
    best: int = 0  # index into looks
    least_loss: float = math.inf
    num_worse: int = 0
    seconds: float = 0.0


class Fit:
    """One run of one adaptation. `run` works it off, from its checkpoint if there is one.

    Without held-out images nothing is selected: the last step counts, or `stop_at` if given.
    Keeps the tensors of every look when `keeps_looks`, otherwise those of the best one only.
    """

    progress: _Progress

    def __init__(
        self,
        detector: Detector,
        adaptation: Adaptation,
        material: Material,
        config: TuneConfig,
        *,
        run_digest: str = "",
        checkpoint: Path | None = None,
        stop_at: int | None = None,
        keeps_looks: bool = False,
    ) -> None:
        self.detector, self.adaptation, self.material = detector, adaptation, material
        self.config, self.checkpoint, self.run_digest = config, checkpoint, run_digest
        self.last_step = config.steps if stop_at is None else min(stop_at, config.steps)
        self.keeps_looks = keeps_looks
        self.eval_batch = EVAL_BATCH
        self.pool = view_pool(config.num_zooms, config.num_pastes, seed=config.seed)
        self.predictor = Predictor(detector, material.categories, min_score=EVAL_MIN_SCORE)
        self.groups = adaptation.parameter_groups()
        self.parameters = [p for group in self.groups for p in group["params"]]
        self.mean = RunningMean(self.parameters, config.averaging)
        self.optimizer = (
            torch.optim.Adam([dict(group) for group in self.groups], lr=0.0)
            if self.parameters
            else None
        )

    @property
    def is_finished(self) -> bool:
        return self.progress.step >= self.last_step or self.has_lost_patience

    @property
    def has_lost_patience(self) -> bool:
        return len(self.material.held_out) > 0 and self.progress.num_worse >= self.config.patience

    @property
    def best(self) -> Look:
        return self.progress.looks[self.progress.best]

    def run(
        self,
        *,
        on_begin: Callable[[int, int, Metrics], None] | None = None,
        on_step: Callable[[StepReport], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Look:
        """The best look. Raises TuneInterrupted when `should_stop` says so, NonFiniteLossError."""
        before = self.detector.saves_memory
        try:
            return self._run(on_begin, on_step, should_stop)
        finally:
            self.detector.saves_memory = before

    def _run(
        self,
        on_begin: Callable[[int, int, Metrics], None] | None,
        on_step: Callable[[StepReport], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> Look:
        self._resume_or_begin()
        progress = self.progress
        self.detector.saves_memory |= progress.saves_memory
        if on_begin is not None:
            on_begin(progress.step, self.last_step, progress.zero_shot)
        while not self.is_finished:
            if should_stop is not None and should_stop():
                self._save()
                raise TuneInterrupted(progress.step)
            report = self._step()
            if on_step is not None:
                on_step(report)
        return self.best

    def _resume_or_begin(self) -> None:
        saved = None
        if self.checkpoint is not None:
            saved = load_checkpoint(self.checkpoint, self.run_digest)
        if saved is None:
            self._begin()
            self._save()
            return
        self.adaptation.load_learnt_tensors(saved.pop("tensors"))
        self.mean.load_state(**saved.pop("mean"))
        optimizer = saved.pop("optimizer")
        if self.optimizer is not None:
            self.optimizer.load_state_dict(optimizer)
        saved["zero_shot"] = metrics_from_dict(saved["zero_shot"])
        saved["looks"] = [
            Look(**{**look, "metrics": metrics_from_dict(look["metrics"])})
            for look in saved["looks"]
        ]
        self.progress = _Progress(**saved)

    def _begin(self) -> None:
        started = time.perf_counter()
        train = self.material.train
        self.adaptation.prepare(
            self.detector,
            [train.view(index) for index in range(len(train))],
            [asked.text for asked in train.asked],
        )
        self.adaptation.move_to(0, self.config.steps)
        self.mean.restart()
        self.progress = _Progress(
            step=0,
            num_drawn=0,
            batch_size=min(self.config.batch_size, len(train)),
            zero_shot=self.measure(None),
        )
        self._look()
        self.progress.seconds = time.perf_counter() - started

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        state = {f.name: getattr(self.progress, f.name) for f in dataclasses.fields(_Progress)}
        state["zero_shot"] = dataclasses.asdict(state["zero_shot"])
        state["looks"] = [
            {**{f.name: getattr(look, f.name) for f in dataclasses.fields(Look)}}
            | {"metrics": dataclasses.asdict(look.metrics)}
            for look in state["looks"]
        ]
        state["tensors"] = self.adaptation.learnt_tensors()
        state["mean"] = self.mean.state
        state["optimizer"] = {} if self.optimizer is None else self.optimizer.state_dict()
        save_checkpoint(self.checkpoint, self.run_digest, state)

    def _step(self) -> StepReport:
        progress, started = self.progress, time.perf_counter()
        loss, parts, rate = self._descend()
        is_time = progress.step % self.config.eval_every == 0 or progress.step == self.last_step
        seen = self._look() if is_time else None
        progress.seconds += time.perf_counter() - started
        if is_time:
            self._save()
        seconds = time.perf_counter() - started
        val = None if seen is None or seen.metrics is NOTHING_MEASURED else seen.metrics
        return StepReport(progress.step, self.last_step, loss, parts, rate, seconds, val)

    def _descend(self) -> tuple[float, dict[str, float], float]:
        """One optimiser step: (loss, its parts, learning rate of the first group)."""
        progress = self.progress
        if self.optimizer is None:
            progress.step = self.last_step
            return 0.0, {}, 0.0
        factor = learning_rate_factor(progress.step, self.config.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * factor
        loss, parts = self._backward_within_memory()
        if not math.isfinite(loss):
            raise NonFiniteLossError(
                f"The loss became {loss} at step {progress.step + 1}; the last checkpoint is kept. "
                "Lower the learning rates and tune again."
            )
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.config.gradient_clip)
        if not bool(norm.isfinite()):
            raise NonFiniteLossError(
                f"The gradient left the real numbers at step {progress.step + 1}; the last checkpoint is "
                "kept. Lower the learning rates and tune again."
            )
        self.optimizer.step()
        self.mean.update()
        progress.num_drawn += progress.batch_size
        progress.step += 1
        self.adaptation.move_to(progress.step, self.config.steps)
        return loss, parts, float(self.optimizer.param_groups[0]["lr"])

    def _backward_within_memory(self) -> tuple[float, dict[str, float]]:
        """Short of memory, layers are first worked out twice, which changes nothing; then the batch is halved."""
        progress = self.progress
        while True:
            try:
                return self._backward(self._draw())
            except torch.OutOfMemoryError:
                if self.adaptation.can_recompute and not self.detector.saves_memory:
                    self.detector.saves_memory = progress.saves_memory = True
                elif progress.batch_size > 1:
                    progress.batch_size //= 2
                else:
                    raise

    def _backward(self, views: Sequence[View]) -> tuple[float, dict[str, float]]:
        assert self.optimizer is not None
        self.optimizer.zero_grad(set_to_none=True)
        total, parts = 0.0, {"batch_size": float(len(views))}
        for number in range(len(self.material.train.asked)):
            loss, pieces = self._loss(views, number)
            torch.autograd.backward(loss)
            total += float(loss.detach())
            for name, value in pieces.items():
                parts[name] = parts.get(name, 0.0) + value
        return total, parts

    def _loss(self, views: Sequence[View], number: int) -> tuple[Tensor, dict[str, float]]:
        text = self.material.train.asked[number].text
        images = [view.images[number] for view in views]
        output = self.detector.detect(images, text, self.adaptation)
        targets = [view.target(number).to(self.detector.device) for view in views]
        return self.detector.loss(output, targets, text.caption)

    def _draw(self) -> list[View]:
        """The next batch. It follows from seed and position alone, so no generator needs saving."""
        first = self.progress.num_drawn
        return [self._drawn(first + offset) for offset in range(self.progress.batch_size)]

    def _drawn(self, position: int) -> View:
        train = self.material.train
        epoch, place = divmod(position, len(train))
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + epoch)
        order = torch.randperm(len(train), generator=generator)
        kinds = torch.randint(len(self.pool), (len(train),), generator=generator)
        return train.view(int(order[place]), self.pool[int(kinds[place])])

    def _look(self) -> Look:
        """Measure the mean so far on the held-out images; without any, the newest is the best."""
        progress = self.progress
        has_judge = len(self.material.held_out) > 0
        with self.mean.in_place():
            metrics = self.measure(self.adaptation) if has_judge else NOTHING_MEASURED
            loss = self._held_out_loss() if has_judge else math.nan
            look = Look(progress.step, metrics, loss, self.adaptation.learnt_tensors())
        is_first = not progress.looks
        is_best = is_first or not has_judge or look.rank > self.best.rank
        is_progress = is_best or loss < progress.least_loss
        progress.num_worse = 0 if is_progress else progress.num_worse + 1
        progress.least_loss = min(loss, progress.least_loss)
        if self.keeps_looks or is_first:
            progress.looks.append(look)
            progress.best = len(progress.looks) - 1 if is_best else progress.best
        elif is_best:
            progress.looks[1:] = [look]  # the first look stays: it is step 0
            progress.best = 1
        return look

    @torch.no_grad()
    def _held_out_loss(self) -> float:
        cache = self.material.held_out

        def loss_of(batch: Sequence[View]) -> list[float]:
            each = sum(float(self._loss(batch, n)[0]) for n in range(len(cache.asked)))
            return [each] * len(batch)

        losses = self._in_batches(cache, loss_of)
        return sum(losses) / len(losses)

    def _in_batches(self, cache: ViewCache, work: Callable[[Sequence[View]], list[T]]) -> list[T]:
        """One result per plain view, in order; short of memory the batch is halved."""
        done: list[T] = []
        while len(done) < len(cache):
            last = min(len(done) + self.eval_batch, len(cache))
            try:
                done += work([cache.view(index) for index in range(len(done), last)])
            except torch.OutOfMemoryError:
                if self.eval_batch == 1:
                    raise
                self.eval_batch //= 2
        return done

    def measure(self, adaptation: Adaptation | None) -> Metrics:
        """AP on the held-out images."""
        examples = self.material.held_out_examples
        if not examples:
            return NOTHING_MEASURED
        truth = [(example.boxes, example.labels) for example in examples]
        names = [item.name for item in self.material.categories]
        return evaluate(self.predict(self.material.held_out, adaptation), truth, names)

    def predict(self, cache: ViewCache, adaptation: Adaptation | None) -> list[Prediction]:
        """Proposals on the plain views of `cache`, in its order."""
        self.predictor.adaptations = (adaptation,)

        def proposed(views: Sequence[View]) -> list[Prediction]:
            captions = range(len(cache.asked))
            return self.predictor.predict_asked([[v.images[n] for v in views] for n in captions])

        return self._in_batches(cache, proposed)
