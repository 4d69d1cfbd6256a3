"""Ours against transformers' own way, side by side in one run: same weights, same images, same results.

(a) a tuning step, (b) prediction with and without a prompt, (c) a folder of images, (d) peak memory.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from sdpt_engine.backbones import load_detector
from sdpt_engine.backbones.grounding_dino import GroundingDinoDetector
from sdpt_engine.bench.peaks import SWIN, WAYS, peak_megabytes, peak_of_steps
from sdpt_engine.bench.plain import concatenated, predict_one_by_one, whole_output
from sdpt_engine.bench.subjects import (
    NUM_TOKENS,
    Subject,
    from_examples,
    random_subject,
    require_family,
)
from sdpt_engine.bench.timing import in_turns, matrix_share
from sdpt_engine.data import load_image_upright
from sdpt_engine.predictor import Predictor
from sdpt_engine.streaming import predict_each
from sdpt_engine.types import Example, ObjectClass

MIN_SCORE = 0.05
BATCH = 4
LAST_LAYERS = "last-3"


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison; `ratio` is rival / ours, so that more is better for us."""

    what: str
    subject: str
    ours: float
    rival: float
    unit: str
    ratio: float
    wanted: float | None
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        return None if self.wanted is None else self.ratio >= self.wanted


@dataclass(frozen=True, slots=True)
class SpeedReport:
    """All rows of one run, and on what it ran."""

    rows: tuple[Row, ...]
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

    `on_row` hears of each row as soon as it is known.
    """
    plan = QUICK if is_quick else FULL
    detector = require_family(load_detector(backbone, device="cpu"))
    paths = [example.image_path for example in examples][: plan.num_images]
    rows: list[Row] = []
    for row in _rows(plan, detector, classes, examples, paths):
        rows.append(row)
        if on_row is not None:
            on_row(row)
    return SpeedReport(
        rows=tuple(rows),
        torch_version=torch.__version__,
        threads=torch.get_num_threads(),
        machine=f"{platform.machine()}, {os.cpu_count()} cores",
    )


def _rows(
    plan: Plan,
    detector: GroundingDinoDetector,
    classes: Sequence[ObjectClass],
    examples: Sequence[Example],
    paths: Sequence[Path],
) -> Iterator[Row]:
    subject = from_examples(detector, classes, examples[:BATCH])
    yield compare_steps(subject, rounds=plan.rounds, wanted=1.5)
    yield from compare_predictions(subject, rounds=plan.rounds)
    yield compare_folders(detector, classes, paths, rounds=max(plan.rounds // 5, 1))
    large = random_subject(plan.large_size_hw, is_tiny=plan.is_tiny)
    for layers, wanted in (("all", 1.2), (LAST_LAYERS, 1.8)):
        yield compare_steps(large, rounds=1, wanted=None if plan.is_tiny else wanted, layers=layers)
    if plan.is_tiny:  # a stand-in for what needs minutes and processes of its own
        yield from memory_rows(large.name, {way: peak_of_steps(way, large) for way in WAYS})
        return
    del large
    for name in (detector.name, SWIN):
        yield from memory_rows(name, {way: peak_megabytes(way, name) for way in WAYS})


def compare_steps(
    subject: Subject, *, rounds: int, wanted: float | None, layers: str = "all"
) -> Row:
    """(a) Forward, loss and backward of one batch, ours from cached constants, theirs from pixels."""
    prompts = subject.prompts(layers)
    cached = subject.advanced(prompts)
    parameters = [parameter for parameter in prompts.parameters() if len(parameter)]
    seen: dict[str, list[torch.Tensor]] = {}

    def ours() -> None:
        loss = cached.tuning_loss(prompts)
        seen["ours"] = [loss.detach(), *torch.autograd.grad(loss, parameters)]

    def rival() -> None:
        with concatenated(subject.detector, prompts):
            loss = subject.whole_loss()
        seen["rival"] = [loss.detach(), *torch.autograd.grad(loss, parameters)]

    pair = in_turns(ours, rival, rounds=rounds)
    shares = f"matrix products: {matrix_share(ours):.0%} of ours"
    return Row(
        what=f"tuning step, layers: {layers}",
        subject=subject.name,
        ours=pair.ours_s,
        rival=pair.rival_s,
        unit="s",
        ratio=pair.ratio,
        wanted=wanted,
        note=f"{shares}; loss differs by {_difference(seen['ours'][:1], seen['rival'][:1]):.0e}, "
        f"gradient by {_difference(seen['ours'][1:], seen['rival'][1:]):.0e} of its largest",
    )


def _difference(mine: Sequence[torch.Tensor], theirs: Sequence[torch.Tensor]) -> float:
    """Largest difference as a share of the largest number."""
    pairs = list(zip(mine, theirs, strict=True))
    largest = max(float(b.abs().max()) for _, b in pairs)
    return max(float((a - b).abs().max()) for a, b in pairs) / max(largest, 1e-30)


@torch.no_grad()
def compare_predictions(subject: Subject, *, rounds: int) -> list[Row]:
    """(b) From pictures to raw boxes with a prompt, against the unprompted model, whole and split."""
    detector = subject.detector
    prompts = subject.prompts().export_kv()  # as the predictor has them

    def tuned() -> None:
        detector.detect(detector.encode_images(subject.images), subject.text, prompts)

    def unprompted() -> None:
        detector.detect(detector.encode_images(subject.images), subject.text)

    def whole() -> None:
        pixels = torch.stack([detector.preprocess(image) for image in subject.images])
        whole_output(detector.model, pixels.to(detector.device), subject.text.caption)

    rows = []
    for rival, name in ((whole, "transformers' model"), (unprompted, "our own path")):
        pair = in_turns(tuned, rival, rounds=rounds)
        rows.append(
            Row(
                what=f"tuned prediction against {name} without a prompt",
                subject=subject.name,
                ours=pair.ours_s,
                rival=pair.rival_s,
                unit="s",
                ratio=pair.ratio,
                wanted=0.97,
                note=f"{NUM_TOKENS} tokens in each layer, {len(subject.images)} images",
            )
        )
    return rows


def compare_folders(
    detector: GroundingDinoDetector,
    classes: Sequence[ObjectClass],
    paths: Sequence[Path],
    *,
    rounds: int,
) -> Row:
    """(c) Files to boxes, ours in batches with decoding ahead, theirs one image at a time."""

    def ours() -> None:
        predictor = Predictor(detector, classes, min_score=MIN_SCORE)
        for _ in predict_each(predictor, paths):
            pass

    def rival() -> None:
        predict_one_by_one(detector, classes, paths, min_score=MIN_SCORE)

    pair = in_turns(ours, rival, rounds=rounds)
    boxes_px, scores = raw_difference(detector, classes, paths)
    return Row(
        what="folder of images",
        subject=f"{detector.name}, {len(paths)} images",
        ours=len(paths) / pair.ours_s,
        rival=len(paths) / pair.rival_s,
        unit="images/s",
        ratio=pair.ratio,
        wanted=1.5,
        note=f"boxes differ by {boxes_px:.0e} px, token scores by {scores:.0e}",
    )


@torch.no_grad()
def raw_difference(
    detector: GroundingDinoDetector, classes: Sequence[ObjectClass], paths: Sequence[Path]
) -> tuple[float, float]:
    """Largest difference of boxes, in pixels, and of token scores, query by query, to the whole model."""
    caption = detector.captions(classes)[0]
    text = detector.encode_text(caption)
    boxes_px, scores = 0.0, 0.0
    for path in paths:
        image = load_image_upright(path)
        height, width = image.shape[:2]
        mine = detector.detect(detector.encode_images([image]), text)
        pixels = detector.preprocess(image)[None].to(detector.device)
        theirs = whole_output(detector.model, pixels, caption)
        scale = mine.boxes.new_tensor([width, height, width, height])
        boxes_px = max(boxes_px, float(((mine.boxes - theirs.boxes) * scale).abs().max()))
        difference = mine.logits.sigmoid() - theirs.logits.sigmoid()
        scores = max(scores, float(difference.abs().max()))
    return boxes_px, scores


def memory_rows(subject: str, peaks: Mapping[str, float]) -> Iterator[Row]:
    """(d) Peak of tuning against that of training weights, from the peak in MB of each way."""
    for ours, label in (("prompts", "tuning"), ("prompts-frugal", "tuning, saving memory")):
        for rival in ("behind-encoders", "whole-model"):
            yield Row(
                what=f"peak memory of {label} against training {rival.replace('-', ' ')}",
                subject=subject,
                ours=peaks[ours],
                rival=peaks[rival],
                unit="MB",
                ratio=peaks[rival] / peaks[ours],
                wanted=None,
                note=f"{peaks['loading']:.0f} MB of it is the loaded model and its batch",
            )
