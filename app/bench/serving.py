"""The app served for a benchmark that drives a browser, and the patience to wait for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.errors import AppError
from app.ports import free_port


@contextmanager
def served(words: Sequence[str], *, log: Path, patience_s: float) -> Iterator[str]:
    """The address of a server that runs with the command line `words` and is ended afterwards; it tells `log`.

    Raises AppError when it does not answer.
    """
    port = free_port()
    command = [sys.executable, "-m", "app", *words, "--no-browser", "--port", str(port)]
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    with log.open("ab") as told:
        server = subprocess.Popen(command, stdout=told, stderr=told, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        late = f"The server did not start. It was given {patience_s:.0f} s."
        wait_until(lambda: _answers(f"{url}/sdpt/api/classes"), late, patience_s=patience_s)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=60)


def wait_until(is_so: Callable[[], bool], late: str, *, patience_s: float) -> None:
    """Raises AppError with the words `late`."""
    deadline = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > deadline:
            raise AppError(late)
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
