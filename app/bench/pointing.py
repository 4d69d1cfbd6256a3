"""How often a click on an object finds its box: `python -m app.bench.pointing --help`.

Some images of train.json are labelled. Then somebody clicks near the middle of each object of test.json and names its
class: once with nothing but the detector as it is, once after a Tune on these images. The rival, in the same run, is
the surest box that the detector itself has there, which knows of no click.

    python -m app.bench.pointing assets/datasets/microcontrollers --images 20
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import sdpt_engine
from app.bench.saying import say
from app.measuring import FOUND_IOU, GOOD_IOU
from app.pointing.clicks import near_middle
from app.pointing.sizes import usual_size
from sdpt_engine.bench.sets import LabelledSet, labelled_by_person, load_set
from sdpt_engine.types import Boxes, Example, Prediction, TuneConfig, no_boxes
from storage.box_sizes import Sides
from storage.boxes import intersection_over_union
from storage.types import Box

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector

_MIN_SCORE = 0.01
_MOST_OBJECTS = 10  # of an image


@dataclass(frozen=True, slots=True)
class Clicked:
    """Shares of `num_objects` in 0..1: by IoU .75 and better, from .5 to that, and by .75 at the next guess only.

    `seconds` a click took.
    """

    dataset: str
    state: str
    way: str
    num_objects: int
    right: float
    near: float
    right_again: float
    seconds: float


def measure(
    detector: Detector, labelled: LabelledSet, *, num_images: int, config: TuneConfig
) -> Iterator[Clicked]:
    """Both ways before a Tune and after it."""
    train, held_out = labelled_by_person(labelled, num_images=num_images, seed=config.seed)
    sides = _sides([*train, *held_out], labelled)
    start = sdpt_engine.pointer_of(None, "cpu")
    plain = sdpt_engine.Predictor(detector, labelled.classes, min_score=_MIN_SCORE)
    yield from _clicked(labelled, "before", plain, start, sides, seed=config.seed)
    result = sdpt_engine.tune(detector, train, held_out, config, categories=labelled.classes)
    result = sdpt_engine.learn_edges(
        detector, result, train, most_steps=config.steps, seed=config.seed
    )
    result = sdpt_engine.learn_names(detector, result, train, seed=config.seed)
    tuned = sdpt_engine.Predictor(detector, labelled.classes, result.bundle, min_score=_MIN_SCORE)
    with tempfile.TemporaryDirectory() as folder:
        pointer = sdpt_engine.pointer_of(result.bundle.save(Path(folder) / "bundle"), "cpu")
    yield from _clicked(labelled, "after", tuned, pointer, sides, seed=config.seed)


def _clicked(
    labelled: LabelledSet,
    state: str,
    predictor: sdpt_engine.Predictor,
    pointer: sdpt_engine.Pointer,
    sides: Sequence[Sides],
    *,
    seed: int,
) -> Iterator[Clicked]:
    overlaps: dict[str, list[float]] = {"detector": [], "click": []}
    num_again, seconds = 0, 0.0
    chance = random.Random(seed)
    for example in labelled.test:
        pixels = sdpt_engine.load_image_upright(example.image_path)
        (found,) = predictor.predict([pixels])
        known = sdpt_engine.Surroundings(found.boxes, found.scores, no_boxes())
        objects = range(len(example.boxes))
        for index in chance.sample(objects, min(len(objects), _MOST_OBJECTS)):
            true = _box(example.boxes[index])
            point = near_middle(true, chance, found.size_wh)
            class_id = labelled.classes[int(example.labels[index])].id
            size = usual_size(sides, class_id, size_wh=found.size_wh)
            began = time.perf_counter()
            guesses = pointer.boxes_at(pixels, point, class_id, size, known)
            seconds += time.perf_counter() - began
            first, *others = (intersection_over_union(_box(box), true) for box in guesses)
            num_again += first < FOUND_IOU and max(others, default=0.0) >= GOOD_IOU
            overlaps["click"].append(first)
            there = _surest_at(found, point)
            overlaps["detector"].append(
                0.0 if there is None else intersection_over_union(there, true)
            )
    for way, found_by in overlaps.items():
        number = len(found_by)
        yield Clicked(
            labelled.name,
            state,
            way,
            num_objects=number,
            right=sum(o >= GOOD_IOU for o in found_by) / max(1, number),
            near=sum(FOUND_IOU <= o < GOOD_IOU for o in found_by) / max(1, number),
            right_again=num_again / max(1, number) if way == "click" else 0.0,
            seconds=seconds / max(1, number) if way == "click" else 0.0,
        )


def _sides(examples: Sequence[Example], labelled: LabelledSet) -> list[Sides]:
    found = []
    for example in examples:
        height, width = sdpt_engine.load_image_upright(example.image_path).shape[:2]
        diagonal = math.hypot(width, height)
        for box, label in zip(example.boxes, example.labels, strict=True):
            wide, high = (float(side) / diagonal for side in box[2:] - box[:2])
            found.append(Sides(labelled.classes[int(label)].id, wide, high))
    return found


def _surest_at(found: Prediction, point: tuple[float, float]) -> Box | None:
    at = np.array(point, np.float32)
    is_around = ((found.boxes[:, :2] <= at) & (at <= found.boxes[:, 2:])).all(axis=1)
    return _box(found.boxes[is_around][0]) if is_around.any() else None


def _box(box: Boxes) -> Box:
    x1, y1, x2, y2 = map(float, box)
    return x1, y1, x2, y2


def main() -> None:
    words = _parser().parse_args()
    detector = sdpt_engine.load_detector(words.backbone, device="cpu")
    say("| set | Tune | way | objects | IoU .75 | .5 to .75 | .75 at the next guess | a click |")
    say("|---|---|---|--:|--:|--:|--:|--:|")
    for folder in words.folders:
        config = replace(sdpt_engine.usual_config(detector.name), seed=words.seed)
        for row in measure(detector, load_set(folder), num_images=words.images, config=config):
            took, again = f"{1000 * row.seconds:.0f} ms", f"{row.right_again:.2f}"
            if row.way != "click":
                took = again = ""
            say(
                f"| {row.dataset} | {row.state} | {row.way} | {row.num_objects} | {row.right:.2f} | {row.near:.2f} "
                f"| {again} | {took} |"
            )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folders", type=Path, nargs="+", help="sets: images/, train.json and test.json")
    add("--images", type=int, default=20, help="labelled images of train.json (20)")
    add("--backbone", default="nano", help="(nano)")
    add("--seed", type=int, default=0, help="which images are labelled, and where is clicked (0)")
    return parser


if __name__ == "__main__":
    main()
