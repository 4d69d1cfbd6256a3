"""Class work and going back in time on a large project: rows only, no pictures, every figure timed once on disk."""

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

from app.progress import OnProgress
from storage import (
    annotations,
    bundles,
    categories,
    changes,
    class_work,
    differences,
    image_history,
    images,
    machine_boxes,
    predictions,
    projects,
    restoring,
    timeline,
)
from storage.database import Database, Transaction
from storage.types import BundleKind, Category, NewPrediction, Origin

TARGET_S = 10.0  # for each at 10,000 x 10; a page of the timeline and one image at 0.1 s
TARGET_PAGE_S = 0.1
_SIZE_WH = (640, 480)
_AUTHOR = "bench"


def measure_history(
    *, num_images: int, boxes_per_image: int, on_progress: OnProgress
) -> dict[str, Any]:
    """Seconds of each operation. All boxes are of one class, so that each touches every one of them."""
    with tempfile.TemporaryDirectory(prefix="sdpt-history-") as scratch:
        database = Database.open(Path(scratch) / "sdpt.sqlite")
        first, second, bundle_id = _fill(database, num_images, boxes_per_image, on_progress)
        seconds = _timed(database, first, second, bundle_id)
        size_mb = round((Path(scratch) / "sdpt.sqlite").stat().st_size / 2**20)
        database.close()
    return {
        "images": num_images,
        "boxes": num_images * boxes_per_image,
        **{name: round(value, 3) for name, value in seconds.items()},
        "database_mb": size_mb,
        "memory_mb": round(psutil.Process().memory_info().rss / 2**20),
        "target_s": TARGET_S,
        "target_page_s": TARGET_PAGE_S,
    }


def _timed(
    database: Database, first: Category, second: Category, bundle_id: int
) -> dict[str, float]:
    who: dict[str, Any] = {"author": _AUTHOR, "at": datetime.now(UTC)}
    with database.read() as tx:
        start = changes.now(tx)
        image_id = images.list_ids(tx)[0]
    seconds: dict[str, float] = {}

    def write(name: str, action: Callable[[Transaction], object]) -> None:
        started = time.perf_counter()
        with database.write() as tx:
            action(tx)
        seconds[name] = time.perf_counter() - started

    def read(name: str, action: Callable[[Transaction], object]) -> None:
        started = time.perf_counter()
        with database.read() as tx:
            action(tx)
        seconds[name] = time.perf_counter() - started

    def last_id(tx: Transaction) -> int:
        return changes.newest(tx, limit=1)[0].id

    write("merge_s", lambda tx: class_work.merge(tx, first.name, second.name, **who))
    read("diff_s", lambda tx: differences.difference(tx, start, changes.now(tx)))
    write("restore_s", lambda tx: restoring.restore_project(tx, start, name="the start", **who))
    write("undo_s", lambda tx: restoring.undo(tx, last_id(tx), **who))
    write("remove_class_s", lambda tx: class_work.remove(tx, second.id, **who))
    write("bring_class_back_s", lambda tx: restoring.undo(tx, last_id(tx), **who))
    write(
        "clean_s",
        lambda tx: machine_boxes.remove(tx, bundle_id, with_accepted=True, **who),
    )
    write(
        "restore_image_s",
        lambda tx: restoring.restore_image(tx, image_id, start, name="it", **who),
    )
    read("timeline_page_s", timeline.entries)
    read("image_history_s", lambda tx: image_history.moments(tx, image_id))
    return seconds


def _fill(
    database: Database, num_images: int, boxes_per_image: int, on_progress: OnProgress
) -> tuple[Category, Category, int]:
    at = datetime.now(UTC)
    with database.write() as tx:
        projects.ensure(tx, "bench")
        first, second = categories.add(tx, "first"), categories.add(tx, "second")
        bundle = bundles.create(tx, name="tuned", kind=BundleKind.TUNED, at=at)
        ids = []
        for index in range(num_images):
            path = f"{index:06d}.jpg"
            image = images.add(
                tx,
                relative_path=path,
                sha256=path,
                width=_SIZE_WH[0],
                height=_SIZE_WH[1],
                size_bytes=1,
                mtime_ns=1,
                at=at,
            )
            ids.append(image.id)
            on_progress(index, 2 * num_images)
        rows = (
            {
                "uid": uuid4().hex,
                "image_id": image_id,
                "category_id": first.id,
                "origin": Origin.DRAWN,
                "box": (1.125 + number, 2.0, 20.5 + number, 30.0),
            }
            for image_id in ids
            for number in range(boxes_per_image)
        )
        annotations.create_many(tx, rows, author=_AUTHOR, at=at)
        for index, image_id in enumerate(ids):
            new = [
                NewPrediction((100.0 + n, 50.0, 130.0 + n, 90.0), first.id, 0.5)
                for n in range(boxes_per_image)
            ]
            predictions.replace_for_image(
                tx, bundle_id=bundle.id, image_id=image_id, predictions=new, at=at
            )
            on_progress(num_images + index, 2 * num_images)
    return first, second, bundle.id
