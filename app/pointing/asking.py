"""The server's side: a child that is started when it is first needed and answers one question at a time."""

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
from app.pointing.question import Guesses, Question
from app.workspace import Workspace
from sdpt_engine.environment import CALM_CPU

log = logging.getLogger(__name__)
_GRACE_S = 3.0
_LONGEST_S = 30.0  # to start and to answer, beside a tuning that takes all cores


class PointingError(AppError):
    """No box was found for a click, for a reason that the text says."""


class NoAnswerError(PointingError):
    """Nobody could say: the next time may be another matter."""


class PointingProcess:
    """An `Ask` that works in another process, which ends with this one: its input closes then."""

    def __init__(self, workspace: Workspace) -> None:
        self._log_path = workspace.logs_dir / "pointing.log"
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._is_over = False

    def __call__(self, question: Question) -> Guesses:
        """Raises PointingError."""
        with self._lock:
            reply = self._reply(written(question)) or self._reply(written(question))
        try:
            document = json.loads(reply)
        except json.JSONDecodeError as error:  # "", or half a line: it died over it
            raise NoAnswerError(
                "The process that answers clicks ended, or took too long. Draw the box; "
                f"'{self._log_path}' says what happened."
            ) from error
        if "error" in document:
            raise PointingError(document["error"])
        return tuple((x1, y1, x2, y2) for x1, y1, x2, y2 in document["boxes"])

    def warm_up(self) -> None:
        """Start the child if none runs, without waiting for it."""
        if self._lock.acquire(blocking=False):  # else it is at work
            try:
                self._running()
            finally:
                self._lock.release()

    def close(self) -> None:
        """End the child, whatever it is at: it holds nothing."""
        self._is_over = True
        if self._child is not None:
            self._child.kill()
        with self._lock:
            if self._child is not None:
                self._end(self._child)

    @property
    def pid(self) -> int | None:
        """The child's process id while one runs."""
        child = self._child
        return None if child is None or child.poll() is not None else child.pid

    def _reply(self, line: str) -> str:
        """A line of the child, started if need be; "" when it died over the question."""
        child = self._running()
        question, answer = child.stdin, child.stdout
        assert question is not None, "a pipe, see _start"
        assert answer is not None, "a pipe, see _start"
        too_long = threading.Timer(_LONGEST_S, child.kill)
        too_long.start()
        try:
            question.write(line + "\n")
            question.flush()
            reply = answer.readline()
        except OSError as error:  # the pipe of a child that died
            log.warning("the process that answers clicks is gone: %s", error)
            reply = ""
        finally:
            too_long.cancel()
        if not reply:
            self._end(child)
        return reply

    def _running(self) -> subprocess.Popen[str]:
        if self._is_over:
            raise NoAnswerError("The app is being closed: no box was made.")
        if self._child is None or self._child.poll() is not None:
            self._child = self._start()
        return self._child

    def _start(self) -> subprocess.Popen[str]:
        try:
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
        except OSError as error:
            raise NoAnswerError(
                f"The process that answers clicks cannot be started: {error}. Draw the box."
            ) from error

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
