"""What a person does to the boxes of one image: in one transaction, and safe to send twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.errors import InvalidEditError
from app.showing import shown_on
from app.workspace import Workspace
from storage import annotations, categories, images, notes, predictions, projects
from storage.database import Transaction
from storage.errors import ConflictError
from storage.image_versions import image_version
from storage.types import (
    Annotation,
    Box,
    Category,
    EventAction,
    Image,
    Origin,
    StoredPrediction,
    Verdict,
)

_LONGEST_UID = 64


@dataclass(frozen=True, slots=True)
class CreateBox:
    uid: str
    box: Box
    category_id: int


@dataclass(frozen=True, slots=True)
class UpdateBox:
    uid: str
    box: Box | None = None
    category_id: int | None = None
    expected_revision: int | None = None


@dataclass(frozen=True, slots=True)
class DeleteBox:
    uid: str
    expected_revision: int | None = None


Edit = CreateBox | UpdateBox | DeleteBox


def apply_edits(
    workspace: Workspace, image_id: int, edits: Sequence[Edit], *, author: str, at: datetime
) -> list[Annotation]:
    """Apply all edits of one image or none, and return its boxes.

    A message that arrives twice changes nothing the second time. Raises InvalidEditError,
    and StorageError for a box outside its image, an unknown class, or a box changed elsewhere.
    """
    with workspace.database.write() as tx:
        images.get(tx, image_id)
        for edit in edits:
            check_uid(edit.uid)
            apply_edit(tx, image_id, edit, author=author, at=at)
        return annotations.for_image(tx, image_id)


def set_reviewed(workspace: Workspace, image_id: int, *, is_reviewed: bool, at: datetime) -> Image:
    """Say that an image is done: every object in it has its box."""
    with workspace.database.write() as tx:
        images.mark_reviewed(tx, image_id, at if is_reviewed else None)
        return images.get(tx, image_id)


def set_skipped(workspace: Workspace, image_id: int, *, is_skipped: bool, at: datetime) -> Image:
    """Put an image aside, or take it back."""
    with workspace.database.write() as tx:
        images.mark_skipped(tx, image_id, at if is_skipped else None)
        return images.get(tx, image_id)


def set_flagged(workspace: Workspace, image_id: int, *, is_flagged: bool) -> Image:
    """Put a flag on an image to come back to it, or take it off."""
    with workspace.database.write() as tx:
        images.set_flagged(tx, image_id, is_flagged)
        return images.get(tx, image_id)


def image_document(
    workspace: Workspace, image_id: int, *, bundle_id: int | None = None
) -> dict[str, Any]:
    """All that the canvas shows of one image: image, annotations, proposals, categories."""
    with workspace.database.read() as tx:
        image = images.get(tx, image_id)
        boxes = annotations.for_image(tx, image_id)
        shown_bundle = bundle_id or projects.get(tx).prelabel_bundle_id
        proposals = shown_on(tx, image_id, bundle_id=shown_bundle)
        classes = categories.list_all(tx)
        comment = notes.find(tx, image_id)
        version = image_version(tx, image_id, bundle_id=shown_bundle)
    return {
        "image": {**image_json(image), "comment": comment},
        "version": version,
        "annotations": [annotation_json(box) for box in boxes],
        "proposals": [proposal_json(proposal) for proposal in proposals],
        "categories": [category_json(category) for category in classes],
        "bundle_id": shown_bundle,
    }


def image_json(image: Image) -> dict[str, Any]:
    return {
        "id": image.id,
        "relative_path": image.relative_path,
        "sha256": image.sha256,
        "width": image.width,
        "height": image.height,
        "is_reviewed": image.reviewed_at is not None,
        "is_skipped": image.skipped_at is not None,
        "is_missing": image.missing_at is not None,
        "is_flagged": image.flagged,
    }


def annotation_json(annotation: Annotation) -> dict[str, Any]:
    return {
        "id": annotation.id,
        "uid": annotation.uid,
        "box": list(annotation.box),
        "category_id": annotation.category_id,
        "origin": annotation.origin.value,
        "prediction_id": annotation.prediction_id,
        "author": annotation.author,
        "revision": annotation.revision,
    }


def proposal_json(proposal: StoredPrediction) -> dict[str, Any]:
    return {
        "id": proposal.id,
        "box": list(proposal.box),
        "category_id": proposal.category_id,
        "bundle_id": proposal.bundle_id,
        "score": proposal.score,
    }


def category_json(category: Category) -> dict[str, Any]:
    return {
        "id": category.id,
        "name": category.name,
        "prompt_text": category.prompt_text,
        "color": category.color,
        "position": category.position,
    }


def check_uid(uid: str) -> None:
    """A uid comes from the browser and is stored and shown: short and plain."""
    if not 0 < len(uid) <= _LONGEST_UID or not uid.isascii() or not uid.isprintable():
        raise InvalidEditError(
            f"A box needs a uid of 1 to {_LONGEST_UID} plain characters; found {uid!r:.80}."
        )


def apply_edit(tx: Transaction, image_id: int, edit: Edit, *, author: str, at: datetime) -> None:
    """One edit within somebody's transaction; see `apply_edits`."""
    existing = _box_of_image(tx, image_id, edit.uid)
    if isinstance(edit, CreateBox):
        _create(tx, image_id, edit, author=author, at=at)
    elif isinstance(edit, UpdateBox):
        if existing is None or not _is_done(existing, edit):
            annotations.update(
                tx,
                edit.uid,
                author=author,
                at=at,
                box=edit.box,
                category_id=edit.category_id,
                expected_revision=edit.expected_revision,
            )
    elif existing is not None:
        _require_revision(existing, edit.expected_revision)
        annotations.delete(tx, edit.uid, author=author, at=at)
        # A proposal that was taken and then thrown away is a wrong proposal: it must not come back.
        if existing.prediction_id is not None:
            predictions.judge(tx, existing.prediction_id, Verdict.REJECTED, at)
    elif not _was_deleted(tx, image_id, edit.uid):
        raise InvalidEditError(f"Box {edit.uid} cannot be deleted: it is not on image {image_id}.")


