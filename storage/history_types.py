"""The records of the history: deeds, points in time, differences between two points."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from storage.types import Box


class ChangeKind(StrEnum):
    """What a deed was."""

    POINT = "point"  # a moment that a person named; nothing changed
    ADD = "add"  # many boxes at once, as an import does
    CLASS = "class"  # name, prompt text, colour or order of classes
    MERGE = "merge"
    SPLIT = "split"
    REMOVE_CLASS = "remove_class"
    REMOVE_MACHINE = "remove_machine"
    RESTORE = "restore"
    UNDO = "undo"


class BoxFate(StrEnum):
    """What became of a box between two points. A box can be both moved and reclassed."""

    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    RECLASSED = "reclassed"


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """A moment: after the event `event_id` and after the deed `change_id`. Written '1042.7'."""

    event_id: int
    change_id: int

    def __str__(self) -> str:
        return f"{self.event_id}.{self.change_id}"


@dataclass(frozen=True, slots=True)
class Change:
    """A deed. `num_boxes` boxes were touched; `can_undo` is False once it was undone."""

    id: int
    at: datetime
    author: str
    kind: ChangeKind
    text: str
    first_event_id: int
    last_event_id: int
    undoes: int | None
    details: dict[str, Any]
    can_undo: bool

    @property
    def num_boxes(self) -> int:
        return self.last_event_id - self.first_event_id

    @property
    def point(self) -> Point:
        """The moment right after it."""
        return Point(self.last_event_id, self.id)

    @property
    def point_before(self) -> Point:
        """The moment right before it."""
        return Point(self.first_event_id, self.id - 1)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the timeline: a deed, or boxes that one person edited in one go (`change` is None)."""

    started_at: datetime
    at: datetime
    author: str
    text: str
    num_boxes: int
    num_images: int
    point: Point
    point_before: Point
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What a restore or an undo did; `change_id` is None when there was nothing to do.

    `left`: boxes that stay as they are because a person changed them since. `undone_marks`: images
    whose boxes changed and that hence no longer count as done.
    """

    change_id: int | None
    added: int = 0
    removed: int = 0
    changed: int = 0
    left: int = 0
    num_images: int = 0
    undone_marks: int = 0
    classes: tuple[str, ...] = field(default=())

    @property
    def num_boxes(self) -> int:
        return self.added + self.removed + self.changed


@dataclass(frozen=True, slots=True)
class MachineBoxes:
    """What of a bundle can be thrown away: proposals nobody judged, boxes taken over untouched."""

    bundle_id: int
    pending: int
    accepted: int
    num_images: int


@dataclass(frozen=True, slots=True)
class ClassUse:
    """What hangs on a class."""

    num_boxes: int
    num_images: int
    num_proposals: int


@dataclass(frozen=True, slots=True)
class ImageDifference:
    """Numbers of boxes between two points, on one image (or in total, with image_id None)."""

    image_id: int | None
    relative_path: str
    added: int
    removed: int
    moved: int
    reclassed: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Between two points: in total, and per image (a page of them, most changed first)."""

    total: ImageDifference
    num_images: int
    images: tuple[ImageDifference, ...]


@dataclass(frozen=True, slots=True)
class BoxDifference:
    """One box between two points."""

    uid: str
    fates: tuple[BoxFate, ...]
    box_before: Box | None
    box_after: Box | None
    category_before: int | None
    category_after: int | None
