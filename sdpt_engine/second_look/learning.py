"""A second look, taken only where held-out images are the better for it: after a tuning, or without any."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sdpt_engine.availability import SHIPPED_PX
from sdpt_engine.boxes import overlaps
from sdpt_engine.data import load_image_upright
from sdpt_engine.errors import ImageUnreadableError
from sdpt_engine.metrics import evaluate
from sdpt_engine.predictor import Predictor
from sdpt_engine.second_look.edges.finder import EdgeFinder, shipped_edges
from sdpt_engine.second_look.edges.lesson import learn, lesson_from
from sdpt_engine.second_look.encoder import load_encoder
from sdpt_engine.second_look.lessons import ShouldStop, stop_if_asked
from sdpt_engine.second_look.look import MOST_TIGHTENED, SecondLook
from sdpt_engine.second_look.names.lesson import (
    NamingLesson,
    learn_to_name,
    naming_lesson_from,
    num_turns,
)
from sdpt_engine.thresholds import thresholds_by_class
from sdpt_engine.tuning import measured, num_boxes_of
from sdpt_engine.types import Boxes, Example, ObjectClass, Pixels
from sdpt_engine.verdict import is_better, may_be_as_good, may_be_as_high

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector
    from sdpt_engine.bundle import PromptBundle
    from sdpt_engine.tuning import TuneResult

LEAST_BOXES = 2  # to learn from: three images of one object each leave two when one is held out
LEAST_BOXES_THAT_JUDGE = 10
STEPS = 150
_BATCH_SIZE = 32
_LEARNING_RATE = 1e-3
_SHARE_LEARNT = 0.5  # of the way from the start to what a person's boxes make of it
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
    """The result with a second look at edges, where the images that judged it are for that; else as it was.

    They are where it betters their AP; of nano, where AP is not clearly against it. The mean of the start and of what
    `train` made of it is preferred (WiSE-FT, Wortsman et al. 2022: a few boxes teach something and make forget more),
    unless what `train` made of it, or the start, places their boxes clearly better. Once they have judged, these images
    teach edges too; what was measured stays what it was before, and so does `judged_edges`. Raises TuneInterrupted when
    `should_stop` says so.
    """
    if not _can_be_learnt(result, train):
        return result
    start = shipped_edges()

    def taught_by(examples: Sequence[Example]) -> Mapping[str, Tensor]:
        return _taught_edges(
            detector, examples, most_steps=most_steps, seed=seed, should_stop=should_stop
        )

    learnt = taught_by(train)
    tried = {
        share: _judged_again(detector, result, edges=_between(start, learnt, share))
        for share in (_SHARE_LEARNT, 1.0, 0.0)
    }
    preferred = _placing_best(tried)
    taken = next((share for share in preferred if _is_taken(detector, tried[share], result)), None)
    if taken is None:
        return result
    best = tried[taken]
    if not taken:
        return best  # the start as it ships
    from_all = taught_by([*train, *(pair.example for pair in result.judged)])
    edges = _between(start, from_all, taken)
    bundle = dataclasses.replace(best.bundle, edges=edges, judged_edges=best.bundle.edges)
    return dataclasses.replace(best, bundle=bundle)


def _placing_best(tried: Mapping[float, TuneResult]) -> list[float]:
    """The shares of what was learnt in their order: the first one, unless another places boxes clearly better."""
    placed = {share: _overlaps_with_true(result) for share, result in tried.items()}
    first = next(iter(placed))
    clearly = [s for s in placed if not may_be_as_high(placed[first], placed[s])]
    clearly.sort(key=lambda share: float(placed[share].mean()), reverse=True)
    return [*clearly, *(share for share in placed if share not in clearly)]


def _between(
    start: Mapping[str, Tensor], learnt: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Weights on the straight way from the start to what was learnt."""
    return {
        name: torch.lerp(start[name].float(), learnt[name].float(), share).half() for name in start
    }


