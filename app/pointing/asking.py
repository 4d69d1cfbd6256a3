"""The server's side: a child that is started at the first click and answers one question at a time."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from contextlib import suppress

from app.errors import AppError
from app.pointing.child import written
from app.pointing.question import Question
from app.workspace import Workspace
from sdpt_engine.environment import CALM_CPU
from storage.types import Box

log = logging.getLogger(__name__)
_GRACE_S = 3.0


class PointingError(AppError):
    """No box was found for a click, for a reason that the text says."""


class PointingProcess:
    """An `Ask` that works in another process, which ends with this one: its input closes then."""

    def __init__(self, workspace: Workspace) -> None:
        self._log_path = workspace.logs_dir / "pointing.log"
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._is_over = False

    def __call__(self, question: Question) -> Box:
        """Raises PointingError."""
        with self._lock:
            if self._is_over:
                raise PointingError("The app is being closed; draw the box in the next session.")
            reply = self._reply(written(question)) or self._reply(written(question))
        if not reply:
            raise PointingError(
                "The process that answers clicks ended twice. Draw the box; "
                f"'{self._log_path}' says what happened."
            )
        document = json.loads(reply)
        if "error" in document:
            raise PointingError(document["error"])
        x1, y1, x2, y2 = document["box"]
        return x1, y1, x2, y2

    def warm_up(self) -> None:
        """Start the child if none runs, without waiting for it."""
        if self._lock.acquire(blocking=False):  # else it is at work
            try:
                if not self._is_over and self.pid is None:
                    self._child = self._start()
            finally:
                self._lock.release()

    def close(self) -> None:
        """End the child, once it has answered."""
        with self._lock:
            self._is_over = True
            if self._child is not None:
                self._end(self._child)

    @property
    def pid(self) -> int | None:
        """The child's process id while one runs."""
        child = self._child
        return None if child is None or child.poll() is not None else child.pid

    def _reply(self, line: str) -> str:
        """A line of the child, started if need be; "" when it died over the question."""
        if self._child is None or self._child.poll() is not None:
            self._child = self._start()
        question, answer = self._child.stdin, self._child.stdout
        assert question is not None, "a pipe, see _start"
        assert answer is not None, "a pipe, see _start"
        try:
            question.write(line + "\n")
            question.flush()
            reply = answer.readline()
        except OSError as error:  # the pipe of a child that died
            log.warning("the process that answers clicks is gone: %s", error)
            reply = ""
        if not reply:
            self._end(self._child)
        return reply

    def _start(self) -> subprocess.Popen[str]:
        with self._log_path.open("ab") as log_file:
            return subprocess.Popen(
                [sys.executable, "-m", "app.pointing.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log_file,
                text=True,
                encoding="utf-8",
                env={**CALM_CPU, **os.environ},
                start_new_session=True,  # Ctrl+C is for the server, which then ends it
            )

    @staticmethod
    def _end(child: subprocess.Popen[str]) -> None:
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # of a question that a dead child never read
                    pipe.close()
        try:
            child.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
