"""From the rows of an image to what its sample says: plain values, the same for both ways of writing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from storage.boxes import SAME_OBJECT_IOU, intersection_over_union
from storage.fiftyone_bridge.fields import CONFLICTS, HUMAN, label_id, proposal_uid
from storage.fiftyone_bridge.rows import Catalogue, ImageFacts
from storage.types import Box, Verdict

_NO_CLASS = "?"
ABOVE, BELOW = "above", "below"


@dataclass(frozen=True, slots=True)
class Label:
    """One box as FiftyOne has it: relative x, y, width, height."""

    id: str
    name: str
    bounding_box: list[float]
    confidence: float | None
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SampleContent:
    """`base` is what pull compares with: label id -> (uid, revision) of each human box."""

    image_id: int
    filepath: str
    size_wh: tuple[int, int]
    size_bytes: int
    values: dict[str, Any]
    labels: dict[str, list[Label]]
    base: dict[str, tuple[str, int]]


def content(facts: ImageFacts, catalogue: Catalogue, data_dir: Path) -> SampleContent:
    image, names = facts.image, catalogue.names
    labels = {HUMAN: [_human(row, names, facts.size_wh) for row in facts.boxes], CONFLICTS: []}
    labels[CONFLICTS] = [
        _conflict(row, names, facts.size_wh) for row in facts.conflicts if row.theirs is not None
    ]
    labels.update({name: [] for name in catalogue.fields.values()})
    for row in facts.proposals:
        labels[catalogue.fields[row.bundle_id]].append(_proposal(row, catalogue, facts.size_wh))
    return SampleContent(
        image_id=image.id,
        filepath=str(data_dir / image.relative_path),
        size_wh=facts.size_wh,
        size_bytes=image.size_bytes,
        values={
            "image_id": image.id,
            "relative_path": image.relative_path,
            **_sums(facts, catalogue),
        },
        labels=labels,
        base={label_id(row.uid): (row.uid, row.revision) for row in facts.boxes},
    )


def relative_box(box: Box, size_wh: tuple[int, int]) -> list[float]:
    """xyxy pixels to x, y, width, height as shares of the image."""
    x1, y1, x2, y2 = box
    width, height = size_wh
    return [x1 / width, y1 / height, (x2 - x1) / width, (y2 - y1) / height]


def pixel_box(bounding_box: Sequence[float], size_wh: tuple[int, int]) -> Box:
    """The way back. A thousandth of a pixel survives both ways."""
    x, y, w, h = (float(value) for value in bounding_box)
    width, height = size_wh
    return (x * width, y * height, (x + w) * width, (y + h) * height)


def _corners(row: Row[Any]) -> Box:
    return (row.x1, row.y1, row.x2, row.y2)


def _human(row: Row[Any], names: dict[int, str], size_wh: tuple[int, int]) -> Label:
    return Label(
        id=label_id(row.uid),
        name=names.get(row.category_id, _NO_CLASS),
        bounding_box=relative_box(_corners(row), size_wh),
        confidence=None,
        attributes={"uid": row.uid, "origin": row.origin, "author": row.author},
    )


def _proposal(row: Row[Any], catalogue: Catalogue, size_wh: tuple[int, int]) -> Label:
    uid = proposal_uid(row.id)
    return Label(
        id=label_id(uid),
        name=catalogue.names.get(row.category_id, _NO_CLASS),
        bounding_box=relative_box(_corners(row), size_wh),
        confidence=row.score,
        attributes={
            "uid": uid,
            "bundle": catalogue.fields[row.bundle_id],
            "verdict": row.verdict,
            "threshold": ABOVE if _is_shown(row, catalogue) else BELOW,
        },
    )


def _conflict(row: Row[Any], names: dict[int, str], size_wh: tuple[int, int]) -> Label:
    """The version of FiftyOne that waits for a decision beside ours."""
    box = row.theirs["box"]
    uid = f"conflict-{row.id}"
    return Label(
        id=label_id(uid),
        name=names.get(row.theirs["category_id"], _NO_CLASS),
        bounding_box=relative_box((box[0], box[1], box[2], box[3]), size_wh),
        confidence=None,
        attributes={"uid": uid, "origin": row.source, "author": row.source},
    )


def _is_shown(row: Row[Any], catalogue: Catalogue) -> bool:
    return bool(row.score >= catalogue.threshold(row.bundle_id, row.category_id))


def _sums(facts: ImageFacts, catalogue: Catalogue) -> dict[str, Any]:
    sure = [row for row in facts.proposals if _is_shown(row, catalogue)]
    waiting = [
        row
        for row in sure
        if row.bundle_id == catalogue.shown_bundle_id and row.verdict == Verdict.PENDING.value
    ]
    doubts = [1.0 - abs(2.0 * row.score - 1.0) for row in waiting]
    return {
        "state": _state(facts, has_waiting=bool(waiting)),
        "num_boxes": len(facts.boxes),
        "num_waiting": len(waiting),
        "uncertainty": max(doubts, default=0.0),
        # A sure proposal takes one look, an unsure one up to two.
        "expected_seconds": catalogue.seconds_per_verdict * sum(1.0 + doubt for doubt in doubts),
        "disagreements": _disagreements(sure),
        "missed": 0 if facts.image.reviewed_at is None else _unmatched(waiting, facts.boxes),
    }


def _state(facts: ImageFacts, *, has_waiting: bool) -> str:
    image = facts.image
    if image.missing_at is not None:
        return "missing file"
    if image.reviewed_at is not None:
        return "done"
    if image.skipped_at is not None:
        return "skipped"
    if has_waiting:
        return "needs review"
    return "begun" if facts.boxes else "untouched"


def _disagreements(sure: Sequence[Row[Any]]) -> int:
    """Sure proposals of one bundle that another bundle does not make."""
    by_bundle: dict[int, list[Row[Any]]] = {}
    for row in sure:
        by_bundle.setdefault(row.bundle_id, []).append(row)
    rivals = list(by_bundle.values())
    return sum(_unmatched(a, b) for a in rivals for b in rivals if a is not b)


def _unmatched(these: Sequence[Row[Any]], those: Sequence[Row[Any]]) -> int:
    return sum(
        not any(
            other.category_id == row.category_id
            and intersection_over_union(_corners(row), _corners(other)) >= SAME_OBJECT_IOU
            for other in those
        )
        for row in these
    )
