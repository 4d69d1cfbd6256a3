"""What a person changed on the human field in FiftyOne, found by its last_modified_at and told apart from
what we wrote ourselves, and from what was changed here since. Deciding is here, doing is the caller's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from storage import annotations
from storage.database import Transaction
from storage.fiftyone_bridge.bridge import OVERLAP, Bridge, Look, Remembered
from storage.fiftyone_bridge.documents import pixel_box
from storage.fiftyone_bridge.fields import HUMAN, label_id, uid_of_created
from storage.types import Annotation, Box

SAME_PX = 0.002  # rows keep a thousandth of a pixel


@dataclass(frozen=True, slots=True)
class FoundLabel:
    """A label of the human field as it is in FiftyOne now; `name` is None until a class is chosen."""

    id: str
    name: str | None
    bounding_box: tuple[float, float, float, float]
    uid: str | None


@dataclass(frozen=True, slots=True)
class FoundSample:
    sample_id: str
    modified_at: datetime
    image_id: int
    labels: tuple[FoundLabel, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """Where a box is and of which class."""

    box: Box
    category_id: int

    def is_like(self, box: Box, category_id: int) -> bool:
        is_near = all(abs(a - b) < SAME_PX for a, b in zip(self.box, box, strict=True))
        return is_near and self.category_id == category_id


@dataclass(slots=True)
class Differences:
    """What happened there since both sides agreed. `agreed`: boxes that are alike now."""

    created: list[tuple[str, Content]] = field(default_factory=list)
    changed: list[tuple[Annotation, Content]] = field(default_factory=list)
    deleted: list[Annotation] = field(default_factory=list)
    conflicts: list[tuple[str, Content | None]] = field(default_factory=list)
    agreed: list[str] = field(default_factory=list)


def changed_samples(bridge: Bridge) -> tuple[list[FoundSample], Look]:
    """Samples that somebody else changed since the last look; the look is to be remembered once they are taken in."""
    from fiftyone import ViewField as F

    since = bridge.pulled_until
    view = bridge.dataset
    if since is not None:
        view = view.match(F("last_modified_at") > since - OVERLAP)
    ids, times = view.values(["id", "last_modified_at"])
    found = {key: time.replace(tzinfo=None) for key, time in zip(ids, times, strict=True)}
    news = [key for key, time in found.items() if not bridge.is_known(key, time)]
    until = max(found.values(), default=since)
    return (read_samples(bridge, news) if news else []), Look(until, found)


def read_samples(bridge: Bridge, sample_ids: Iterable[str]) -> list[FoundSample]:
    """The human boxes of these samples as they are there now."""
    paths = [f"{HUMAN}.detections.{name}" for name in ("id", "label", "bounding_box", "uid")]
    view = bridge.dataset.select(list(sample_ids))
    columns = view.values(["id", "last_modified_at", "image_id", *paths])
    return [
        FoundSample(
            sample_id, time.replace(tzinfo=None), image_id, _labels(*(v or [] for v in row))
        )
        for sample_id, time, image_id, *row in zip(*columns, strict=True)
        if image_id is not None
    ]


def _labels(
    ids: list[str], names: list[str | None], boxes: list[Any], uids: list[str | None]
) -> tuple[FoundLabel, ...]:
    found = zip(ids, names, boxes, uids or [None] * len(ids), strict=True)
    return tuple(
        FoundLabel(key, name or None, (box[0], box[1], box[2], box[3]), uid)
        for key, name, box, uid in found
        if box is not None and len(box) == 4
    )


def differences(
    tx: Transaction,
    image_id: int,
    theirs: Mapping[str, Content],
    unfinished: Iterable[str],
    memory: Remembered,
) -> Differences:
    """Compare by label id: what is there, what is here, and what both were when it was pushed.

    `unfinished`: labels that are there but have no class yet; they are left alone.
    """
    ours = {label_id(a.uid): a for a in annotations.for_image(tx, image_id)}
    found = Differences()
    for key, content in theirs.items():
        _compare(tx, found, memory, key, content, ours.get(key))
    skipped = {*theirs, *unfinished}
    for key, (uid, revision) in memory.boxes.items():
        here = ours.get(key)
        if key in skipped or here is None:
            continue
        if here.revision == revision:
            found.deleted.append(here)
        else:
            found.conflicts.append((uid, None))
    return found


def _compare(
    tx: Transaction,
    found: Differences,
    memory: Remembered,
    key: str,
    content: Content,
    here: Annotation | None,
) -> None:
    uid, revision = memory.boxes.get(key, (None, None))
    if here is not None and content.is_like(here.box, here.category_id):
        found.agreed.append(key)
    elif here is None and uid is None:
        found.created.append((key, content))
    elif here is not None and here.revision == (revision or 1):
        found.changed.append((here, content))
    elif not _is_as_pushed(tx, uid, revision, content):
        found.conflicts.append((uid or (here.uid if here else key), content))


def _is_as_pushed(tx: Transaction, uid: str | None, revision: int | None, content: Content) -> bool:
    """Whether nothing happened there: the history still knows what was pushed."""
    if uid is None:
        return False
    for event in reversed(annotations.history_of(tx, uid)):
        if event.after is not None and event.after["revision"] == revision:
            box = event.after["box"]
            return content.is_like((box[0], box[1], box[2], box[3]), event.after["category_id"])
    return False


def uid_of_new(label: FoundLabel) -> str:
    """The uid of a label that is nobody's here: its old one when a deletion was undone there."""
    is_own = label.uid is not None and label_id(label.uid) == label.id
    return label.uid if is_own and label.uid is not None else uid_of_created(label.id)


def contents(
    labels: Iterable[FoundLabel], size_wh: tuple[int, int], category_ids: Mapping[str, int]
) -> dict[str, Content]:
    """By label id; clipped to the image, as the canvas does while a person drags."""
    return {
        label.id: Content(_clipped(label, size_wh), category_ids[label.name])
        for label in labels
        if label.name is not None
    }


def _clipped(label: FoundLabel, size_wh: tuple[int, int]) -> Box:
    x1, y1, x2, y2 = pixel_box(label.bounding_box, size_wh)
    width, height = size_wh
    return (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
