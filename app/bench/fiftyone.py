"""Pushing a large project into FiftyOne: our way against FiftyOne's own `add_samples`, in the same run.

The rows are real, the image files need not be there: FiftyOne does not open them to be told of them.
"""

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

from app.fiftyone import mongod
from app.fiftyone.effort import DEFAULT_S
from app.fiftyone.places import Places, environment
from app.fiftyone.pulling import pull_edits
from app.labelling import UpdateBox, apply_edits
from app.progress import OnProgress
from app.workspace import Workspace, open_workspace
from storage import annotations, categories, images
from storage.fiftyone_bridge.bridge import Bridge
from storage.fiftyone_bridge.push import push
from storage.types import Origin

TARGET_S = 15.0
_NUM_CHANGED = 20
_SIZE_WH = (640, 480)


def measure_fiftyone(
    *, num_images: int, boxes_per_image: int, on_progress: OnProgress
) -> dict[str, Any]:
    """Seconds of a first push, of the plain way, and of what follows a change on either side."""
    with tempfile.TemporaryDirectory(prefix="sdpt-fiftyone-") as scratch:
        data = Path(scratch) / "images"
        data.mkdir()
        with closing(open_workspace(data)) as workspace:
            places = Places.of(workspace)
            places.make()
            _make_rows(workspace, num_images, boxes_per_image)
            started = mongod.launch(places, workspace.logs_dir / "mongod.log")
            # Before the first import of fiftyone, which reads them.
            os.environ.update(environment(workspace, mongod.uri_of(started.port), app_url=""))
            try:
                return _measured(workspace, on_progress)
            finally:
                started.child.end(30)


def _measured(workspace: Workspace, on_progress: OnProgress) -> dict[str, Any]:
    before = _memory_mb()
    bridge = Bridge.open("bench-fast", workspace.data_dir)
    fast_s = _push(workspace, bridge, on_progress)
    memory_mb = _memory_mb() - before
    pull_edits(workspace, bridge)
    nothing_s = _push(workspace, bridge, on_progress)
    changed_s = _timed(lambda: _change_here(workspace, bridge, on_progress))
    pulled_s = _timed(lambda: _change_there(workspace, bridge))
    plain = Bridge.open("bench-plain", workspace.data_dir, is_fast=False)
    plain_s = _push(workspace, plain, on_progress)
    with workspace.database.read() as tx:
        num_images = images.count(tx)
        num_boxes = sum(annotations.counts_by_category(tx).values())
    return {
        "images": num_images,
        "boxes": num_boxes,
        "is_fast_path": bridge.is_fast,
        "push_s": round(fast_s, 2),
        "add_samples_s": round(plain_s, 2),
        "times_faster": round(plain_s / fast_s, 1),
        "unchanged_s": round(nothing_s, 2),
        "changed_20_s": round(changed_s, 2),
        "pulled_20_s": round(pulled_s, 2),
        "memory_mb": round(memory_mb),
        "target_s": TARGET_S * num_images / 10_000,
    }


def _push(workspace: Workspace, bridge: Bridge, on_progress: OnProgress) -> float:
    return _timed(
        lambda: push(
            workspace.database, bridge, seconds_per_verdict=DEFAULT_S, on_progress=on_progress
        )
    )


def _change_here(workspace: Workspace, bridge: Bridge, on_progress: OnProgress) -> None:
    at = datetime.now(UTC)
    for image_id in range(1, _NUM_CHANGED + 1):
        with workspace.database.read() as tx:
            first = annotations.for_image(tx, image_id)[0]
        edit = UpdateBox(first.uid, box=(5.0, 5.0, 50.0, 50.0))
        apply_edits(workspace, image_id, [edit], author="bench", at=at)
    _push(workspace, bridge, on_progress)


def _change_there(workspace: Workspace, bridge: Bridge) -> None:
    for sample in bridge.dataset.limit(_NUM_CHANGED).iter_samples(autosave=True):
        sample.human.detections[0].bounding_box = [0.5, 0.5, 0.1, 0.1]
    pull_edits(workspace, bridge)


def _make_rows(workspace: Workspace, num_images: int, boxes_per_image: int) -> None:
    at = datetime.now(UTC)
    with workspace.database.write() as tx:
        category = categories.add(tx, "thing")
        ids = [
            images.add(
                tx,
                relative_path=f"{index:06d}.jpg",
                sha256=f"{index:064x}",
                width=_SIZE_WH[0],
                height=_SIZE_WH[1],
                size_bytes=1,
                mtime_ns=1,
                at=at,
            ).id
            for index in range(num_images)
        ]
        rows = (
            {
                "uid": uuid4().hex,
                "image_id": image_id,
                "category_id": category.id,
                "origin": Origin.DRAWN,
                "box": (1.0 + number, 2.0, 20.0 + number, 30.0),
            }
            for image_id in ids
            for number in range(boxes_per_image)
        )
        annotations.create_many(tx, rows, author="bench", at=at)


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _memory_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20
