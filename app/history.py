"""Who did what when, what changed between two moments, and going back: as documents for page and scripts."""

from typing import Any

from app.classes import Who
from app.errors import UnknownImageError
from app.history_words import (
    box_difference_json,
    event_json,
    line_json,
    machine_json,
    moment_json,
    numbers_json,
    report_json,
)
from app.workspace import Workspace
from storage import (
    annotations,
    bundles,
    categories,
    changes,
    class_states,
    differences,
    image_history,
    images,
    machine_boxes,
    restoring,
    timeline,
)
from storage.database import Transaction
from storage.history_types import Point


def timeline_document(
    workspace: Workspace, *, limit: int = 50, until: str | None = None
) -> dict[str, Any]:
    """Lines of the history, the newest first. `next` is the `until` of the next page, or None."""
    with workspace.database.read() as tx:
        start = None if until is None else changes.parsed_point(tx, until)
        lines = timeline.entries(tx, limit=limit, until=start)
        is_over = not lines or lines[-1].point_before <= Point(0, 0)
        return {
            "now": str(changes.now(tx)),
            "lines": [line_json(line) for line in lines],
            "next": None if is_over else str(lines[-1].point_before),
        }


def image_history_document(workspace: Workspace, image_id: int) -> dict[str, Any]:
    """Who changed what on an image, the newest first, with the point after each."""
    with workspace.database.read() as tx:
        image = images.get(tx, image_id)
        names = class_states.names(tx)
        moments = image_history.moments(tx, image_id)
    return {
        "image": {
            "id": image.id,
            "relative_path": image.relative_path,
            "width": image.width,
            "height": image.height,
            "sha256": image.sha256,
        },
        "lines": [moment_json(moment, names) for moment in moments],
    }


def box_history_document(workspace: Workspace, uid: str) -> dict[str, Any]:
    """Everything that ever happened to one box, oldest first."""
    with workspace.database.read() as tx:
        names = class_states.names(tx)
        events = annotations.history_of(tx, uid)
    return {"uid": uid, "events": [event_json(event, names) for event in events]}


def boxes_document(workspace: Workspace, image_id: int, point: str) -> dict[str, Any]:
    """The boxes of an image at a point, and how they differ from now."""
    with workspace.database.read() as tx:
        then = changes.parsed_point(tx, point)
        boxes = image_history.boxes_at(tx, image_id, then)
        differing = differences.boxes_of_image(tx, image_id, then, changes.now(tx))
        paint = {c.id: c.color for c in categories.list_all(tx)}
        names = class_states.names(tx)
    return {
        "boxes": [
            {
                "uid": uid,
                "box": list(box),
                "class": names.get(category_id, "removed class"),
                "color": paint.get(category_id, "#999999"),
            }
            for uid, box, category_id in boxes
        ],
        "to_now": [box_difference_json(item, names) for item in differing],
    }


def difference_document(
    workspace: Workspace, a: str, b: str = "now", *, limit: int = 100, offset: int = 0
) -> dict[str, Any]:
    """Boxes added, removed, moved and reclassed from point `a` to point `b`: in total and per image."""
    with workspace.database.read() as tx:
        first, second = changes.parsed_point(tx, a), changes.parsed_point(tx, b)
        found = differences.difference(tx, first, second, limit=limit, offset=offset)
    return {
        "from": str(first),
        "to": str(second),
        "total": numbers_json(found.total),
        "num_images": found.num_images,
        "images": [
            {"id": i.image_id, "relative_path": i.relative_path, **numbers_json(i)}
            for i in found.images
        ],
    }


def restore(
    workspace: Workspace, point: str, *, image_id: int | None = None, who: Who
) -> dict[str, Any]:
    """Bring the project, or one image, to a point. A new deed: `change_id` undoes it."""
    with workspace.database.write() as tx:
        then = changes.parsed_point(tx, point)
        author, at = who.author, who.at
        name = _point_name(tx, point)
        if image_id is None:
            report = restoring.restore_project(tx, then, name=name, author=author, at=at)
        else:
            path = images.get(tx, image_id).relative_path
            name = f"Restored {path} to {name}"
            report = restoring.restore_image(tx, image_id, then, name=name, author=author, at=at)
    return report_json(report, "Restored")


def undo(workspace: Workspace, change_id: int, *, who: Who) -> dict[str, Any]:
    """Take one deed back; what people did since stays."""
    with workspace.database.write() as tx:
        report = restoring.undo(tx, change_id, author=who.author, at=who.at)
    return report_json(report, "Undone")


def name_point(workspace: Workspace, name: str, *, who: Who) -> dict[str, Any]:
    """Give the present moment a name."""
    with workspace.database.write() as tx:
        change = changes.name_point(tx, name, author=who.author, at=who.at)
    return {"point": str(change.point), "name": change.text}


def machine_document(workspace: Workspace) -> dict[str, Any]:
    """Per bundle, what of it no person has touched."""
    with workspace.database.read() as tx:
        known = bundles.list_all(tx)
        found = [(bundle, machine_boxes.count(tx, bundle.id)) for bundle in known]
    return {"bundles": [{"name": b.name, **machine_json(count)} for b, count in found]}


def remove_machine_boxes(
    workspace: Workspace, bundle_id: int, *, with_accepted: bool = False, who: Who
) -> dict[str, Any]:
    """Throw away what a bundle proposed and nobody touched. Boxes of people stay; undoable."""
    with workspace.database.write() as tx:
        count, report = machine_boxes.remove(
            tx, bundle_id, with_accepted=with_accepted, author=who.author, at=who.at
        )
    text = f"Deleted {count.pending} waiting proposals"
    if with_accepted:
        text += f" and {count.accepted} accepted boxes"
    return {**report_json(report, ""), "text": f"{text}.", "proposals": count.pending}


def _point_name(tx: Transaction, point: str) -> str:
    """How the history calls the point: its name, or what happened last before it."""
    then = changes.parsed_point(tx, point)
    if then.event_id == 0:
        return "the start"
    lines = timeline.entries(tx, limit=1, until=then)
    if not lines:
        return str(then)
    return f"{lines[0].at:%Y-%m-%d %H:%M} UTC ({lines[0].text})"


def image_id_of(workspace: Workspace, relative_path: str) -> int:
    """Raises UnknownImageError for a path that is not among the images."""
    with workspace.database.read() as tx:
        found = images.by_path(tx, relative_path)
    if found is None:
        raise UnknownImageError(
            f"There is no image '{relative_path}'. Write its path from the image folder on."
        )
    return found.id


def machine_count(workspace: Workspace, bundle_id: int) -> dict[str, Any]:
    """What `remove_machine_boxes` would delete. Raises NotFoundError that lists the bundles."""
    with workspace.database.read() as tx:
        return machine_json(machine_boxes.count(tx, bundle_id))
