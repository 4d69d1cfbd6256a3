"""The history as documents: what the page and `--json` get, with the words that a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storage.history_types import (
    BoxDifference,
    Entry,
    ImageDifference,
    MachineBoxes,
    RestoreReport,
)
from storage.image_history import Moment
from storage.types import AnnotationEvent, Box


def line_json(entry: Entry) -> dict[str, Any]:
    change = entry.change
    return {
        "at": entry.at.isoformat(),
        "started_at": entry.started_at.isoformat(),
        "author": entry.author,
        "text": entry.text,
        "boxes": entry.num_boxes,
        "images": entry.num_images,
        "point": str(entry.point),
        "point_before": str(entry.point_before),
        "kind": "edit" if change is None else change.kind.value,
        "change_id": None if change is None else change.id,
        "can_undo": change is not None and change.can_undo,
    }


def moment_json(moment: Moment, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "at": moment.at.isoformat(),
        "author": moment.author,
        "point": str(moment.point),
        "point_before": str(moment.point_before),
        "events": [event_json(event, names) for event in moment.events],
    }


def event_json(event: AnnotationEvent, names: Mapping[int, str]) -> dict[str, Any]:
    state = event.after or event.before or {}
    return {
        "id": event.id,
        "at": event.at.isoformat(),
        "author": event.author,
        "uid": event.annotation_uid,
        "action": event.action.value,
        "text": _event_text(event, names),
        "box": state.get("box"),
    }


def _event_text(event: AnnotationEvent, names: Mapping[int, str]) -> str:
    before, after = event.before, event.after
    if before is None:
        assert after is not None
        verbs = {"drawn": "drew", "accepted": "accepted", "corrected": "corrected"}
        verb = verbs.get(after["origin"], after["origin"])
        verb = "brought back" if event.action.value == "restore" else verb
        return f"{verb} {names.get(after['category_id'], 'a removed class')}"
    old = names.get(before["category_id"], "a removed class")
    if after is None:
        return f"deleted {old}"
    parts = []
    if before["box"] != after["box"]:
        parts.append(f"moved {old}")
    if before["category_id"] != after["category_id"]:
        parts.append(f"made {old} into {names.get(after['category_id'], 'a removed class')}")
    return ", ".join(parts) or f"touched {old}"


def box_difference_json(item: BoxDifference, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "uid": item.uid,
        "fates": [fate.value for fate in item.fates],
        "before": _placed(item.box_before, item.category_before, names),
        "after": _placed(item.box_after, item.category_after, names),
    }


def _placed(
    box: Box | None, category_id: int | None, names: Mapping[int, str]
) -> dict[str, Any] | None:
    if box is None or category_id is None:
        return None
    return {"box": list(box), "class": names.get(category_id, "removed class")}


def numbers_json(item: ImageDifference) -> dict[str, int]:
    return {
        "added": item.added,
        "removed": item.removed,
        "moved": item.moved,
        "reclassed": item.reclassed,
    }


def machine_json(count: MachineBoxes) -> dict[str, Any]:
    return {
        "bundle_id": count.bundle_id,
        "pending": count.pending,
        "accepted": count.accepted,
        "images": count.num_images,
    }


def report_json(report: RestoreReport, verb: str) -> dict[str, Any]:
    return {
        "change_id": report.change_id,
        "text": report_text(report, verb),
        "added": report.added,
        "removed": report.removed,
        "changed": report.changed,
        "left": report.left,
        "images": report.num_images,
        "marks": report.undone_marks,
        "classes": list(report.classes),
    }


def report_text(report: RestoreReport, verb: str) -> str:
    if report.change_id is None:
        return "Nothing to do: it is so already."
    parts = [
        f"{_boxes(number)} {word}"
        for number, word in (
            (report.added, "brought back"),
            (report.removed, "taken away"),
            (report.changed, "changed"),
        )
        if number
    ]
    images = "1 image" if report.num_images == 1 else f"{report.num_images} images"
    text = f"{verb}: {', '.join(parts)} on {images}." if parts else f"{verb}."
    if report.classes:
        text += f" Classes: {', '.join(report.classes)}."
    if report.left:
        text += f" Changed since and left as they are: {_boxes(report.left)}."
    if report.undone_marks:
        text += f" Images that do not count as done any more: {report.undone_marks}."
    return text


def _boxes(number: int) -> str:
    return "1 box" if number == 1 else f"{number} boxes"
