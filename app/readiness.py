"""Whether tuning can start, and what would make it better, class by class."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from app.snapshot import LabelledImage, collect_labelled
from app.workspace import Workspace
from storage import categories
from storage.types import Category

GOOD_NUM_BOXES = 5
LEAST_IMAGES = 2


@dataclass(frozen=True, slots=True)
class ClassReadiness:
    """What is labelled of one class; `missing` says what would help, None when nothing does."""

    category: Category
    num_boxes: int
    num_images: int
    missing: str | None


@dataclass(frozen=True, slots=True)
class Readiness:
    """`missing` says what stands in the way; tuning can start when it is empty."""

    num_images: int
    classes: tuple[ClassReadiness, ...]
    missing: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        return not self.missing


def readiness(workspace: Workspace) -> Readiness:
    with workspace.database.read() as tx:
        labelled = collect_labelled(tx)
        known = categories.list_all(tx)
    boxes: Counter[int] = Counter()
    images: Counter[int] = Counter()
    for item in labelled:
        boxes.update(item.category_ids)
        images.update(set(item.category_ids))
    classes = tuple(_of_class(c, boxes[c.id], images[c.id]) for c in known)
    return Readiness(len(labelled), classes, tuple(_in_the_way(labelled, classes)))


def _of_class(category: Category, num_boxes: int, num_images: int) -> ClassReadiness:
    missing = None
    if num_boxes == 0:
        missing = "no box yet: it stays as it is without tuning"
    elif num_images < LEAST_IMAGES:
        missing = "on one image only: box it on a second one, so that it can be judged"
    elif num_boxes < GOOD_NUM_BOXES:
        more = GOOD_NUM_BOXES - num_boxes
        missing = f"{more} more {'box' if more == 1 else 'boxes'} would help"
    return ClassReadiness(category, num_boxes, num_images, missing)


def _in_the_way(labelled: list[LabelledImage], classes: tuple[ClassReadiness, ...]) -> list[str]:
    missing = []
    if not classes:
        missing.append("There is no class yet. Add one in Project.")
    with_boxes = sum(1 for item in labelled if item.boxes)
    if with_boxes < LEAST_IMAGES:
        missing.append(
            f"Tuning needs boxes on at least {LEAST_IMAGES} images, one to learn from and one to "
            f"judge by; found boxes on {with_boxes}. Draw boxes in Label."
        )
    return missing
