"""How much error is left in finished images, judged by boxes that were drawn blind: pure functions of boxes.

A sample of the finished images is drawn again without sight of proposals or labels. Where both agree (same class, IoU
of GOOD_IOU) the label counts as right. The rest are errors of the labels, unless the person who sees both decides
otherwise: then the blind box was wrong.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.intervals import Interval, share
from app.measuring import FOUND_IOU, GOOD_IOU
from storage.boxes import intersection_over_union
from storage.types import Box

_SAME_PLACE_IOU = 0.3  # two boxes of one class that overlap so much mean the same object


class ErrorKind(StrEnum):
    """What can be wrong with the label of an object."""

    MISSED = "missed"  # an object without a label
    WRONG_CLASS = "wrong_class"
    BADLY_PLACED = "badly_placed"  # the right object, IoU below GOOD_IOU
    SURPLUS = "surplus"  # a label without an object


@dataclass(frozen=True, slots=True)
class Difference:
    """Label and blind box that disagree, by index into what was compared; None where there is none."""

    kind: ErrorKind
    label: int | None
    blind: int | None
    iou: float


@dataclass(frozen=True, slots=True)
class AuditedImage:
    """One image of the sample: its true objects by the blind drawing, and where the labels differ."""

    image_id: int
    num_objects: int
    num_labels: int
    differences: tuple[Difference, ...]

    def count(self, kind: ErrorKind) -> int:
        return sum(difference.kind is kind for difference in self.differences)


@dataclass(frozen=True, slots=True)
class ErrorLeft:
    """Errors per object (labels for `surplus`) with 95 % intervals; None without any object to count on.

    `any_error` counts objects that are missed, of a wrong class or badly placed: objects without a
    right label.
    """

    num_images: int
    num_done: int
    num_objects: int
    missed: Interval | None
    wrong_class: Interval | None
    badly_placed: Interval | None
    any_error: Interval | None
    surplus: Interval | None


def draw_sample(image_ids: Collection[int], num: int, *, seed: int) -> list[int]:
    """`num` images at random (all, if there are fewer); the same for the same ids and seed."""
    known = sorted(image_ids)
    return random.Random(seed).sample(known, min(num, len(known)))


def compare(
    image_id: int, labels: Sequence[tuple[Box, int]], blind: Sequence[tuple[Box, int]]
) -> AuditedImage:
    """Pair labels and blind boxes (box, class), nearest first within a class, then across classes."""
    pairs = [
        (a[1] == b[1], overlap, i, j)
        for i, a in enumerate(labels)
        for j, b in enumerate(blind)
        if (overlap := intersection_over_union(a[0], b[0]))
        >= (_SAME_PLACE_IOU if a[1] == b[1] else FOUND_IOU)
    ]
    label_left, blind_left = set(range(len(labels))), set(range(len(blind)))
    differences: list[Difference] = []
    for is_same, iou, i, j in sorted(pairs, key=lambda p: (-p[0], -p[1], p[2], p[3])):
        if i in label_left and j in blind_left:
            label_left.remove(i)
            blind_left.remove(j)
            if not is_same:
                differences.append(Difference(ErrorKind.WRONG_CLASS, i, j, iou))
            elif iou < GOOD_IOU:
                differences.append(Difference(ErrorKind.BADLY_PLACED, i, j, iou))
    differences += [Difference(ErrorKind.MISSED, None, j, 0.0) for j in sorted(blind_left)]
    differences += [Difference(ErrorKind.SURPLUS, i, None, 0.0) for i in sorted(label_left)]
    return AuditedImage(image_id, len(blind), len(labels), tuple(differences))


def settle(audited: AuditedImage, label_is_right: Collection[int]) -> AuditedImage:
    """The same without the differences (by index) in which a person found the label right."""
    kept, num_objects = [], audited.num_objects
    for index, difference in enumerate(audited.differences):
        if index not in label_is_right:
            kept.append(difference)
        elif difference.kind is ErrorKind.MISSED:
            num_objects -= 1  # the blind box showed no object
        elif difference.kind is ErrorKind.SURPLUS:
            num_objects += 1  # the blind drawing had overlooked one
    return AuditedImage(audited.image_id, num_objects, audited.num_labels, tuple(kept))


def estimate(audited: Sequence[AuditedImage], *, num_done: int) -> ErrorLeft:
    """The error left in `num_done` finished images, of which `audited` are a random sample."""
    seen = min(1.0, len(audited) / num_done) if num_done else 0.0

    def per_object(*kinds: ErrorKind) -> Interval | None:
        counts = [(sum(map(image.count, kinds)), image.num_objects) for image in audited]
        return share(counts, seen=seen)

    return ErrorLeft(
        num_images=len(audited),
        num_done=num_done,
        num_objects=sum(image.num_objects for image in audited),
        missed=per_object(ErrorKind.MISSED),
        wrong_class=per_object(ErrorKind.WRONG_CLASS),
        badly_placed=per_object(ErrorKind.BADLY_PLACED),
        any_error=per_object(ErrorKind.MISSED, ErrorKind.WRONG_CLASS, ErrorKind.BADLY_PLACED),
        surplus=share([(i.count(ErrorKind.SURPLUS), i.num_labels) for i in audited], seen=seen),
    )