def _require_revision(existing: Annotation, expected: int | None) -> None:
    if expected is not None and expected != existing.revision:
        raise ConflictError(
            f"Box {existing.uid} was changed elsewhere after it was seen (revision {expected}); "
            f"revision {existing.revision} is stored and was not deleted. Load the image again."
        )


def _create(tx: Transaction, image_id: int, edit: CreateBox, *, author: str, at: datetime) -> None:
    if annotations.find(tx, edit.uid) is None and _was_deleted(tx, image_id, edit.uid):
        # Undo of a deletion: the same box comes back with its id and where it came from.
        restored = annotations.restore(tx, edit.uid, author=author, at=at)
        if not _is_same(restored, edit.box, edit.category_id):
            annotations.update(
                tx, edit.uid, author=author, at=at, box=edit.box, category_id=edit.category_id
            )
        if restored.prediction_id is not None:
            predictions.judge(tx, restored.prediction_id, _verdict_of(restored), at)
        return
    annotations.create(
        tx,
        uid=edit.uid,
        image_id=image_id,
        box=edit.box,
        category_id=edit.category_id,
        origin=Origin.DRAWN,
        author=author,
        at=at,
    )


def _verdict_of(annotation: Annotation) -> Verdict:
    return Verdict.ACCEPTED if annotation.origin is Origin.ACCEPTED else Verdict.CORRECTED


def _box_of_image(tx: Transaction, image_id: int, uid: str) -> Annotation | None:
    found = annotations.find(tx, uid)
    if found is not None and found.image_id != image_id:
        raise InvalidEditError(
            f"Box {uid} belongs to image {found.image_id}; the edit was made on image {image_id}."
        )
    return found


def _was_deleted(tx: Transaction, image_id: int, uid: str) -> bool:
    history = annotations.events(tx, image_id=image_id)
    return any(e.annotation_uid == uid and e.action == EventAction.DELETE for e in history)


def _is_done(existing: Annotation, edit: UpdateBox) -> bool:
    """Whether an update already took effect, so that sending it again is harmless."""
    box = edit.box if edit.box is not None else existing.box
    category_id = edit.category_id if edit.category_id is not None else existing.category_id
    return _is_same(existing, box, category_id)


def _is_same(existing: Annotation, box: Box, category_id: int) -> bool:
    # The storage keeps a thousandth of a pixel, so exact equality would call a repeat a change.
    close = all(abs(a - b) < 0.001 for a, b in zip(existing.box, box, strict=True))
    return close and existing.category_id == category_id


def edit_from_json(document: Mapping[str, Any]) -> Edit:
    """Read one edit that the browser sent: {"op": "create"|"update"|"delete", "uid", ...}."""
    op, uid = document.get("op"), document.get("uid")
    if not isinstance(uid, str):
        raise InvalidEditError(f"An edit needs a text 'uid'; found {uid!r:.80}.")
    if op == "create":
        return CreateBox(uid, _required_box(document), _whole(document, "category_id"))
    if op == "update":
        box = _required_box(document) if document.get("box") is not None else None
        return UpdateBox(
            uid,
            box,
            _optional_whole(document, "category_id"),
            _optional_whole(document, "expected_revision"),
        )
    if op == "delete":
        return DeleteBox(uid, _optional_whole(document, "expected_revision"))
    raise InvalidEditError(f"An edit is 'create', 'update' or 'delete'; found {op!r:.80}.")


def _required_box(document: Mapping[str, Any]) -> Box:
    box = document.get("box")
    is_four = isinstance(box, list | tuple) and len(box) == 4
    if not is_four or not all(type(value) in (int, float) for value in box or ()):
        raise InvalidEditError(f"A box is four numbers [x1, y1, x2, y2]; found {box!r:.80}.")
    assert box is not None
    return (float(box[0]), float(box[1]), float(box[2]), float(box[3]))


def _whole(document: Mapping[str, Any], key: str) -> int:
    value = document.get(key)
    if type(value) is not int:
        raise InvalidEditError(f"'{key}' must be a whole number; found {value!r:.80}.")
    return value


def _optional_whole(document: Mapping[str, Any], key: str) -> int | None:
    return None if document.get(key) is None else _whole(document, key)
