"""A second look at edges, taken only where held-out images are the better for it: after a tuning, or without any."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sdpt_engine.availability import SHIPPED_PX
from sdpt_engine.data import load_image_upright
from sdpt_engine.edges.finder import EdgeFinder
from sdpt_engine.edges.lesson import ShouldStop, learn, lesson_from
from sdpt_engine.metrics import evaluate
from sdpt_engine.thresholds import best_thresholds
from sdpt_engine.types import Example
from sdpt_engine.verdict import is_better

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector
    from sdpt_engine.predictor import Predictor
    from sdpt_engine.tuning import TuneResult

LEAST_BOXES = 10
STEPS = 150
_BATCH_SIZE = 32
_LEARNING_RATE = 1e-3
_MOST_TIMES_PER_BOX = 8
_CUT_OUTS = 1200


def learn_edges(
    detector: Detector,
    result: TuneResult,
    train: Sequence[Example],
    *,
    most_steps: int = STEPS,
    seed: int = 0,
    should_stop: ShouldStop | None = None,
) -> TuneResult:
    """The result with a second look at edges, where that betters AP on the images that judged it; else as it was.

    They choose between the start and what `train` made of it. Nothing is learnt from fewer than `LEAST_BOXES` boxes,
    nor where the images judged each other in turns: then none is left to judge by. Raises TuneInterrupted when
    `should_stop` says so.
    """
    learnt_from = {example.image_path for example in train}
    num_boxes = sum(len(example.boxes) for example in train)
    judges = [pair.example.image_path for pair in result.judged]
    if num_boxes < LEAST_BOXES or not judges or learnt_from & set(judges):
        return result
    steps = min(STEPS, most_steps)
    finder = EdgeFinder.shipped(detector.device)
    with_start = _judged_again(result, finder)
    wanted = min(_CUT_OUTS, steps * _BATCH_SIZE)
    times = min(max(round(wanted / num_boxes), 1), _MOST_TIMES_PER_BOX)
    lesson = lesson_from(finder, train, times_per_box=times, seed=seed, should_stop=should_stop)
    if lesson is not None:
        learn(
            finder,
            lesson,
            steps=steps,
            batch_size=_BATCH_SIZE,
            learning_rate=_LEARNING_RATE,
            seed=seed,
            should_stop=should_stop,
        )
    best = max(with_start, _judged_again(result, finder), key=lambda look: look.tuned.ap)
    return best if is_better(best.tuned, result.tuned) else result


def start_helps(predictor: Predictor, judges: Sequence[Example]) -> bool:
    """Whether the start of the edges, as it ships, betters AP of a detector without a prompt on these images.

    Fewer than `LEAST_BOXES` boxes tell nothing: then it is taken for nano, whose boxes are known to be loose, and for
    no other. Raises ImageUnreadableError.
    """
    if sum(len(example.boxes) for example in judges) < LEAST_BOXES:
        return predictor.detector.name in SHIPPED_PX
    finder = EdgeFinder.shipped(predictor.detector.device)
    plain, again = [], []
    for example in judges:
        pixels = load_image_upright(example.image_path)
        (found,) = predictor.predict([pixels])
        plain.append(found)
        again.append(finder.look_again(pixels, found))
    truth = [(example.boxes, example.labels) for example in judges]
    names = [item.name for item in predictor.classes]
    return is_better(evaluate(again, truth, names), evaluate(plain, truth, names))


def _judged_again(result: TuneResult, finder: EdgeFinder) -> TuneResult:
    """The result with a second look, whatever that is worth."""
    judged = tuple(
        dataclasses.replace(
            pair,
            prediction=finder.look_again(
                load_image_upright(pair.example.image_path), pair.prediction
            ),
        )
        for pair in result.judged
    )
    classes = result.bundle.categories
    truth = [(pair.example.boxes, pair.example.labels) for pair in judged]
    found = [pair.prediction for pair in judged]
    tuned = evaluate(found, truth, [item.name for item in classes])
    limits = best_thresholds(found, [pair.example for pair in judged], len(classes))
    by_class = dict(zip((item.id for item in classes), limits, strict=True))
    bundle = dataclasses.replace(
        result.bundle,
        edges=finder.tensors,
        thresholds={class_id: limit.score for class_id, limit in by_class.items()},
        metrics={
            **result.bundle.metrics,
            "tuned": dataclasses.asdict(tuned),
            "without_edges": dataclasses.asdict(result.tuned),
            "thresholds": {str(key): dataclasses.asdict(v) for key, v in by_class.items()},
        },
    )
    return dataclasses.replace(
        result, bundle=bundle, tuned=tuned, judged=judged, without_edges=result.tuned
    )
