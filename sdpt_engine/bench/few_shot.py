"""Few-shot comparison of every method on every set: one run, one row, as soon as it is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import torch

from sdpt_engine.asking import ask
from sdpt_engine.backbones import load_detector
from sdpt_engine.baselines.registry import METHODS, Method
from sdpt_engine.bench.memory import PeakMemory
from sdpt_engine.bench.rows import Key, Row
from sdpt_engine.bench.sets import LabelledSet, few_shots, load_set
from sdpt_engine.bench.variants import variant
from sdpt_engine.data import ViewCache
from sdpt_engine.device import resolve_device
from sdpt_engine.fitting import Fit, Material
from sdpt_engine.metrics import evaluate
from sdpt_engine.predictor import Predictor
from sdpt_engine.prompt import PromptSet
from sdpt_engine.tuning import tune
from sdpt_engine.types import Example, Metrics, StepReport, TuneConfig
from sdpt_engine.usual import usual_config

if TYPE_CHECKING:
    from sdpt_engine.adaptation import Adaptation
    from sdpt_engine.backbones.base import Detector

AS_SHIPPED = "tune"
"""SDPT the way the Tune button does it: held-out images or folds, best step, and kept only if it is better."""
HELD_OUT_SHARE = 0.3
PEAK_STEPS = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. `methods` are names of METHODS, variants such as sdpt:num_tokens=4, or `tune`."""

    sets: tuple[Path, ...]
    methods: tuple[str, ...]
    shots: tuple[int, ...]
    seeds: tuple[int, ...]
    steps: int
    backbone: str = "nano"
    is_choosing: bool = False
    rates: bool = False
    num_judges: int | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """A run that is to be done."""

    method: str
    rate: float
    shots: int
    seed: int


def cells(plan: Plan, seed: int) -> list[Cell]:
    """The runs of one set with one seed. Without training the number of shots may not matter."""
    found = []
    for name in plan.methods:
        rates = _rates(name) if plan.rates else (_rate(name),)
        for rate in rates:
            shots = (0,) if name == "zero-shot" else plan.shots
            found += [Cell(name, rate, number, seed) for number in shots]
    return found


def run_set(plan: Plan, folder: Path, seed: int, done: frozenset[Key]) -> Iterator[Row]:
    """Rows of one set with one seed, those in `done` left out. All images are encoded once."""
    wanted = [
        cell
        for cell in cells(plan, seed)
        if (folder.name, cell.method, cell.rate, cell.shots, cell.seed) not in done
    ]
    if not wanted:
        return
    bench = _Bench(plan, folder)
    for cell in wanted:
        yield bench.row(cell)


def peak_of(plan: Plan, method: str) -> float:
    """The most memory, in MB, that a few steps of a method take in this process, all included.

    Only a process of its own gives a true figure: memory that was freed may stay with the process.
    """
    torch.set_num_threads(1)
    short = replace(plan, methods=(method,), steps=PEAK_STEPS, num_judges=1)
    with PeakMemory(resolve_device("auto")) as memory:
        bench = _Bench(short, plan.sets[0])
        bench.row(Cell(method, _rate(method), max(plan.shots), plan.seeds[0]))
    return memory.megabytes


