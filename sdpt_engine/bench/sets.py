"""Labelled sets for the benchmark, and the few images of them that a person would have labelled."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdpt_engine.errors import InvalidExampleError
from sdpt_engine.types import Example, ObjectClass

NUM_CHOOSING_JUDGES = 40
_HELD_OUT_SHARE = 0.3  # as the app holds out


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """What is learnt from and what judges; both exhaustively labelled."""

    name: str
    classes: tuple[ObjectClass, ...]
    train: tuple[Example, ...]
    test: tuple[Example, ...]


def load_set(folder: Path, *, is_choosing: bool = False) -> LabelledSet:
    """The set in `folder` (images/, train.json, test.json as COCO).

    `is_choosing` never opens test.json: the last images of train.json judge instead, and nothing is learnt
    from them. Raises InvalidExampleError when a file is missing.
    """
    document = _read(folder, "train.json")
    classes = tuple(
        ObjectClass(int(c["id"]), str(c["name"]), str(c["name"])) for c in document["categories"]
    )
    train = _examples(folder, document, classes)
    if not is_choosing:
        test = _examples(folder, _read(folder, "test.json"), classes)
        return LabelledSet(folder.name, classes, tuple(train), tuple(test))
    random.Random(0).shuffle(train)
    number = min(NUM_CHOOSING_JUDGES, len(train) // 3)
    return LabelledSet(folder.name, classes, tuple(train[number:]), tuple(train[:number]))


def labelled_by_person(
    labelled: LabelledSet, *, num_images: int, seed: int
) -> tuple[list[Example], list[Example]]:
    """Some images of train.json as the app would use them: to learn from, and held out."""
    chosen = random.Random(seed).sample(labelled.train, min(num_images, len(labelled.train)))
    number = round(len(chosen) * (1 - _HELD_OUT_SHARE))
    return chosen[:number], chosen[number:]


def few_shots(train: Sequence[Example], num_classes: int, *, shots: int, seed: int) -> list[int]:
    """Indices of images in which each class is seen on at least `shots` of them, as far as there are any.

    Nested: the images of fewer shots are among those of more.
    """
    order = list(range(len(train)))
    random.Random(seed).shuffle(order)
    chosen: list[int] = []
    seen = [0] * num_classes
    for wanted in range(1, shots + 1):
        for label in range(num_classes):
            for index in _showing(train, order, label):
                if seen[label] >= wanted:
                    break
                if index not in chosen:
                    chosen.append(index)
                    for other in set(train[index].labels.tolist()):
                        seen[other] += 1
    return chosen


def _showing(train: Sequence[Example], order: Sequence[int], label: int) -> Iterator[int]:
    return (index for index in order if (train[index].labels == label).any())


def _read(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    if not path.is_file():
        raise InvalidExampleError(
            f"The benchmark needs '{path}', which is not there. Give folders with images/, train.json "
            "and test.json."
        )
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _examples(
    folder: Path, document: dict[str, Any], classes: Sequence[ObjectClass]
) -> list[Example]:
    place = {item.id: index for index, item in enumerate(classes)}
    owned: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in document["images"]}
    for annotation in document["annotations"]:
        owned[annotation["image_id"]].append(annotation)
    examples = []
    for image in document["images"]:
        boxes = np.array([a["bbox"] for a in owned[image["id"]]], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        labels = np.array([place[a["category_id"]] for a in owned[image["id"]]], np.int64)
        examples.append(Example(folder / "images" / image["file_name"], boxes, labels))
    return examples
