"""The database server that FiftyOne needs: found, started on its own folder, and rebuilt when it must be."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.fiftyone.children import Child
from app.fiftyone.errors import FiftyOneError, MongodMissingError
from app.fiftyone.places import Places
from app.ports import free_port

log = logging.getLogger(__name__)

_START_S = 180.0
_STOP_S = 15.0

REBUILT = (
    "FiftyOne's database could not be opened by this mongod and was built anew from the project; "
    "no label is lost."
)
HOW_TO_GET_MONGOD = (
    "FiftyOne needs a MongoDB server (mongod 6 or newer), and there is none on this machine: "
    "pip install 'sdpt-app[mongod]', put mongod on PATH, or give --fiftyone-uri mongodb://HOST:PORT. "
    "Everything else works without it."
)


def find_mongod() -> Path:
    """The one that came with the extra 'mongod', else the one on PATH. Raises MongodMissingError."""
    package = importlib.util.find_spec("fiftyone")  # finds, but does not import
    for folder in (package.submodule_search_locations if package else None) or []:
        shipped = Path(folder) / "db" / "bin" / "mongod"
        if shipped.is_file() and os.access(shipped, os.X_OK):
            return shipped
    on_path = shutil.which("mongod")
    if on_path is None:
        raise MongodMissingError(HOW_TO_GET_MONGOD)
    return Path(on_path)


@dataclass(frozen=True, slots=True)
class Launched:
    """A running mongod. `is_rebuilt`: its folder could not be opened and was thrown away."""

    child: Child
    port: int
    is_rebuilt: bool


def launch(places: Places, log_path: Path) -> Launched:
    """Start mongod on its folder. Three tries: as it is, on another port, and with an empty folder.

    Raises MongodMissingError, or FiftyOneError with its last words.
    """
    binary = find_mongod()
    if end_orphan(places):
        log.warning("a mongod of an earlier, killed app was ended")
    for attempt in range(3):
        if attempt == 2:
            log.warning("%s", REBUILT)
            put_aside(places)
        port = free_port()
        child = Child(
            "mongod",
            command(binary, places, port, log_path),
            environment=os.environ,
            log_path=log_path,
            pid_path=places.pid_path,
        )
        if wait_until_up(child.start(), port):
            return Launched(child, port, is_rebuilt=attempt == 2)
    raise FiftyOneError(
        f"mongod ('{binary}') ends as soon as it is started, on an empty folder too. Its last "
        f"words: {child.last_words()}"
    )


def uri_of(port: int) -> str:
    """Acknowledged means journalled: a killed mongod must not lose an edit that the App saw saved."""
    return f"mongodb://127.0.0.1:{port}/?journal=true"


def command(binary: Path, places: Places, port: int, log_path: Path) -> list[str]:
    words = ["--dbpath", str(places.database_dir), "--port", str(port), "--bind_ip", "127.0.0.1"]
    words += ["--nounixsocket", "--wiredTigerCacheSizeGB", "0.5"]
    return [str(binary), *words, "--logpath", str(log_path), "--logappend"]


def end_orphan(places: Places) -> bool:
    """End the mongod of a server that was killed: it still holds the folder. True if there was one."""
    try:
        process = psutil.Process(int(places.pid_path.read_text(encoding="ascii")))
        is_ours = str(places.database_dir) in process.cmdline()
    except (OSError, ValueError, psutil.Error):
        return False
    if is_ours:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(_STOP_S)
    return is_ours


def wait_until_up(child: subprocess.Popen[bytes], port: int) -> bool:
    """Whether it accepts connections; False when it ended instead."""
    deadline = time.monotonic() + _START_S
    while child.poll() is None:
        if accepts(port):
            return True
        if time.monotonic() > deadline:
            raise FiftyOneError(
                f"mongod (process {child.pid}) did not answer on port {port} within {_START_S:g} s. "
                "See logs/mongod.log in the workspace."
            )
        time.sleep(0.1)
    return False


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def put_aside(places: Places) -> None:
    """Throw the folder away: it is a copy, and this mongod cannot read it."""
    shutil.rmtree(places.database_dir, ignore_errors=True)
    places.database_dir.mkdir(parents=True, exist_ok=True)
