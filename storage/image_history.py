"""One image through time: who changed what, and which boxes it had at a point."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage import annotations, changes
from storage.database import Transaction
from storage.history_types import Point
from storage.types import AnnotationEvent, Box


@dataclass(frozen=True, slots=True)
class Moment:
    """What one person did at once to the boxes of an image."""

    at: datetime
    author: str
    events: tuple[AnnotationEvent, ...]
    point: Point
    point_before: Point


def moments(tx: Transaction, image_id: int) -> list[Moment]:
    """The newest first. What was sent or done together is one moment."""
    runs: list[list[AnnotationEvent]] = []
    for event in annotations.events(tx, image_id=image_id):
        last = runs[-1][-1] if runs else None
        if last is None or (last.at, last.author) != (event.at, event.author):
            runs.append([])
        runs[-1].append(event)
    return [_moment(tx, run) for run in reversed(runs)]


def boxes_at(tx: Transaction, image_id: int, point: Point) -> list[tuple[str, Box, int]]:
    """Uid, corners and class of each box that the image had at the point, oldest first."""
    found: dict[str, tuple[int, Box, int]] = {
        a.uid: (a.id, a.box, a.category_id) for a in annotations.for_image(tx, image_id)
    }
    seen: set[str] = set()
    for event in annotations.events(tx, image_id=image_id, after_id=point.event_id):
        uid = event.annotation_uid
        if uid in seen:
            continue
        seen.add(uid)
        found.pop(uid, None)
        if event.before is not None:
            found[uid] = _placed(event.before)
    ordered = sorted(found.items(), key=lambda item: item[1][0])
    return [(uid, box, category_id) for uid, (_, box, category_id) in ordered]


def _placed(state: dict[str, Any]) -> tuple[int, Box, int]:
    x1, y1, x2, y2 = state["box"]
    return int(state["id"]), (x1, y1, x2, y2), int(state["category_id"])


def _moment(tx: Transaction, events: list[AnnotationEvent]) -> Moment:
    return Moment(
        at=events[-1].at,
        author=events[-1].author,
        events=tuple(events),
        point=changes.checked_point(tx, Point(events[-1].id, 0)),
        point_before=changes.checked_point(tx, Point(events[0].id - 1, 0), is_early=True),
    )
