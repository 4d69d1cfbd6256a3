"""FiftyOne as a part of the running app: off until somebody opens it, then kept alive until the end."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from time import monotonic
from types import TracebackType
from typing import Any, Self

from app.errors import AppError
from app.fiftyone import mongod
from app.fiftyone.children import Child, low_priority
from app.fiftyone.errors import FiftyOneError
from app.fiftyone.naming import dataset_of
from app.fiftyone.places import Places, environment
from app.ports import free_port
from app.workspace import Workspace

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.25
_START_S = 600.0  # a busy machine takes its time
_MOST_STARTS = 4  # while FiftyOne opens; later a dead part is started again for ever
_GRACE_S = {"mirror": 20.0, "front": 5.0, "mongod": 10.0}


class Phase(StrEnum):
    OFF = "off"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Status:
    """`sentence` is for a person; `url` opens the dataset once the phase is ready."""

    phase: Phase = Phase.OFF
    sentence: str = "FiftyOne is not open."
    url: str | None = None
    note: str | None = None


class FiftyOneService:
    """The processes of FiftyOne. `start` returns at once; `status` says how far it is."""

    def __init__(self, workspace: Workspace, *, app_url: str, uri: str | None = None) -> None:
        self._workspace, self._app_url, self._uri = workspace, app_url, uri
        self._places = Places.of(workspace)
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._status = Status()
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def status(self) -> Status:
        return self._status

    @property
    def mirror(self) -> dict[str, Any]:
        """What the mirror last said of itself; empty before it has said anything."""
        try:
            document: dict[str, Any] = json.loads(self._places.status_path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return document

    def pids(self) -> dict[str, int | None]:
        return {child.name: child.pid for child in self._children}

    def start(self) -> Status:
        """Open FiftyOne unless it is open. Raises MongodMissingError; other failures are in `status`."""
        with self._lock:
            if self._status.phase not in (Phase.STARTING, Phase.READY):
                if self._uri is None:
                    mongod.find_mongod()
                self._is_over.clear()
                self._status = Status(Phase.STARTING, "FiftyOne is starting: database.")
                self._thread = threading.Thread(target=self._run, name="fiftyone", daemon=True)
                self._thread.start()
        return self._status

    def fail(self, error: FiftyOneError) -> None:
        """Let whoever asks hear why it is not there."""
        self._status = Status(Phase.FAILED, str(error))

    def stop(self) -> None:
        """End everything in order: the last edits are pulled before the database goes."""
        with self._lock:
            self._is_over.set()
            if self._thread is not None:
                self._thread.join()
                self._thread = None

    def _run(self) -> None:
        try:
            self._open()
            while not self._is_over.wait(_LOOK_EVERY_S):
                for child in self._children:
                    child.look()
        except (AppError, OSError) as error:
            if not self._is_over.is_set():
                log.warning("%s", error)
                self._status = Status(Phase.FAILED, str(error))
        finally:
            self._close()

    def _open(self) -> None:
        self._places.make()
        self._places.status_path.unlink(missing_ok=True)
        uri = self._uri or self._start_mongod()
        port = free_port()
        variables = low_priority(environment(self._workspace, uri, app_url=self._app_url))
        for name, words in (("front", ["--port", str(port)]), ("mirror", [])):
            command = [sys.executable, "-m", "app", f"fiftyone-{name}", *words]
            command += ["--data", str(self._workspace.data_dir)]
            command += ["--workspace", str(self._workspace.state_dir)]
            self._launch(name, [*command, "--parent-pid", str(os.getpid())], variables)
        self._say("FiftyOne is starting: server.")
        self._wait_for(lambda: _answers(f"http://127.0.0.1:{port}/fiftyone"), "its server")
        self._say("FiftyOne is starting: images.")
        self._wait_for(lambda: bool(self.mirror.get("has_pushed")), "its copy of the images")
        url = f"http://127.0.0.1:{port}/datasets/{dataset_of(self._workspace)}"
        ready = replace(self._status, phase=Phase.READY, sentence="FiftyOne is open.", url=url)
        self._status = ready

    def _start_mongod(self) -> str:
        started = mongod.launch(self._places, self._workspace.logs_dir / "mongod.log")
        self._children.append(started.child)
        if started.is_rebuilt:
            self._status = replace(self._status, note=mongod.REBUILT)
        return mongod.uri_of(started.port)

    def _launch(self, name: str, command: list[str], variables: dict[str, str]) -> None:
        log_path = self._workspace.logs_dir / f"fiftyone-{name}.log"
        child = Child(name, command, environment=variables, log_path=log_path)
        child.start()
        self._children.append(child)

    def _say(self, sentence: str) -> None:
        self._status = replace(self._status, sentence=sentence)

    def _wait_for(self, is_there: Callable[[], bool], what: str) -> None:
        started = monotonic()
        while not is_there():
            if self._is_over.wait(_LOOK_EVERY_S):
                raise FiftyOneError("FiftyOne was closed while it was starting.")
            for child in self._children:
                child.look()
                self._require_life(child)
            has_progress = bool(self.mirror)
            if monotonic() - started > _START_S and not has_progress:
                raise FiftyOneError(
                    f"FiftyOne did not come up: {what} is not there after {_START_S:g} s. "
                    f"See the logs in '{self._workspace.logs_dir}'."
                )

    def _require_life(self, child: Child) -> None:
        if child.num_starts > _MOST_STARTS:
            raise FiftyOneError(
                f"FiftyOne did not come up: its part '{child.name}' ended {_MOST_STARTS} times. Its "
                f"last words: {child.last_words()}"
            )

    def _close(self) -> None:
        for child in sorted(self._children, key=lambda c: list(_GRACE_S).index(c.name)):
            child.end(_GRACE_S[child.name])
        self._children = []
        self._places.pid_path.unlink(missing_ok=True)
        if self._status.phase is not Phase.FAILED:
            self._status = Status()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
