"""The mirror process: keeps FiftyOne's copy and the project alike, in both directions, until it is ended."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import process_time

from app.errors import NotReadyError
from app.fiftyone.asking import ask
from app.fiftyone.brain_jobs import run_waiting_brain_job
from app.fiftyone.checking import checkable, read_checks
from app.fiftyone.effort import seconds_per_verdict
from app.fiftyone.naming import dataset_of
from app.fiftyone.places import Places
from app.fiftyone.pulling import PullReport, pull_edits
from app.heartbeat import StopReason, StopSignal
from app.liveness import is_running
from app.workspace import Workspace
from storage import bundles, images, projects
from storage.fiftyone_bridge.bridge import Bridge
from storage.fiftyone_bridge.push import push
from storage.types import ImageFilter

log = logging.getLogger(__name__)

_EVERY_S = 2.0
_SHARE = 0.1  # of one processor at the most, however large the project is
_AT_LATEST_S = 15.0
_MOST_REFUSED = 20


@dataclass(slots=True)
class MirrorStatus:
    """What the app shows of the mirror; written whole after each step."""

    has_pushed: bool = False
    sentence: str = ""
    done: int = 0
    total: int = 0
    images: int = 0
    edits: int = 0
    conflicts: int = 0
    refused: list[str] = field(default_factory=list)
    at: str = ""


class Mirror:
    """Pull, then push, then what Brain was asked for; over and over."""

    def __init__(self, workspace: Workspace, stop: StopSignal) -> None:
        self._workspace, self._stop = workspace, stop
        self._places = Places.of(workspace)
        self._status = MirrorStatus()
        self._measured: set[int] = set()
        self._seen_database: tuple[tuple[int, int], ...] = ()
        self._bridge = Bridge.open(dataset_of(workspace), workspace.data_dir)

    def run(self, parent_pid: int | None) -> None:
        """Until `stop` is set or the app is gone; what was edited last is pulled before the end."""
        from pymongo.errors import PyMongoError

        while not self._stop.is_set():
            started = process_time()
            try:
                self.step()
            except PyMongoError as error:  # the database is being started again
                log.warning("FiftyOne's database does not answer: %s", str(error)[:200])
            if parent_pid is not None and not is_running(parent_pid):
                self._stop.set(StopReason.TERMINATED)
            self._stop.wait(min(max(_EVERY_S, (process_time() - started) / _SHARE), _AT_LATEST_S))
        try:
            self._pull()
        except PyMongoError as error:
            log.warning("the last edits could not be read: %s", str(error)[:200])

    def step(self) -> None:
        """One look in each direction."""
        if self._bridge.repair_counts():
            log.info("FiftyOne's database had been killed; its count of samples is right again")
        self._pull()
        self._push()
        self._measure_new_bundles()
        run_waiting_brain_job(self._workspace, self._bridge, self._stop)

    def _measure_new_bundles(self) -> None:
        """Ask for the plots of a bundle once, as soon as it is there and people have drawn boxes."""
        with self._workspace.database.read() as tx:
            known = checkable(bundles.list_all(tx), projects.get(tx).backbone_digest)
            is_labelled = images.count(tx, ImageFilter.LABELLED) > 0
        wanted = {bundle.id for bundle in known}
        if not is_labelled or wanted <= self._measured:
            return
        self._measured |= wanted
        if wanted <= {check.bundle_id for check in read_checks(self._workspace)}:
            return
        try:
            ask(self._workspace, "evaluation", datetime.now(UTC))
        except NotReadyError:  # a person was faster
            return

    def _pull(self) -> None:
        report: PullReport = pull_edits(self._workspace, self._bridge)
        self._status.edits += report.num_edits
        self._status.conflicts += report.conflicts
        self._status.refused = [*self._status.refused, *report.refused][-_MOST_REFUSED:]
        if report.images:
            log.info("pulled %d edits, %d conflicts", report.num_edits, report.conflicts)

    def _push(self) -> None:
        """Nothing is computed while no byte of the project's database has changed."""
        before = self._look_at_database()
        if self._status.has_pushed and before == self._seen_database:
            self._status.images = self._bridge.dataset.count()
            self._tell("")
            return
        report = push(
            self._workspace.database,
            self._bridge,
            seconds_per_verdict=seconds_per_verdict(self._workspace),
            on_progress=self._on_progress,
        )
        if not report.is_empty:
            log.info("pushed: %s", report)
        if not report.postponed:
            self._seen_database = before
        self._status.has_pushed = True
        self._status.images = self._bridge.dataset.count()
        self._tell("")

    def _on_progress(self, done: int, total: int) -> None:
        self._status.done, self._status.total = done, total
        self._tell(f"Copying images to FiftyOne: {done:,} of {total:,}.")

    def _look_at_database(self) -> tuple[tuple[int, int], ...]:
        path = self._workspace.database.path
        return tuple(_stamp(Path(f"{path}{ending}")) for ending in ("", "-wal"))

    def _tell(self, sentence: str) -> None:
        self._status.sentence, self._status.at = sentence, datetime.now(UTC).isoformat()
        unfinished = self._places.status_path.with_suffix(".part")
        unfinished.write_text(json.dumps(asdict(self._status)), encoding="utf-8")
        os.replace(unfinished, self._places.status_path)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)
