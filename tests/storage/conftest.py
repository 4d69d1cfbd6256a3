"""A real database with two images and two classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from storage import annotations, categories, images, projects
from storage.database import Database, Transaction
from storage.types import Annotation, Box, Category, Image, Origin

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Project:
    database: Database
    images: tuple[Image, ...]
    cell: Category
    platelet: Category

    def draw(self, box: Box = (1.0, 2.0, 30.0, 40.0), *, place: int = 0) -> Annotation:
        with self.database.write() as tx:
            return annotations.create(
                tx,
                uid=uuid4().hex,
                image_id=self.images[place].id,
                box=box,
                category_id=self.cell.id,
                origin=Origin.DRAWN,
                author="tester",
                at=AT,
            )


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    database = Database.open(tmp_path / "sdpt.sqlite")
    with database.write() as tx:
        projects.ensure(tx, "smears")
        found = tuple(_add(tx, path) for path in ("a/one.jpg", "two.jpg"))
        made = Project(database, found, categories.add(tx, "cell"), categories.add(tx, "platelet"))
    yield made
    database.close()


def _add(tx: Transaction, path: str) -> Image:
    return images.add(
        tx,
        relative_path=path,
        sha256=path,
        width=100,
        height=80,
        size_bytes=10,
        mtime_ns=1,
        at=AT,
    )
