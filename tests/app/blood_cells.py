"""A small real workspace: blood smears with their published boxes."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

from app.importing import import_coco
from app.ingest import ingest
from app.workspace import Workspace, open_workspace

SAMPLES = Path(__file__).parents[2] / "assets" / "samples" / "bccd"


def now() -> datetime:
    return datetime.now(UTC)


def blood_cells(folder: Path, *, num_images: int = 8, num_labelled: int = 4) -> Workspace:
    """`num_images` smears, the boxes of the first `num_labelled` imported as a person's."""
    images = folder / "images"
    images.mkdir()
    document = json.loads((SAMPLES / "train.json").read_text("utf-8"))
    for entry in document["images"][:num_images]:
        shutil.copyfile(SAMPLES / "images" / entry["file_name"], images / entry["file_name"])
    labelled = document["images"][:num_labelled]
    ids = {entry["id"] for entry in labelled}
    boxes = [entry for entry in document["annotations"] if entry["image_id"] in ids]
    labels = folder / "labels.json"
    labels.write_text(json.dumps({**document, "images": labelled, "annotations": boxes}))
    workspace = open_workspace(images)
    ingest(workspace)
    import_coco(workspace, labels, as_human=True, author="tester", at=now())
    return workspace


def human_boxes(workspace: Workspace) -> list[tuple[object, ...]]:
    """Every human box as stored, byte for byte."""
    with workspace.database.read() as tx:
        rows = tx.connection().exec_driver_sql("SELECT * FROM annotation ORDER BY id")
        return [tuple(row) for row in rows]
