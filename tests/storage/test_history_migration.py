"""A project of an earlier version gets its history as deeds, and keeps all of it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from storage import annotations, categories, changes, restoring
from storage.database import Database
from storage.history_types import ChangeKind, Point
from tests.storage.conftest import AT
from tests.storage.earlier_versions import make_at

OLD = "0002"
NUM_BOXES = 120


def old_project(path: Path) -> None:
    """As the earlier version left it: an import, and a merge that is known by its events alone."""
    make_at(path, OLD)
    at = "2026-01-02T03:04:05.000000Z"
    with sqlite3.connect(path) as db:
        db.execute(
            "INSERT INTO image VALUES (1, 'a.jpg', 'x', 900, 900, 1, 1, 1, NULL, NULL, NULL, 0, ?)",
            [at],
        )
        db.execute("INSERT INTO category VALUES (2, 'cell', 'cell', 'cell', '#009e73', 0)")
        for i in range(NUM_BOXES):
            state = (
                f'{{"id": {i + 1}, "uid": "u{i}", "image_id": 1, "box": [{i}.0, 1.0, {i + 5}.0, 9.5], '
                '"category_id": %d, "origin": "imported", "prediction_id": null, "author": "old", '
                '"revision": 1, "created_at": "2026-01-02T03:04:05+00:00"}'
            )
            db.execute(
                "INSERT INTO annotation VALUES (?, ?, 1, 2, 'imported', NULL, 'old', 2, ?, ?, ?, 1, ?, 9.5)",
                [i + 1, f"u{i}", at, at, float(i), i + 5.0],
            )
            db.execute(
                "INSERT INTO annotation_event VALUES (?, ?, 'old', 1, ?, 'create', NULL, ?)",
                [i + 1, at, f"u{i}", state % 1],
            )
        merged_at = "2026-01-03T00:00:00.000000Z"
        db.execute(
            "INSERT INTO annotation_event SELECT id + ?, ?, author, image_id, annotation_uid, 'update', "
            "after, json_set(after, '$.category_id', 2, '$.revision', 2) FROM annotation_event",
            [NUM_BOXES, merged_at],
        )


def test_old_imports_become_deeds_that_can_be_undone(tmp_path: Path) -> None:
    old_project(tmp_path / "sdpt.sqlite")
    database = Database.open(tmp_path / "sdpt.sqlite")
    with database.write() as tx:
        (imported,) = changes.newest(tx, limit=10)
        assert (imported.kind, imported.num_boxes) == (ChangeKind.ADD, NUM_BOXES)
        restoring.restore_project(tx, Point(NUM_BOXES, 1), name="it", author="anna", at=AT)
        boxes = annotations.for_image(tx, 1)
        assert {a.category_id for a in boxes} == {1}
        assert categories.get(tx, 1).name == "class 1"  # its name was not kept then
        assert (len(boxes), boxes[0].created_at) == (NUM_BOXES, AT)
    database.close()
