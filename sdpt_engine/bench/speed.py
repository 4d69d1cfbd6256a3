"""Ours against a family's plain model, side by side in one run: same weights, same images, same results.

The rival is transformers' own model where it has one, else the loop that one would write: see `plain`.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from sdpt_engine.backbones import load_detector
from sdpt_engine.bench.comparisons import (
    Row,
    compare_folders,
    compare_predictions,
    compare_steps,
    memory_rows,
)
from sdpt_engine.bench.peaks import FRUGAL, peak_megabytes, peak_of_steps, ways_of
from sdpt_engine.bench.plain import rival_of
from sdpt_engine.bench.rival import Rival
from sdpt_engine.bench.subjects import from_examples, random_subject
from sdpt_engine.types import Example, ObjectClass

BATCH = 4
LAST_LAYERS = "last-3"


@dataclass(frozen=True, slots=True)
class SpeedReport:
    """All rows of one run, what must be known to read them, and on what it ran."""

    rows: tuple[Row, ...]
    remarks: tuple[str, ...]
    torch_version: str
    threads: int
    machine: str


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int
    is_tiny: bool
    large_size_hw: tuple[int, int]
    num_images: int


FULL = Plan(rounds=15, is_tiny=False, large_size_hw=(800, 1066), num_images=60)
QUICK = Plan(rounds=2, is_tiny=True, large_size_hw=(64, 96), num_images=4)


def measure_speed(
    backbone: str,
    classes: Sequence[ObjectClass],
    examples: Sequence[Example],
    *,
    is_quick: bool = False,
    on_row: Callable[[Row], None] | None = None,
) -> SpeedReport:
    """Run every comparison on `backbone`; `examples` are labelled images, all of one size.

    `on_row` hears of each row as soon as it is known. Raises EngineError for a family without a rival.
    """
    plan = QUICK if is_quick else FULL
    rival = rival_of(load_detector(backbone, device="cpu"))
    paths = [example.image_path for example in examples][: plan.num_images]
    rows: list[Row] = []
    for row in _rows(plan, rival, classes, examples, paths):
        rows.append(row)
        if on_row is not None:
            on_row(row)
    return SpeedReport(
        rows=tuple(rows),
        remarks=_remarks(rival),
        torch_version=torch.__version__,
        threads=torch.get_num_threads(),
        machine=f"{platform.machine()}, {os.cpu_count()} cores",
    )


def _remarks(rival: Rival) -> tuple[str, ...]:
    if FRUGAL in ways_of(rival.detector):
        return rival.remarks
    always = "This family always works its layers out again to save memory: no row does without."
    return (*rival.remarks, always)


def _rows(
    plan: Plan,
    rival: Rival,
    classes: Sequence[ObjectClass],
    examples: Sequence[Example],
    paths: Sequence[Path],
) -> Iterator[Row]:
    detector = rival.detector
    subject = from_examples(detector, classes, examples[:BATCH])
    yield compare_steps(subject, rounds=plan.rounds, wanted=1.5)
    yield from compare_predictions(subject, rounds=plan.rounds)
    yield compare_folders(rival, classes, paths, rounds=max(plan.rounds // 5, 1))
    size_hw = plan.large_size_hw
    large = random_subject(rival.tiny_model if plan.is_tiny else rival.large_model, size_hw)
    for layers, wanted in (("all", 1.2), (LAST_LAYERS, 1.8)):
        yield compare_steps(large, rounds=1, wanted=None if plan.is_tiny else wanted, layers=layers)
    ways = ways_of(detector)
    if plan.is_tiny:  # a stand-in for what needs minutes and processes of its own
        yield from memory_rows(large.name, {way: peak_of_steps(way, large) for way in ways})
        return
    del large
    for name in (detector.name, rival.large_model):
        yield from memory_rows(name, {way: peak_megabytes(way, name, classes) for way in ways})