def learn_names(
    detector: Detector,
    result: TuneResult,
    train: Sequence[Example],
    *,
    seed: int = 0,
    should_stop: ShouldStop | None = None,
) -> TuneResult:
    """The result with a second look at names, where that betters AP on the images that judged it; else as it was.

    Nano takes it unless they are clearly against it. Once they have judged, these images teach names
    too; what was measured stays what it was before, and so does `judged_names`. Raises TuneInterrupted when
    `should_stop` says so.
    """
    if not _can_be_learnt(result, train):
        return result
    classes = result.bundle.categories
    predictor = Predictor(detector, classes, result.bundle, max_detections=MOST_TIGHTENED)

    def find(pixels: Pixels) -> Boxes:
        return predictor.predict([pixels])[0].boxes

    encoder = load_encoder(detector.device)
    judges = [pair.example for pair in result.judged]
    turns = num_turns([*train, *judges])

    def lesson_of(examples: Sequence[Example]) -> NamingLesson:
        return naming_lesson_from(
            encoder,
            examples,
            num_classes=len(classes),
            find=find,
            turns=turns,
            seed=seed,
            should_stop=should_stop,
        )

    lesson = lesson_of(train)
    tensors = learn_to_name(lesson, classes)
    named = _judged_again(detector, result, edges=result.bundle.as_judged.edges, names=tensors)
    if not _is_taken(detector, named, result):
        return result
    from_all = learn_to_name(lesson.and_also(lesson_of(judges)), classes)
    with_edges = named.bundle.with_look_of(result.bundle)
    bundle = dataclasses.replace(with_edges, names=from_all, judged_names=tensors)
    return dataclasses.replace(named, bundle=bundle)


def judged_by_the_same(
    detector: Detector, older: PromptBundle, result: TuneResult, *, min_score: float
) -> TuneResult:
    """An older prompt without its second look, measured on the images that judged `result`, by the classes of that.

    Raises BundleError where it does not fit the detector.
    """
    classes = result.bundle.categories
    prompt = older.with_look_of(None)
    predictor = Predictor(detector, classes, prompt.as_judged, min_score=min_score)
    judged = tuple(
        dataclasses.replace(pair, prediction=predictor.predict([pair.example.image_path])[0])
        for pair in result.judged
    )
    tuned = measured(judged, classes)
    return dataclasses.replace(result, bundle=prompt, judged=judged, tuned=tuned, prompt_alone=None)


def with_look_of(
    detector: Detector,
    alone: TuneResult,
    look: PromptBundle,
    *,
    classes: Sequence[ObjectClass],
) -> TuneResult:
    """A prompt alone, measured again under the second look of a bundle; as it is where that has none."""
    if look.edges is None and look.names is None:
        return alone
    judged = look.as_judged
    mixed = _judged_again(detector, alone, edges=judged.edges, names=judged.names, classes=classes)
    return dataclasses.replace(mixed, bundle=mixed.bundle.with_look_of(look))


def start_helps(
    predictor: Predictor, judges: Sequence[Example], *, should_stop: ShouldStop | None = None
) -> bool:
    """Whether the start of the edges, as it ships, betters AP of a detector without a prompt on these images.

    Fewer than `LEAST_BOXES_THAT_JUDGE` boxes tell nothing: then it is taken for nano, whose boxes are known to be
    loose, and for no other. An image that cannot be read is left out. Raises TuneInterrupted between two images.
    """
    if sum(len(example.boxes) for example in judges) < LEAST_BOXES_THAT_JUDGE:
        return predictor.detector.name in SHIPPED_PX
    look = start_of_edges(predictor)
    plain, again, truth = [], [], []
    for example in judges:
        stop_if_asked(should_stop)
        try:
            pixels = load_image_upright(example.image_path)
        except ImageUnreadableError:
            continue
        (found,) = predictor.predict([pixels])
        plain.append(found)
        again.append(look.again(pixels, found))
        truth.append((example.boxes, example.labels))
    names = [item.name for item in predictor.classes]
    return is_better(evaluate(again, truth, names), evaluate(plain, truth, names))


