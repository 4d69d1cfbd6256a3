"""kill -9 of server, worker and both at random moments of the main job: what is lost, stuck or doubled?

A person draws boxes over HTTP all the while; tuning and pre-labelling run in turns. What counts as drawn is
what the server has acknowledged.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from app.bench.serving import wait_until
from app.demo import SAMPLES_DIR
from app.importing import import_coco
from app.inference import PredictRequest, enqueue_predict
from app.ingest import ingest
from app.liveness import live_workers
from app.ports import free_port
from app.progress import OnProgress
from app.routes.identity import workspace_key
from app.security import CUSTOM_HEADER
from app.settings import choose_backbone
from app.tuning import TuneRequest, enqueue_tune
from app.workspace import Workspace, open_workspace
from storage import images, jobs
from storage.types import ImageFilter

VICTIMS = ("server", "worker", "both")
_PATIENCE_S = 300.0
_NUM_LABELLED = 6


@dataclass(slots=True)
class _Person:
    """Draws a box every moment and remembers what the server said that it has."""

    workspace: Workspace
    url: str
    rng: random.Random
    acknowledged: set[str] = field(default_factory=set)
    num_unanswered: int = 0
    is_over: threading.Event = field(default_factory=threading.Event)

    def draw_on(self, image_ids: list[int], category_id: int) -> None:
        while not self.is_over.wait(0.1):
            uid, corner = uuid4().hex, [self.rng.uniform(0, 50) for _ in range(2)]
            box = [*corner, corner[0] + 20.0, corner[1] + 20.0]
            edit = {"op": "create", "uid": uid, "box": box, "category_id": category_id}
            try:
                self._send(self.rng.choice(image_ids), edit)
            except (OSError, urllib.error.URLError):
                self.num_unanswered += 1
            else:
                self.acknowledged.add(uid)

    def _send(self, image_id: int, edit: dict[str, Any]) -> None:
        request = urllib.request.Request(
            f"{self.url}/sdpt/api/images/{image_id}/edits",
            data=json.dumps({"edits": [edit]}).encode(),
            headers={
                "content-type": "application/json",
                CUSTOM_HEADER: "bench",
                "x-sdpt-workspace": workspace_key(self.workspace),
            },
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()


def measure_kills(*, num_kills: int, seed: int, on_progress: OnProgress) -> dict[str, Any]:
    """Kill `num_kills` times, let the jobs end, and count the damage."""
    rng = random.Random(seed)
    with (
        tempfile.TemporaryDirectory(prefix="sdpt-kills-") as scratch,
        _prepared(Path(scratch)) as workspace,
    ):
        return _Trial(workspace, rng).run(num_kills, on_progress)


class _Trial:
    def __init__(self, workspace: Workspace, rng: random.Random) -> None:
        self.workspace, self.rng = workspace, rng
        self.port = free_port()
        self.server = self._start()
        self.person = _Person(workspace, f"http://127.0.0.1:{self.port}", rng)
        self.kills: Counter[str] = Counter()

    def run(self, num_kills: int, on_progress: OnProgress) -> dict[str, Any]:
        with self.workspace.database.read() as tx:
            drawn_on = images.list_ids(tx, state=ImageFilter.UNLABELLED)
        drawing = threading.Thread(target=self.person.draw_on, args=(drawn_on, 1), daemon=True)
        drawing.start()
        try:
            for number in range(num_kills):
                # A worker must be there first, or most kills would meet a server that only starts.
                _wait_until(lambda: bool(live_workers(self.workspace)), "a worker")
                self._give_work()
                time.sleep(self.rng.uniform(0.2, 8.0))
                self._kill(self.rng.choice(VICTIMS))
                on_progress(number + 1, num_kills)
            self.person.is_over.set()
            drawing.join()
            self._give_work()
            _wait_until(lambda: not self._active(), "the jobs to end")
            return self._damage()
        finally:
            self.person.is_over.set()
            self.server.terminate()
            self.server.wait(timeout=60)

    def _start(self) -> subprocess.Popen[bytes]:
        words = ["--data", str(self.workspace.data_dir), "--backbone", "nano", "--no-browser"]
        command = [sys.executable, "-m", "app", *words, "--port", str(self.port)]
        with (self.workspace.logs_dir / "server.log").open("ab") as log:
            started = subprocess.Popen(command, stdout=log, stderr=log)
        return started

    def _give_work(self) -> None:
        if self._active():
            return
        at = datetime.now(UTC)
        if self.rng.random() < 0.5:
            enqueue_tune(self.workspace, TuneRequest(steps=10), at)
        else:
            enqueue_predict(self.workspace, PredictRequest(bundle="zero-shot"), at)

    def _active(self) -> int:
        with self.workspace.database.read() as tx:
            return len(jobs.active(tx))

    def _kill(self, victim: str) -> None:
        workers = [presence.pid for presence in live_workers(self.workspace)]
        if victim in ("server", "both"):
            self.server.kill()
            self.server.wait()
            self.server = self._start()
        if victim in ("worker", "both"):
            for pid in workers:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.kills[victim] += 1

    def _damage(self) -> dict[str, Any]:
        with self.workspace.database.read() as tx:
            connection = tx.connection()
            stored = set(connection.exec_driver_sql("SELECT uid FROM annotation").scalars())
            doubled = connection.exec_driver_sql(
                "SELECT count(*) FROM (SELECT 1 FROM prediction GROUP BY image_id, bundle_id,"
                " category_id, x1, y1, x2, y2 HAVING count(*) > 1)"
            ).scalar()
            done = jobs.recent(tx, limit=1_000)
        return {
            "kills": dict(self.kills),
            "boxes_acknowledged": len(self.person.acknowledged),
            "boxes_lost": len(self.person.acknowledged - stored),
            "requests_unanswered": self.person.num_unanswered,
            "jobs": dict(Counter(job.status.value for job in done)),
            "attempts": sum(job.attempt for job in done),
            "jobs_stuck": sum(1 for job in done if not job.status.is_finished),
            "errors": [job.error_text for job in done if job.error_text],
            "duplicate_predictions": doubled,
        }


def _prepared(folder: Path) -> Workspace:
    data = folder / "images"
    shutil.copytree(SAMPLES_DIR / "images", data)
    document = json.loads((SAMPLES_DIR / "train.json").read_text("utf-8"))
    chosen = document["images"][:_NUM_LABELLED]
    ids = {image["id"] for image in chosen}
    boxes = [a for a in document["annotations"] if a["image_id"] in ids]
    labels = folder / "labels.json"
    labels.write_text(json.dumps({**document, "images": chosen, "annotations": boxes}))
    workspace = open_workspace(data)
    ingest(workspace)
    import_coco(workspace, labels, as_human=True, author="bench", at=datetime.now(UTC))
    choose_backbone(workspace, "nano")
    return workspace


def _wait_until(is_so: Callable[[], bool], what: str) -> None:
    late = f"Waited {_PATIENCE_S:g} s for {what}, in vain. See the logs."
    wait_until(is_so, late, patience_s=_PATIENCE_S)