class _Bench:
    """One set in front of one detector."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.set: LabelledSet = load_set(folder, is_choosing=plan.is_choosing)
        self.judges = self.set.test[: plan.num_judges]
        self.detector: Detector = load_detector(plan.backbone)
        asked = ask(self.detector, self.set.classes)
        self.train = ViewCache(self.detector, self.set.train, asked)
        self.test = ViewCache(self.detector, self.judges, asked)
        self.none = ViewCache(self.detector, [], asked)
        for index in range(len(self.test)):
            self.test.view(index)

    def row(self, cell: Cell) -> Row:
        chosen = few_shots(self.set.train, len(self.set.classes), shots=cell.shots, seed=cell.seed)
        if cell.method == AS_SHIPPED:
            return self._as_shipped(cell, chosen)
        return self._fitted(cell, chosen)

    def _fitted(self, cell: Cell, chosen: Sequence[int]) -> Row:
        method, adaptation = _made(cell, self.detector, self.set)
        config = TuneConfig(
            steps=self.plan.steps if method.is_trained else 0,
            eval_every=self.plan.steps,
            averaging=0.0,  # each method as it was published
            seed=cell.seed,
        )
        views = self.train.subset(chosen) if chosen else self.none
        if method.enters_late:
            examples = [self.set.train[index] for index in chosen]
            views = ViewCache(self.detector, examples, views.asked, layer=adaptation.first_layer)
        material = Material(views, self.none, (), self.set.classes)
        fit = Fit(self.detector, adaptation, material, config)
        seconds: list[float] = []
        step0 = math.nan

        def stepped(report: StepReport) -> None:
            seconds.append(report.seconds)

        def began(_step: int, _last: int, _zero_shot: Metrics) -> None:
            nonlocal step0
            if isinstance(adaptation, PromptSet):  # the rivals start at zero-shot by their nature
                step0 = self._judge(fit, adaptation).ap

        fit.run(on_begin=began, on_step=stepped)
        if not method.enters_late:
            self.train.adopt(views, chosen)
        metrics = self._judge(fit, adaptation)
        trained = sum(p.numel() for p in fit.parameters)
        return self._row(cell, chosen, metrics, step0, trained, seconds, adaptation)

    def _judge(self, fit: Fit, adaptation: Adaptation | None) -> Metrics:
        return _figures(fit, self.test, adaptation, self.judges, self.set)

    def _as_shipped(self, cell: Cell, chosen: Sequence[int]) -> Row:
        examples = [self.set.train[index] for index in chosen]
        number = round(len(examples) * HELD_OUT_SHARE)
        held_out = examples[:number] if len(examples) >= 6 else []
        learnt = examples[len(held_out) :]
        seconds: list[float] = []
        usual = usual_config(self.detector.name)
        config = replace(usual, steps=self.plan.steps, eval_every=15, seed=cell.seed)
        result = tune(
            self.detector,
            learnt,
            held_out,
            config,
            categories=self.set.classes,
            on_step=lambda report: seconds.append(report.seconds),
        )
        is_kept = result.has_gained
        bundle = result.bundle if is_kept else None
        predictor = Predictor(self.detector, self.set.classes, bundle, min_score=0.01)
        found = [
            predictor.predict_encoded([self.test.view(i).images[0]])[0]
            for i in range(len(self.test))
        ]
        truth = [(item.boxes, item.labels) for item in self.judges]
        metrics = evaluate(found, truth, [item.name for item in self.set.classes])
        trained = result.trainable_parameters
        row = self._row(cell, chosen, metrics, math.nan, trained, seconds, None)
        return replace(row, kept=is_kept, steps=len(seconds), artefact_kb=trained * 4 / 1000)

    def _row(
        self,
        cell: Cell,
        chosen: Sequence[int],
        metrics: Metrics,
        step0: float,
        trained: int,
        seconds: Sequence[float],
        adaptation: Adaptation | None,
    ) -> Row:
        everything = sum(p.numel() for p in self.detector.model.parameters())
        tensors = {} if adaptation is None else adaptation.learnt_tensors()
        return Row(
            dataset=self.set.name,
            method=cell.method,
            rate=cell.rate,
            shots=cell.shots,
            seed=cell.seed,
            num_images=len(chosen),
            ap=round(metrics.ap, 5),
            ap50=round(metrics.ap50, 5),
            step0_ap=round(step0, 5),
            trained=trained,
            share=trained / everything,
            steps=len(seconds),
            seconds=round(median(seconds), 4) if seconds else 0.0,
            artefact_kb=sum(t.numel() * t.element_size() for t in tensors.values()) / 1000,
            kept=True,
        )


def _figures(
    fit: Fit,
    cache: ViewCache,
    adaptation: Adaptation | None,
    examples: Sequence[Example],
    labelled: LabelledSet,
) -> Metrics:
    truth = [(item.boxes, item.labels) for item in examples]
    return evaluate(fit.predict(cache, adaptation), truth, [c.name for c in labelled.classes])


def _made(cell: Cell, detector: Detector, labelled: LabelledSet) -> tuple[Method, Adaptation]:
    method = _method(cell.method)
    with torch.random.fork_rng(devices=[]):
        made = method.build(detector, labelled.classes, cell.rate, cell.seed)
    return method, made


def _method(name: str) -> Method:
    return METHODS[name] if name in METHODS else variant(name)


def _rate(name: str) -> float:
    return 0.0 if name == AS_SHIPPED else _method(name).rate


def _rates(name: str) -> tuple[float, ...]:
    return (0.0,) if name == AS_SHIPPED else _method(name).rates
