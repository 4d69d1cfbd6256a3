"""Proposals that an earlier version stored know which of them is the surest of its image."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import text

from storage.database import Database
from tests.storage.earlier_versions import make_at


def test_old_proposals_know_the_surest_of_each_image_and_bundle(tmp_path: Path) -> None:
    path = tmp_path / "sdpt.sqlite"
    make_at(path, "0007")
    rows = [(1, 1, 0.4), (1, 1, 0.9), (1, 2, 0.3), (2, 1, 0.2), (2, 1, 0.2)]
    with sqlite3.connect(path) as db:
        for image, bundle, score in rows:
            db.execute(
                "INSERT INTO prediction (image_id, category_id, bundle_id, score, verdict, x1, y1, x2, y2)"
                " VALUES (?, 1, ?, ?, 'pending', 0, 0, 9, 9)",
                [image, bundle, score],
            )
    database = Database.open(path)
    with database.read() as tx:
        surest = tx.scalars(text("SELECT id FROM prediction WHERE is_surest ORDER BY id")).all()
    database.close()
    assert surest == [2, 3, 4]