def start_of_edges(predictor: Predictor) -> SecondLook:
    """What a detector without a prompt may look again with."""
    class_ids = [item.id for item in predictor.classes]
    return SecondLook(class_ids, edges=EdgeFinder.shipped(predictor.detector.device))


def _overlaps_with_true(result: TuneResult) -> NDArray[np.float32]:
    """Of each box of the judges the IoU with what lies best on it, whatever its score and class. [N]"""
    best = [
        overlaps(pair.prediction.boxes, pair.example.boxes).max(axis=0, initial=0.0)
        for pair in result.judged
    ]
    return np.concatenate(best)


def _is_taken(detector: Detector, new: TuneResult, old: TuneResult) -> bool:
    """Where the judges are for it; of nano, which is known to gain, where they are not clearly against it."""
    if detector.name not in SHIPPED_PX:
        return is_better(new.tuned, old.tuned)
    return may_be_as_good(new.tuned, old.tuned, num_boxes=num_boxes_of(new.judged))


def _can_be_learnt(result: TuneResult, train: Sequence[Example]) -> bool:
    """Not from fewer than `LEAST_BOXES` boxes, nor where the images judged each other: none is left to judge then."""
    learnt_from = {example.image_path for example in train}
    judges = {pair.example.image_path for pair in result.judged}
    num_boxes = sum(len(example.boxes) for example in train)
    return num_boxes >= LEAST_BOXES and bool(judges) and not learnt_from & judges


def _taught_edges(
    detector: Detector,
    examples: Sequence[Example],
    *,
    most_steps: int,
    seed: int,
    should_stop: ShouldStop | None,
) -> Mapping[str, Tensor]:
    """What the start becomes by these boxes."""
    num_boxes = sum(len(example.boxes) for example in examples)
    steps = min(STEPS, most_steps)
    finder = EdgeFinder.shipped(detector.device)
    wanted = min(_CUT_OUTS, steps * _BATCH_SIZE)
    times = min(max(round(wanted / num_boxes), 1), _MOST_TIMES_PER_BOX)
    lesson = lesson_from(finder, examples, times_per_box=times, seed=seed, should_stop=should_stop)
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
    return finder.tensors


def _judged_again(
    detector: Detector,
    result: TuneResult,
    *,
    edges: Mapping[str, Tensor] | None = None,
    names: Mapping[str, Tensor] | None = None,
    classes: Sequence[ObjectClass] | None = None,
) -> TuneResult:
    """The prompt with this second look, whatever that is worth; `classes` are its own unless given."""
    alone = result.prompt_alone or result
    classes = classes or alone.bundle.categories
    bundle = dataclasses.replace(alone.bundle, edges=edges, names=names)
    look = bundle.second_look(detector.device, classes)
    assert look is not None, "one of them is given"
    judged = tuple(
        dataclasses.replace(
            pair,
            prediction=look.again(load_image_upright(pair.example.image_path), pair.prediction),
        )
        for pair in alone.judged
    )
    tuned = measured(judged, classes)
    found = [pair.prediction for pair in judged]
    by_class = thresholds_by_class(found, [pair.example for pair in judged], classes)
    bundle = dataclasses.replace(
        bundle,
        thresholds={class_id: limit.score for class_id, limit in by_class.items()},
        metrics={
            **alone.bundle.metrics,
            "tuned": dataclasses.asdict(tuned),
            "prompt_alone": dataclasses.asdict(alone.tuned),
            "thresholds": {str(key): dataclasses.asdict(v) for key, v in by_class.items()},
        },
    )
    return dataclasses.replace(alone, bundle=bundle, tuned=tuned, judged=judged, prompt_alone=alone)
