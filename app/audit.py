"""A blind audit of finished images: draw the sample, take in what was drawn blind, say which error is left."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from app.auditing import AuditedImage, ErrorLeft, compare, draw_sample, estimate, settle
from app.errors import InvalidEditError, NotReadyError
from app.intervals import Interval
from app.workspace import Workspace
from storage import annotations, audits, categories, images
from storage.audits import Audit, AuditImage, LabelThen
from storage.database import Transaction
from storage.types import Box, ImageFilter

SAMPLE_SIZE = 20


def start(
    workspace: Workspace, *, num_images: int = SAMPLE_SIZE, seed: int, author: str, at: datetime
) -> Audit:
    """Draw a sample of the finished images by lot; the same seed on the same images draws the same."""
    if num_images < 1:
        raise InvalidEditError(f"An audit needs at least one image; {num_images} were asked for.")
    with workspace.database.write() as tx:
        done = images.list_ids(tx, state=ImageFilter.REVIEWED)
        if not done:
            raise NotReadyError(
                "No image is done yet, so there is nothing to audit. Finish images in Label or Review."
            )
        sample = draw_sample(done, num_images, seed=seed)
        return audits.create(tx, sample, seed=seed, num_done=len(done), author=author, at=at)


def newest(workspace: Workspace) -> Audit | None:
    with workspace.database.read() as tx:
        return audits.newest(tx)


def submit(
    workspace: Workspace,
    audit_id: int,
    image_id: int,
    blind: Sequence[tuple[Box, int]],
    *,
    at: datetime,
) -> AuditedImage:
    """Keep what was drawn blind on an image and compare it with its labels, as they are at first.

    Sent again, the newer boxes count, but the labels stay those of the first time: who has seen the
    comparison and mends the label must not thereby make the error vanish from the estimate.
    Raises InvalidEditError for a box outside the image or of an unknown class.
    """
    with workspace.database.write() as tx:
        entry = _entry(audits.get(tx, audit_id), image_id)
        _check(tx, image_id, blind)
        labels = entry.labels if entry.blind is not None else _labels(tx, image_id)
        audits.keep_blind(tx, audit_id, image_id, blind=blind, labels=labels, at=at)
        audit = _finish_if_complete(tx, audit_id, at)
        return compared(_entry(audit, image_id))


def settle_image(
    workspace: Workspace,
    audit_id: int,
    image_id: int,
    label_is_right: Sequence[int],
    *,
    at: datetime,
) -> AuditedImage:
    """Say in which differences (by index) the label was right and the blind box wrong."""
    with workspace.database.write() as tx:
        entry = _entry(audits.get(tx, audit_id), image_id)
        number = len(_differing(entry).differences)
        strange = [index for index in label_is_right if not 0 <= index < number]
        if entry.blind is None or strange:
            raise InvalidEditError(
                f"Image {image_id} has {number} differences; {strange or 'none'} cannot be settled."
            )
        audits.keep_settled(tx, audit_id, image_id, label_is_right)
        return compared(_entry(_finish_if_complete(tx, audit_id, at), image_id))


def compared(entry: AuditImage) -> AuditedImage:
    """The image's differences that count as errors of its labels."""
    return settle(_differing(entry), entry.label_is_right)


def result(audit: Audit) -> ErrorLeft:
    """What the images drawn so far say; they come in random order, so a part is a sample too."""
    drawn = [compared(entry) for entry in audit.images if entry.blind is not None]
    return estimate(drawn, num_done=audit.num_done)


def result_json(audit: Audit) -> dict[str, Any]:
    """The estimate, per 100 objects (labels for `surplus`)."""
    found = asdict(result(audit))
    return {
        key: per_hundred(Interval(**value)) if isinstance(value, dict) else value
        for key, value in found.items()
    }


def per_hundred(interval: Interval) -> dict[str, float]:
    return {
        "value": round(100 * interval.value, 2),
        "low": round(100 * interval.low, 2),
        "high": round(100 * interval.high, 2),
    }


def differences_json(entry: AuditImage) -> list[dict[str, Any]]:
    """Each difference with both boxes, for a person to look at."""
    assert entry.blind is not None, "an image that was not drawn has no differences"
    found = []
    for index, item in enumerate(_differing(entry).differences):
        label = None if item.label is None else entry.labels[item.label]
        blind = None if item.blind is None else entry.blind[item.blind]
        found.append(
            {
                "index": index,
                "kind": item.kind.value,
                "iou": round(item.iou, 3),
                "label": label and {"box": label.box, "category_id": label.category_id},
                "blind": blind and {"box": blind[0], "category_id": blind[1]},
                "label_is_right": index in entry.label_is_right,
            }
        )
    return found


def _differing(entry: AuditImage) -> AuditedImage:
    labels = [(label.box, label.category_id) for label in entry.labels]
    return compare(entry.image_id, labels, entry.blind or ())


def _finish_if_complete(tx: Transaction, audit_id: int, at: datetime) -> Audit:
    audit = audits.get(tx, audit_id)
    if any(entry.blind is None for entry in audit.images):
        return audit
    audits.finish(tx, audit_id, result_json(audit), at)
    return audits.get(tx, audit_id)


def _entry(audit: Audit, image_id: int) -> AuditImage:
    found = next((entry for entry in audit.images if entry.image_id == image_id), None)
    if found is None:
        raise InvalidEditError(f"Image {image_id} is no part of audit {audit.id}.")
    return found


def _labels(tx: Transaction, image_id: int) -> list[LabelThen]:
    boxes = annotations.for_image(tx, image_id)
    return [LabelThen(box.uid, box.box, box.category_id) for box in boxes]


def _check(tx: Transaction, image_id: int, blind: Sequence[tuple[Box, int]]) -> None:
    width, height = images.get(tx, image_id).size_wh
    known = {category.id for category in categories.list_all(tx)}
    for (x1, y1, x2, y2), category_id in blind:
        if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
            raise InvalidEditError(
                f"A box must lie in its image of {width} x {height} pixels; found "
                f"({x1:.1f}, {y1:.1f}, {x2:.1f}, {y2:.1f}). Nothing was kept."
            )
        if category_id not in known:
            raise InvalidEditError(f"There is no class {category_id}; load the page again.")
