"""The history as lines that a person can read: deeds, and between them what was edited in one go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select, text

from storage import changes
from storage.database import Transaction
from storage.history_types import Change, Entry, Point
from storage.models import AnnotationEventRow

_ONE_GO = timedelta(minutes=10)  # a pause as long as this begins a new line
_MOST_EVENTS = 2_000  # read for one page of lines
_WORDS = {"create": "drew", "update": "changed", "delete": "deleted", "restore": "brought back"}


def entries(tx: Transaction, *, limit: int = 50, until: Point | None = None) -> list[Entry]:
    """Lines, the newest first, that end at `until` or earlier; the next page is `until` the last line's
    `point_before`.

    Cheap whatever the length of the history: deeds are one row each, and of single edits only as many are
    read as fill the page.
    """
    start = until or changes.now(tx)
    position = start.event_id
    found: list[Entry] = []
    for change in changes.newest(tx, limit=limit, before_id=start.change_id + 1):
        lines, is_cut = _edits(tx, change.last_event_id, position, above=change.id)
        found += lines
        if is_cut or len(found) >= limit:
            return found[:limit]
        found.append(_line(tx, change))
        position = change.first_event_id
    if len(found) < limit:
        found += _edits(tx, 0, position, above=found[-1].point_before.change_id if found else 0)[0]
    return found[:limit]


def _line(tx: Transaction, change: Change) -> Entry:
    num_images = change.details.get("num_images")
    if num_images is None:  # an import of an earlier version
        of_change = text(
            "SELECT count(DISTINCT image_id) FROM annotation_event WHERE id > :a AND id <= :b"
        )
        values = {"a": change.first_event_id, "b": change.last_event_id}
        num_images = tx.scalar(of_change, values) or 0
    return Entry(
        started_at=change.at,
        at=change.at,
        author=change.author,
        text=change.text,
        num_boxes=change.num_boxes,
        num_images=num_images,
        point=change.point,
        point_before=change.point_before,
        change=change,
    )


def _edits(tx: Transaction, after: int, until: int, *, above: int) -> tuple[list[Entry], bool]:
    """The events in (after, until] as lines, and whether older ones were left out for their number.

    `above` is the deed after which they happened.
    """
    if until <= after:
        return [], False
    row = AnnotationEventRow
    query = (
        select(row.id, row.at, row.author, row.image_id, row.action)
        .where(row.id > after, row.id <= until)
        .order_by(row.id.desc())
        .limit(_MOST_EVENTS)
    )
    runs: list[list[Any]] = []
    events = tx.execute(query).all()
    for event in events:
        last = runs[-1][-1] if runs else None
        if last is None or event.author != last.author or last.at - event.at > _ONE_GO:
            runs.append([])
        runs[-1].append(event)
    return [_run(run, above) for run in runs], len(events) == _MOST_EVENTS


def _run(events: Sequence[Any], above: int) -> Entry:
    counted = Counter(event.action for event in events)
    words = [f"{_WORDS[action]} {number}" for action, number in sorted(counted.items())]
    return Entry(
        started_at=events[-1].at,
        at=events[0].at,
        author=events[0].author,
        text=_sentence(words),
        num_boxes=len(events),
        num_images=len({event.image_id for event in events}),
        point=Point(events[0].id, above),
        point_before=Point(events[-1].id - 1, above),
    )


def _sentence(words: Sequence[str]) -> str:
    joined = ", ".join(words)
    return f"{joined[:1].upper()}{joined[1:]}"
