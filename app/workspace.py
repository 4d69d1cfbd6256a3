"""A workspace: a folder of images that is only read, and a state folder that holds all we write."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Self

from app.errors import DataDirError, PathEscapeError, StateDirError, WorkspaceBusyError
from storage import projects
from storage.database import Database

STATE_DIR_NAME = ".sdpt"


@dataclass(frozen=True, slots=True)
class Workspace:
    """Both folders are absolute; the database is open."""

    data_dir: Path
    state_dir: Path
    database: Database

    @property
    def thumbs_dir(self) -> Path:
        return self.state_dir / "thumbs"

    @property
    def jobs_dir(self) -> Path:
        return self.state_dir / "jobs"

    @property
    def bundles_dir(self) -> Path:
        return self.state_dir / "bundles"

    @property
    def logs_dir(self) -> Path:
        return self.state_dir / "logs"

    @property
    def lock_path(self) -> Path:
        return self.state_dir / "server.lock"

    def image_path(self, relative_path: str) -> Path:
        """The file behind a registered relative path; refuses what leads outside the folder."""
        path = (self.data_dir / relative_path).resolve()
        if not path.is_relative_to(self.data_dir):
            raise PathEscapeError(
                f"Image '{relative_path}' was asked for, but it leads outside '{self.data_dir}'. "
                "Copy the file into the folder."
            )
        return path

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_workspace(data_dir: Path, state_dir: Path | None = None) -> Workspace:
    """Open (and at first make) the workspace of an image folder; state in DIR/.sdpt by default."""
    data = _existing_folder(data_dir)
    state = (state_dir or data / STATE_DIR_NAME).expanduser().absolute()
    _make_state_dir(state, is_own=state_dir is not None)
    database = Database.open(state.resolve() / "sdpt.sqlite")
    with database.write() as tx:
        projects.ensure(tx, data.name)
    return Workspace(data, state.resolve(), database)


def _existing_folder(data_dir: Path) -> Path:
    path = data_dir.expanduser()
    if not path.exists():
        raise DataDirError(
            f"The image folder '{data_dir}' does not exist. Give --data a folder that holds images."
        )
    if not path.is_dir():
        raise DataDirError(
            f"'{data_dir}' is a file, not a folder. Give --data the folder that holds the images."
        )
    if not os.access(path, os.R_OK | os.X_OK):
        raise DataDirError(f"The image folder '{data_dir}' cannot be read. Check its permissions.")
    return path.resolve()


def _make_state_dir(state: Path, *, is_own: bool) -> None:
    try:
        for name in ("thumbs", "jobs", "bundles", "logs"):
            (state / name).mkdir(parents=True, exist_ok=True)
        is_writable = os.access(state, os.W_OK | os.X_OK)
    except OSError as error:
        raise StateDirError(_unwritable(state, is_own, error.strerror or str(error))) from error
    if not is_writable:
        raise StateDirError(_unwritable(state, is_own, "no write permission"))


def _unwritable(state: Path, is_own: bool, reason: str) -> str:
    advice = "another folder" if is_own else "a folder that can be written"
    return (
        f"The state folder '{state}' cannot be written ({reason}). "
        f"Name {advice} with --workspace DIR."
    )


@dataclass(frozen=True, slots=True)
class ServerHolder:
    """Who serves a workspace at the moment."""

    pid: int
    url: str


class ServerLock:
    """At most one server per workspace; the kernel frees the lock when its process dies."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._file: TextIOWrapper | None = None

    def acquire(self, url: str) -> Self:
        """Take the lock and note who holds it; raises WorkspaceBusyError that names the holder."""
        # Append mode: a loser must not truncate what the holder wrote.
        file = self._workspace.lock_path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _read_holder(file)
            file.close()
            raise WorkspaceBusyError(_busy(self._workspace, holder)) from error
        self._file = file
        self.announce(url)
        return self

    def announce(self, url: str) -> None:
        """Write the address that the holder serves, once it is known."""
        assert self._file is not None, "announce() needs acquire() first"
        self._file.seek(0)
        self._file.truncate()
        self._file.write(json.dumps({"pid": os.getpid(), "url": url}))
        self._file.flush()

    def release(self) -> None:
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def server_holder(workspace: Workspace) -> ServerHolder | None:
    """The server that holds the workspace now, if one is alive."""
    if not workspace.lock_path.exists():
        return None
    with workspace.lock_path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read_holder(file)
    return None


def _read_holder(file: TextIOWrapper) -> ServerHolder | None:
    file.seek(0)
    try:
        document = json.loads(file.read())
        return ServerHolder(int(document["pid"]), str(document["url"]))
    except (ValueError, KeyError, TypeError):
        return None  # the holder has the lock but has not written its name yet


def _busy(workspace: Workspace, holder: ServerHolder | None) -> str:
    who = f"process {holder.pid} at {holder.url}" if holder else "another server"
    return (
        f"The workspace '{workspace.state_dir}' is already served by {who}. "
        "Open that page, stop that server, or name another --workspace."
    )
