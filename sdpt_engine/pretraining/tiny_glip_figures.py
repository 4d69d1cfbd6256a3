"""What a tiny GLIP is worth on scenes that it never saw, by pycocotools: the same folder gives the same figures.

`python -m sdpt_engine.pretraining.tiny_glip_figures FOLDER` prints them: the taught concepts zero-shot, all in one
caption; and words that nobody taught it, zero-shot and with an SDPT prompt tuned on a few scenes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from sdpt_engine.backbones import load_detector
from sdpt_engine.backbones.base import Detector
from sdpt_engine.bundle import PromptBundle
from sdpt_engine.metrics import evaluate
from sdpt_engine.predictor import Predictor
from sdpt_engine.pretraining.composer import Scene
from sdpt_engine.pretraining.shapes import compose_shapes, shape_concepts
from sdpt_engine.tuning import tune
from sdpt_engine.types import Example, Metrics, ObjectClass, TuneConfig

MEANINGS = {"gadget": "red disc", "gizmo": "blue star", "widget": "green square"}
"""What the untaught words shall mean."""
TUNING = TuneConfig(steps=60, eval_every=30, num_folds=0)
_NUM_TAUGHT, _NUM_UNTAUGHT, _NUM_LABELLED = 100, 50, 6
_TAUGHT_SEED, _UNTAUGHT_SEED, _LABELLED_SEED = (
    1_000_001,
    1_000_002,
    1_000_003,
)  # training counts from 0
_MIN_SCORE = 0.01


@dataclass(frozen=True, slots=True)
class Figures:
    """`before` and `after` are of the untaught words, zero-shot and tuned."""

    taught: Metrics
    before: Metrics
    after: Metrics

    def lines(self) -> tuple[str, ...]:
        rows = (
            (
                f"{_NUM_TAUGHT} scenes, {len(shape_concepts())} taught concepts, zero-shot",
                self.taught,
            ),
            (f"{_NUM_UNTAUGHT} scenes, {len(MEANINGS)} untaught words, zero-shot", self.before),
            (f"the same, tuned on {_NUM_LABELLED} scenes for {TUNING.steps} steps", self.after),
        )
        return tuple(f"AP50 {m.ap50:.3f}  AP {m.ap:.3f}  {what}" for what, m in rows)


def measure(folder: Path) -> Figures:
    """Load the backbone in `folder` and judge it."""
    detector = load_detector(str(folder), device="cpu")
    taught = compose_shapes(_NUM_TAUGHT, shape_concepts(), seed=_TAUGHT_SEED)
    shown = tuple(MEANINGS.values())
    untaught = compose_shapes(_NUM_UNTAUGHT, shown, seed=_UNTAUGHT_SEED)
    words = classes_of(tuple(MEANINGS))
    with tempfile.TemporaryDirectory() as place:
        labelled = compose_shapes(_NUM_LABELLED, shown, seed=_LABELLED_SEED)
        examples = save_examples(Path(place), labelled, shown)
        bundle = tune(detector, examples, [], TUNING, categories=words).bundle
    return Figures(
        taught=_judged(detector, taught, shape_concepts(), classes_of(shape_concepts())),
        before=_judged(detector, untaught, shown, words),
        after=_judged(detector, untaught, shown, words, bundle),
    )


def classes_of(names: Sequence[str]) -> tuple[ObjectClass, ...]:
    return tuple(ObjectClass(number, name, name) for number, name in enumerate(names, start=1))


def save_examples(
    folder: Path, scenes: Sequence[Scene], concepts: Sequence[str], *, prefix: str = "scene"
) -> list[Example]:
    """The scenes as pictures in `folder`, fully labelled by the place of each object's concept."""
    folder.mkdir(parents=True, exist_ok=True)
    examples = []
    for number, scene in enumerate(scenes):
        path = folder / f"{prefix}_{number:03d}.png"
        Image.fromarray(scene.pixels).save(path)
        examples.append(Example(path, scene.boxes, _labels(scene, concepts)))
    return examples


def _labels(scene: Scene, concepts: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([concepts.index(concept) for concept in scene.concepts], np.int64)


def _judged(
    detector: Detector,
    scenes: Sequence[Scene],
    concepts: Sequence[str],
    classes: Sequence[ObjectClass],
    bundle: PromptBundle | None = None,
) -> Metrics:
    predictor = Predictor(detector, classes, bundle, min_score=_MIN_SCORE)
    found = predictor.predict([scene.pixels for scene in scenes])
    truth = [(scene.boxes, _labels(scene, concepts)) for scene in scenes]
    return evaluate(found, truth, [item.name for item in classes])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="what tiny_glip wrote")
    torch.set_num_threads(1)
    for line in measure(parser.parse_args().folder).lines():
        print(line)  # noqa: T201


if __name__ == "__main__":
    main()
