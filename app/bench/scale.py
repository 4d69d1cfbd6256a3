"""10,000 images with ten boxes each: does the page stay quick, the export short, the server small?

The images are links to one small file, the rows are real; what is timed goes through a running server over HTTP.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
from PIL import Image as PillowImage

from app.errors import AppError
from app.exporting import export_coco
from app.ingest import ingest
from app.ports import free_port
from app.progress import OnProgress
from app.settings import choose_backbone
from app.workspace import Workspace, open_workspace
from storage import annotations, categories, images
from storage.types import Origin

SIZE_WH = (64, 48)
TARGETS = {"page_ms": 200.0, "next_image_ms": 200.0, "export_s": 10.0, "server_mb": 1536.0}
_NUM_ASKED = 60
_PATIENCE_S = 600.0


def measure_scale(
    *, num_images: int, boxes_per_image: int, on_progress: OnProgress
) -> dict[str, Any]:
    """Figures with their targets: the slowest of 20 (95th percentile) for page and next image."""
    with tempfile.TemporaryDirectory(prefix="sdpt-scale-") as scratch:
        data = Path(scratch) / "images"
        _make_images(data, num_images)
        with closing(open_workspace(data)) as workspace:
            started = time.perf_counter()
            ingest(workspace, on_progress=on_progress)
            ingest_s = time.perf_counter() - started
            choose_backbone(workspace, "nano")
            _make_boxes(workspace, boxes_per_image)
            started = time.perf_counter()
            report = export_coco(workspace, Path(scratch) / "boxes.json")
            export_s = time.perf_counter() - started
            found = _served(workspace)
    return {
        "images": report.images,
        "annotations": report.annotations,
        "ingest_s": round(ingest_s, 2),
        "export_s": round(export_s, 2),
        **found,
        "targets": TARGETS,
    }


def _make_images(data: Path, number: int) -> None:
    """Each file differs in its last bytes, so that none is taken for another that was moved."""
    data.mkdir()
    first = data / "first.jpg"
    PillowImage.new("RGB", SIZE_WH, "teal").save(first)
    content = first.read_bytes()
    first.unlink()
    for index in range(number):
        (data / f"{index // 500:03d}").mkdir(exist_ok=True)
        path = data / f"{index // 500:03d}" / f"{index:06d}.jpg"
        path.write_bytes(content + index.to_bytes(8, "big"))


def _make_boxes(workspace: Workspace, boxes_per_image: int) -> None:
    with workspace.database.write() as tx:
        category = categories.add(tx, "thing")
        rows = (
            {
                "uid": uuid4().hex,
                "image_id": image.id,
                "category_id": category.id,
                "origin": Origin.DRAWN,
                "box": (1.0 + number, 2.0, 20.0 + number, 30.0),
            }
            for image in images.list_all(tx)
            for number in range(boxes_per_image)
        )
        annotations.create_many(tx, rows, author="bench", at=datetime.now(UTC))


def _served(workspace: Workspace) -> dict[str, Any]:
    port = free_port()
    words = ["--data", str(workspace.data_dir), "--no-browser", "--no-worker", "--port", str(port)]
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    with (workspace.logs_dir / "server.log").open("ab") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "app", *words], stdout=log, stderr=log, env=environment
        )
    try:
        return _asked(f"http://127.0.0.1:{port}/sdpt", server)
    finally:
        server.terminate()
        server.wait(timeout=60)


def _asked(url: str, server: subprocess.Popen[bytes]) -> dict[str, Any]:
    deadline = time.monotonic() + _PATIENCE_S
    while not _answers(f"{url}/api/classes"):
        if time.monotonic() > deadline or server.poll() is not None:
            raise AppError("The server of the benchmark did not start. See its log.")
        time.sleep(0.3)
    ids: list[int] = _json(f"{url}/api/browse/ids")["ids"]
    chosen = ids[:: max(1, len(ids) // _NUM_ASKED)]

    def page(image_id: int) -> None:
        at = ids.index(image_id)
        wanted = ",".join(str(i) for i in ids[at : at + 50])
        _json(f"{url}/api/browse/ids?state=labelled")
        _json(f"{url}/api/browse/cards?ids={wanted}")

    def next_image(image_id: int) -> None:
        _json(f"{url}/api/images/{image_id}/document")
        _read(f"{url}/images/{image_id}")

    return {
        "page_ms": _slow_ms(page, chosen),
        "next_image_ms": _slow_ms(next_image, chosen),
        "server_mb": round(psutil.Process(server.pid).memory_info().rss / 2**20),
    }


def _slow_ms(action: Callable[[int], None], image_ids: list[int]) -> float:
    times = []
    for image_id in image_ids:
        started = time.perf_counter()
        action(image_id)
        times.append((time.perf_counter() - started) * 1000)
    return round(statistics.quantiles(times, n=20)[-1], 1)


def _answers(url: str) -> bool:
    try:
        _read(url)
    except OSError:
        return False
    return True


def _json(url: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_read(url))
    return document


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        content: bytes = answer.read()
        return content
