"""The labels of one moment, frozen into a file: what a tuning job reads, however often it starts again."""

import json
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.errors import NotReadyError
from app.showing import not_boxed
from storage import annotations, categories, images, predictions
from storage.database import Transaction
from storage.types import Annotation, Box, Category, Image, ImageFilter, StoredPrediction

SNAPSHOT_NAME = "snapshot.json"
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """An image with its human boxes, and the proposals on it that a person turned down.

    A rejected proposal, or one whose class was corrected, is a hard negative of its class, unless a
    human box of that class lies there: then only its place was wrong.
    """

    relative_path: str
    boxes: tuple[Box, ...]
    category_ids: tuple[int, ...]
    is_exhaustive: bool  # reviewed: what has no box is background
    negatives: tuple[Box, ...] = ()
    negative_category_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Labels by part: `train` is learnt from, `held_out` only judges."""

    classes: tuple[Mapping[str, Any], ...]  # id, name, prompt_text
    train: tuple[LabelledImage, ...]
    held_out: tuple[LabelledImage, ...]

    @property
    def labelled(self) -> tuple[LabelledImage, ...]:
        return (*self.train, *self.held_out)


def collect_labelled(tx: Transaction) -> list[LabelledImage]:
    """Every image that says something: it has a human box, or is reviewed as empty."""
    found: list[LabelledImage] = []
    for state in (ImageFilter.LABELLED, ImageFilter.REVIEWED):
        known = {item.relative_path for item in found}
        chosen = [image for image in _all_of(tx, state) if image.relative_path not in known]
        boxes = annotations.for_images(tx, [image.id for image in chosen])
        found += [
            _labelled(image, boxes[image.id], predictions.turned_down_for_image(tx, image.id))
            for image in chosen
        ]
    return sorted(found, key=lambda item: item.relative_path)


def freeze(
    tx: Transaction, *, seed: int, held_out_share: float, fewest_to_hold_out: int
) -> Snapshot:
    """Collect and split; very few images stay together, since they judge each other in turns.

    Raises NotReadyError when there are fewer than two labelled images.
    """
    labelled = collect_labelled(tx)
    if len(labelled) < 2:
        raise NotReadyError(
            f"Tuning needs at least 2 labelled images, one to learn from and one to judge by; found "
            f"{len(labelled)}. Label more images."
        )
    train: tuple[LabelledImage, ...] = tuple(labelled)
    held_out: tuple[LabelledImage, ...] = ()
    if len(labelled) >= fewest_to_hold_out:
        train, held_out = split(labelled, seed=seed, held_out_share=held_out_share)
    return Snapshot(tuple(_class(c) for c in categories.list_all(tx)), train, held_out)


def split(
    labelled: Sequence[LabelledImage], *, seed: int, held_out_share: float
) -> tuple[tuple[LabelledImage, ...], tuple[LabelledImage, ...]]:
    """Training and held-out images. A class keeps at least one training image wherever it can.

    Images with all their objects labelled are held out first: on others a right proposal would count as wrong. What
    was held out stays so, by and large, as more is labelled: then it can judge a newer prompt and an older one.
    """
    shuffled = sorted(labelled, key=lambda i: _lot(i, seed))
    wanted = min(len(shuffled) - 1, max(1, round(len(shuffled) * held_out_share)))
    remaining = _images_per_class(shuffled)
    held_out: list[LabelledImage] = []
    for item in sorted(shuffled, key=lambda i: (not i.is_exhaustive, not i.boxes)):
        if len(held_out) < wanted and all(remaining[c] > 1 for c in set(item.category_ids)):
            held_out.append(item)
            for category_id in set(item.category_ids):
                remaining[category_id] -= 1
    if not any(item.boxes for item in held_out):
        held_out = [max(shuffled, key=lambda i: (i.is_exhaustive, len(i.boxes)))]
    train = [item for item in shuffled if item not in held_out]
    return tuple(train), tuple(held_out)


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8") as file:
        json.dump(asdict(snapshot), file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def read_snapshot(path: Path) -> Snapshot:
    document = json.loads(path.read_text(encoding="utf-8"))
    return Snapshot(
        tuple(document["classes"]),
        tuple(_from_json(item) for item in document["train"]),
        tuple(_from_json(item) for item in document["held_out"]),
    )


def _lot(item: LabelledImage, seed: int) -> float:
    """Drawn for each image by itself, whatever others there are."""
    return random.Random(f"{seed} {item.relative_path}").random()


def _images_per_class(labelled: Sequence[LabelledImage]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for item in labelled:
        for category_id in set(item.category_ids):
            counts[category_id] = counts.get(category_id, 0) + 1
    return counts


def _all_of(tx: Transaction, state: ImageFilter) -> list[Image]:
    found: list[Image] = []
    while page := images.list_page(tx, state=state, offset=len(found), limit=_PAGE):
        found += page
    return [image for image in found if image.missing_at is None]


def _labelled(
    image: Image, boxes: Sequence[Annotation], turned_down: Sequence[StoredPrediction]
) -> LabelledImage:
    rejected = not_boxed(turned_down, boxes)
    return LabelledImage(
        relative_path=image.relative_path,
        boxes=tuple(a.box for a in boxes),
        category_ids=tuple(a.category_id for a in boxes),
        is_exhaustive=image.reviewed_at is not None,
        negatives=tuple(p.box for p in rejected),
        negative_category_ids=tuple(p.category_id for p in rejected),
    )


def _class(category: Category) -> dict[str, Any]:
    return {"id": category.id, "name": category.name, "prompt_text": category.prompt_text}


def _from_json(item: Mapping[str, Any]) -> LabelledImage:
    return LabelledImage(
        relative_path=item["relative_path"],
        boxes=_boxes(item["boxes"]),
        category_ids=tuple(item["category_ids"]),
        is_exhaustive=item["is_exhaustive"],
        negatives=_boxes(item["negatives"]),
        negative_category_ids=tuple(item["negative_category_ids"]),
    )


def _boxes(rows: Sequence[Sequence[float]]) -> tuple[Box, ...]:
    return tuple((row[0], row[1], row[2], row[3]) for row in rows)
