"""COCO in and out. The only place where boxes are x, y, width, height.

Ids are the database's own: from 1, never reused. Boxes keep three decimals, as the rows do, so a
file that comes back in gives the very same rows, and a second export the same bytes.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Row, select

from storage import categories, images, projects
from storage.boxes import SAME_OBJECT_IOU, intersection_over_union
from storage.coco_reader import read_coco
from storage.database import Transaction
from storage.errors import ExportError
from storage.models import AnnotationRow, PredictionRow
from storage.types import Box, Image, ImageFilter, Verdict

__all__ = ["export_document", "read_coco", "write_coco"]

PROPOSAL_ID_OFFSET = 1_000_000_000  # a proposal's exported id must never meet a human box's


def export_document(
    tx: Transaction, *, include_predictions_above: float | None = None
) -> dict[str, Any]:
    """All boxes of labelled or reviewed images, as a COCO document.

    With `include_predictions_above`, proposals with at least that score come too, but not on
    reviewed images and not where a human box of the class is already. Missing files are left out.
    """
    boxes = [_human_entry(row) for row in tx.execute(_human_boxes())]
    if include_predictions_above is not None:
        boxes += _proposal_entries(tx, include_predictions_above, boxes)
    with_boxes = {entry["image_id"] for entry in boxes}
    shown = [
        image
        for image in images.list_all(tx)
        if image.id in with_boxes or image.reviewed_at is not None
    ]
    present = {image.id for image in shown}
    return {
        "info": {"description": "Object boxes by sdpt-app", "version": "1.0"},
        "licenses": [],
        "categories": [
            {"id": c.id, "name": c.name, "supercategory": ""}
            for c in sorted(categories.list_all(tx), key=lambda c: c.id)
        ],
        "images": [_image_entry(image) for image in sorted(shown, key=lambda i: i.id)],
        "annotations": [entry for entry in boxes if entry["image_id"] in present],
    }


def write_coco(path: Path, document: Mapping[str, Any]) -> None:
    """Write the document whole or not at all; the same document always gives the same bytes."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8"
        ) as file:
            try:
                file.write(_text(document))
                file.flush()
                os.fsync(file.fileno())
                os.chmod(file.name, 0o644)
                os.replace(file.name, path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise ExportError(
            f"The COCO file '{path}' cannot be written: {error.strerror}. "
            "Name a file in a folder that exists and can be written."
        ) from error


def _text(document: Mapping[str, Any]) -> str:
    """JSON with one image, class or box to the line, so that files can be compared."""
    parts = []
    for key, value in document.items():
        if isinstance(value, list) and value:
            lines = ",\n".join(_compact(entry) for entry in value)
            parts.append(f"{_compact(key)}: [\n{lines}\n]")
        else:
            parts.append(f"{_compact(key)}: {_compact(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _human_boxes() -> Any:
    row = AnnotationRow
    return select(
        row.id,
        row.image_id,
        row.category_id,
        row.x1,
        row.y1,
        row.x2,
        row.y2,
        row.origin,
        row.uid,
    ).order_by(row.id)


def _human_entry(row: Row[Any]) -> dict[str, Any]:
    attributes = {"origin": row.origin, "uid": row.uid}
    return _entry(row.id, row, attributes)


def _proposal_entries(
    tx: Transaction, min_score: float, human: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    bundle_id = projects.get(tx).prelabel_bundle_id
    if bundle_id is None:
        return []
    done = {image.id for image in images.list_all(tx, state=ImageFilter.REVIEWED)}
    taken: dict[tuple[int, int], list[Box]] = {}
    for entry in human:
        taken.setdefault((entry["image_id"], entry["category_id"]), []).append(_xyxy(entry))
    rows = tx.execute(
        select(PredictionRow)
        .with_only_columns(*PredictionRow.__table__.columns)
        .where(PredictionRow.bundle_id == bundle_id, PredictionRow.score >= min_score)
        .where(PredictionRow.verdict == Verdict.PENDING.value)
        .order_by(PredictionRow.id)
    )
    return [
        _entry(PROPOSAL_ID_OFFSET + row.id, row, {"origin": "proposed", "score": row.score})
        for row in rows
        if row.image_id not in done
        and not any(
            intersection_over_union((row.x1, row.y1, row.x2, row.y2), box) >= SAME_OBJECT_IOU
            for box in taken.get((row.image_id, row.category_id), [])
        )
    ]


def _entry(entry_id: int, row: Row[Any], attributes: dict[str, Any]) -> dict[str, Any]:
    width, height = round(row.x2 - row.x1, 3), round(row.y2 - row.y1, 3)
    return {
        "id": entry_id,
        "image_id": row.image_id,
        "category_id": row.category_id,
        "bbox": [round(row.x1, 3), round(row.y1, 3), width, height],
        "area": round(width * height, 3),
        "iscrowd": 0,
        "segmentation": [],
        "attributes": attributes,
    }


def _image_entry(image: Image) -> dict[str, Any]:
    return {
        "id": image.id,
        "file_name": image.relative_path,
        "width": image.width,
        "height": image.height,
        "reviewed": image.reviewed_at is not None,
    }


def _xyxy(entry: Mapping[str, Any]) -> Box:
    x, y, width, height = entry["bbox"]
    return (x, y, x + width, y + height)
