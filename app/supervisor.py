"""Keeps one worker process alive beside the server, and ends it with the server."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from contextlib import AbstractContextManager
from time import monotonic
from types import TracebackType
from typing import Self

from app.settings import Settings
from app.workspace import Workspace
from sdpt_engine.environment import CALM_CPU

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_AFTER_S = 60.0
_GRACE_S = 15.0
_LOOK_EVERY_S = 0.25


class Supervisor(AbstractContextManager["Supervisor"]):
    """While the block runs, a worker runs; one that dies is started again, ever more slowly."""

    def __init__(self, workspace: Workspace, settings: Settings) -> None:
        self._workspace, self._settings = workspace, settings
        self._is_over = threading.Event()
        self._started_at = monotonic()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    @property
    def pid(self) -> int | None:
        """The worker's process id while one runs."""
        child = self._child
        return None if child is None or child.poll() is not None else child.pid

    def __enter__(self) -> Self:
        self._child = self._start()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()
        if self._child is not None:
            _end(self._child)

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._is_over.is_set():
            assert self._child is not None
            code = self._child.poll()
            if code is None:
                if monotonic() - self._started_at > STEADY_AFTER_S:
                    pause_s = FIRST_PAUSE_S
                self._is_over.wait(_LOOK_EVERY_S)
                continue
            log.warning("the worker ended with %d; it starts again in %g s", code, pause_s)
            if self._is_over.wait(pause_s):
                return
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            self._child = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self._started_at = monotonic()
        command = [sys.executable, "-m", "app", "worker"]
        command += ["--data", str(self._workspace.data_dir)]
        command += ["--workspace", str(self._workspace.state_dir)]
        command += ["--device", self._settings.device, "--parent-pid", str(os.getpid())]
        with (self._workspace.logs_dir / "worker.log").open("ab") as log_file:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                # Busy-waiting OpenMP threads would take the page's processor time.
                env={**CALM_CPU, **os.environ},
                start_new_session=True,  # Ctrl+C is for the server, which then ends the worker
            )


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(timeout=_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
