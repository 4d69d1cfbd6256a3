"""A process that is kept alive: started again when it dies, ever more slowly."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_AFTER_S = 60.0
_LAST_LINES = 4


class Child:
    """One process with a log file. `look` is called every now and then by whoever keeps it.

    `pid_path` notes its id at each start, so that it can be found when the app itself was killed.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log_path: Path,
        pid_path: Path | None = None,
    ) -> None:
        self.name, self._pid_path = name, pid_path
        self._command, self._environment, self._log_path = command, environment, log_path
        self._pause_s = FIRST_PAUSE_S
        self._started_at = self._died_at = 0.0
        self.num_starts = 0
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        is_there = self.process is not None and self.process.poll() is None
        return self.process.pid if is_there and self.process is not None else None

    def start(self) -> subprocess.Popen[bytes]:
        self._started_at, self._died_at = monotonic(), 0.0
        self.num_starts += 1
        with self._log_path.open("ab") as log_file:
            self.process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                env=dict(self._environment),
                start_new_session=True,  # Ctrl+C is for the app, which then ends its children in order
            )
        if self._pid_path is not None:
            self._pid_path.write_text(str(self.process.pid), encoding="ascii")
        return self.process

    def look(self) -> bool:
        """Start it again if it died and its pause is over. True when it was started again."""
        if self.process is None or self.process.poll() is None:
            if monotonic() - self._started_at > STEADY_AFTER_S:
                self._pause_s = FIRST_PAUSE_S
            return False
        if not self._died_at:
            self._died_at = monotonic()
            code = self.process.returncode
            log.warning("%s ended with %d; it starts again in %g s", self.name, code, self._pause_s)
        if monotonic() - self._died_at < self._pause_s:
            return False
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        self.start()
        return True

    def last_words(self) -> str:
        """The end of its log, for a person who wants to know why."""
        lines = self._log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        return " / ".join(line[:300] for line in lines[-_LAST_LINES:]) or "none"

    def end(self, grace_s: float) -> None:
        """Ask it to end, and insist after `grace_s`."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=grace_s)
        except subprocess.TimeoutExpired:
            log.warning("%s did not end within %g s and was killed", self.name, grace_s)
            self.process.kill()
            self.process.wait()


def low_priority(environment: Mapping[str, str]) -> dict[str, str]:
    """One thread each: FiftyOne's processes must not take the page's or the worker's time."""
    return {**environment, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
