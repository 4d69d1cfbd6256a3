"""One SQLite file and the three doors to it: read, write, and the narrower one for jobs.

Transactions of `write` begin IMMEDIATE: two writers queue up instead of one of them failing half-way when it
upgrades its lock. A job's door refuses every statement that would touch what a person made.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, exc
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from storage.errors import DatabaseUnusableError, ProtectedError
from storage.migrations.upgrade import upgrade

Transaction = Session

_BUSY_TIMEOUT_S = 30.0
_PEOPLE_S_TABLES = frozenset(
    {
        "annotation",
        "annotation_event",
        "audit",
        "audit_image",
        "category",
        "change",
        "changed_row",
        "class_threshold",
        "conflict",
        "effort",
        "image_note",
        "review_setting",
        "surest_threshold",
    }
)
_PEOPLE_S_COLUMNS = frozenset({"reviewed_at", "skipped_at", "is_flagged"})
_WRITES = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
_SCHEMA_CHANGES = frozenset(
    {
        sqlite3.SQLITE_DROP_TABLE,
        sqlite3.SQLITE_ALTER_TABLE,
        sqlite3.SQLITE_CREATE_TRIGGER,
        sqlite3.SQLITE_DROP_TRIGGER,
        sqlite3.SQLITE_ATTACH,
    }
)


def _jobs_may(action: int, first: str | None, second: str | None, *_: object) -> int:
    """SQLite asks this for each thing that a statement of a job would do."""
    touches_people = action in _WRITES and (
        first in _PEOPLE_S_TABLES
        or (first == "image" and action == sqlite3.SQLITE_DELETE)
        or (first == "image" and second in _PEOPLE_S_COLUMNS)
    )
    return sqlite3.SQLITE_DENY if touches_people or action in _SCHEMA_CHANGES else sqlite3.SQLITE_OK


@dataclass(frozen=True, slots=True)
class Database:
    """An opened database file. Safe to share between threads: each transaction has its connection."""

    path: Path
    _engine: Engine
    _job_engine: Engine

    @staticmethod
    def open(path: Path) -> Database:
        """Create or open the file at `path` and bring its schema up to date.

        Raises DatabaseUnusableError if it is no SQLite file, of a newer version, or not writable.
        """
        with _as_unusable(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            engine = _engine(path, begin="BEGIN IMMEDIATE")
            upgrade(engine, path)
            job_engine = _engine(path, begin="BEGIN IMMEDIATE", is_for_jobs=True)
            return Database(path, engine, job_engine)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A snapshot that does not wait for writers; what is written through it is thrown away."""
        with Session(self._engine.execution_options(begin="BEGIN")) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that is committed whole at the end of the block, or not at all."""
        with Session(self._engine) as session, session.begin():
            yield session

    @contextmanager
    def job_write(self) -> Iterator[Transaction]:
        """Like `write`, for jobs: raises ProtectedError when a statement touches human labels."""
        try:
            with Session(self._job_engine) as session, session.begin():
                yield session
        except exc.DatabaseError as error:
            if "not authorized" in str(error) or "prohibited" in str(error):
                raise ProtectedError(
                    f"A job tried to change what people made ({error.statement!r}); "
                    "nothing was written. Report this as a bug."
                ) from error
            raise

    def close(self) -> None:
        self._engine.dispose()
        self._job_engine.dispose()


def _engine(path: Path, *, begin: str, is_for_jobs: bool = False) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=32,
        connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        connection.execute("PRAGMA journal_mode=WAL")
        # FULL: an acknowledged box must survive a power cut, not only a killed process.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA temp_store=MEMORY")
        if is_for_jobs:
            connection.set_authorizer(_jobs_may)

    @event.listens_for(engine, "begin")
    def say_begin(connection: Any) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", begin))

    return engine


@contextmanager
def _as_unusable(path: Path) -> Iterator[None]:
    try:
        yield
    except (exc.DatabaseError, sqlite3.DatabaseError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error)
        raise DatabaseUnusableError(
            f"The database '{path}' cannot be opened: {reason}. It was left as it is; restore a "
            "copy of it, fix its permissions, or name another folder with --workspace."
        ) from error
