"""What a second look adds to a tuned prompt: `python -m sdpt_engine.bench.second_look --help`.

Some images of train.json are labelled; a part of them learns, the others judge what is kept. Then the detector without
a prompt, with the prompt, with edges on top, and with names on top of these are judged on test.json.

    python -m sdpt_engine.bench.second_look assets/datasets/microcontrollers --images 20
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from sdpt_engine.backbones import load_detector
from sdpt_engine.backbones.base import Detector
from sdpt_engine.bench.sets import LabelledSet, labelled_by_person, load_set
from sdpt_engine.bundle import PromptBundle
from sdpt_engine.metrics import evaluate
from sdpt_engine.predictor import Predictor
from sdpt_engine.second_look.learning import learn_edges, learn_names
from sdpt_engine.tuning import tune
from sdpt_engine.types import Metrics, TuneConfig

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
    """Zero-shot, the prompt, edges on top, names on top of both; each as soon as it is known."""
    train, held_out = labelled_by_person(labelled, num_images=num_images, seed=config.seed)
    yield _judged(detector, labelled, "zero-shot", None, 0.0)
    started = time.perf_counter()
    result = tune(detector, train, held_out, config, categories=labelled.classes)
    yield _judged(detector, labelled, "prompt", result.bundle, time.perf_counter() - started)
    started = time.perf_counter()
    result = learn_edges(detector, result, train, most_steps=config.steps, seed=config.seed)
    yield _judged(detector, labelled, "and edges", result.bundle, time.perf_counter() - started)
    started = time.perf_counter()
    result = learn_names(detector, result, train, seed=config.seed)
    yield _judged(detector, labelled, "and names", result.bundle, time.perf_counter() - started)


def _judged(
    detector: Detector,
    labelled: LabelledSet,
    way: str,
    bundle: PromptBundle | None,
    learnt_s: float,
) -> Looked:
    predictor = Predictor(detector, labelled.classes, bundle, min_score=_MIN_SCORE)
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
        config = TuneConfig(seed=words.seed)
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
