"""What each part of Tune adds: `python -m sdpt_engine.bench.parts_of_tune --help`.

Some images of train.json are labelled; a part of them learns, the others judge what is kept. Judged on test.json are
then the detector without a prompt, one prompt as its best step left it, as the mean of its way, two prompts together,
in more steps and with more views where that is usual for the detector, and on top of these edges, before and after they
have a say in the score, and names.

    python -m sdpt_engine.bench.parts_of_tune assets/datasets/microcontrollers --images 20
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from sdpt_engine.backbones import load_detector
from sdpt_engine.backbones.base import Detector
from sdpt_engine.bench.sets import LabelledSet, labelled_by_person, load_set
from sdpt_engine.bundle import PromptBundle
from sdpt_engine.metrics import evaluate
from sdpt_engine.predictor import Predictor
from sdpt_engine.second_look.edges.finder import EdgeFinder
from sdpt_engine.second_look.encoder import load_encoder
from sdpt_engine.second_look.learning import learn_edges, learn_names
from sdpt_engine.second_look.look import HowSurely, SecondLook
from sdpt_engine.tuning import tune
from sdpt_engine.types import Boxes, Metrics, Scores, TuneConfig
from sdpt_engine.usual import usual_config

_MIN_SCORE = 0.01  # as the app judges


@dataclass(frozen=True, slots=True)
class Looked:
    """One way to look at the test images; `seconds` is for each of them, `learnt_s` what learning it took."""

    dataset: str
    way: str
    metrics: Metrics
    seconds: float
    learnt_s: float


def measure(
    detector: Detector, labelled: LabelledSet, *, num_images: int, config: TuneConfig
) -> Iterator[Looked]:
    """One way after the other, each as soon as it is known; `config` is how the last prompts are tuned."""
    train, held_out = labelled_by_person(labelled, num_images=num_images, seed=config.seed)
    yield _judged(detector, labelled, "zero-shot", None, 0.0)
    before = None
    two = replace(config, num_prompts=2, num_zooms=0, num_pastes=0)
    few = replace(two, steps=min(TuneConfig().steps, config.steps))
    for way, settings in (
        ("one prompt, a step of it", replace(few, num_prompts=1, averaging=0.0)),
        ("one prompt, the mean of its way", replace(few, num_prompts=1)),
        ("two prompts", few),
        ("in more steps", two),
        ("as is usual for it", config),
    ):
        if settings == before:
            continue
        before = settings
        started = time.perf_counter()
        result = tune(detector, train, held_out, settings, categories=labelled.classes)
        yield _judged(detector, labelled, way, result.bundle, time.perf_counter() - started)
    started = time.perf_counter()
    result = learn_edges(detector, result, train, most_steps=config.steps, seed=config.seed)
    seconds = time.perf_counter() - started
    yield _judged(detector, labelled, "and edges", result.bundle, seconds, surely=_all_alike)
    yield _judged(detector, labelled, "edges in the score", result.bundle, 0.0)
    started = time.perf_counter()
    result = learn_names(detector, result, train, seed=config.seed)
    yield _judged(detector, labelled, "and names", result.bundle, time.perf_counter() - started)


def _all_alike(boxes: Boxes, _tight: Boxes, _unclear: Scores) -> Scores:
    """No edge says anything of a score; the order of the scores is what it was without it."""
    return np.ones(len(boxes), np.float32)


def _judged(
    detector: Detector,
    labelled: LabelledSet,
    way: str,
    bundle: PromptBundle | None,
    learnt_s: float,
    *,
    surely: HowSurely | None = None,
) -> Looked:
    predictor = Predictor(detector, labelled.classes, bundle, min_score=_MIN_SCORE)
    if surely is not None and bundle is not None and bundle.edges is not None:
        class_ids = [item.id for item in labelled.classes]
        edges = EdgeFinder(bundle.edges, load_encoder(detector.device))
        predictor.second_look = SecondLook(class_ids, edges=edges, surely=surely)
    started = time.perf_counter()
    found = [predictor.predict([example.image_path])[0] for example in labelled.test]
    seconds = (time.perf_counter() - started) / len(labelled.test)
    truth = [(example.boxes, example.labels) for example in labelled.test]
    metrics = evaluate(found, truth, [item.name for item in labelled.classes])
    return Looked(labelled.name, way, metrics, seconds, learnt_s)


def main() -> None:
    words = _parser().parse_args()
    torch.set_num_threads(words.threads)
    detector = load_detector(words.backbone)
    print("| set | | AP | AP50 | an image, x zero-shot | learning |\n|---|---|--:|--:|--:|--:|")  # noqa: T201
    for folder in words.folders:
        first_s = 0.0
        config = replace(usual_config(detector.name), seed=words.seed)
        for row in measure(detector, load_set(folder), num_images=words.images, config=config):
            first_s = first_s or row.seconds
            ratio = row.seconds / first_s
            print(  # noqa: T201
                f"| {row.dataset} | {row.way} | {row.metrics.ap:.3f} | {row.metrics.ap50:.3f} | {ratio:.1f} "
                f"| {row.learnt_s:.0f} s |",
                flush=True,
            )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folders", type=Path, nargs="+", help="sets: images/, train.json and test.json")
    add("--images", type=int, default=20, help="labelled images of train.json (20)")
    add("--backbone", default="nano", help="(nano)")
    add("--threads", type=int, default=2, help="(2)")
    add("--seed", type=int, default=0, help="which images are labelled, and how it learns (0)")
    return parser


if __name__ == "__main__":
    main()
