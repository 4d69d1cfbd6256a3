"""Bringing a database file up to the newest schema, with a copy of the old one kept beside it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from storage.errors import DatabaseUnusableError


def upgrade(engine: Engine, path: Path) -> None:
    """Migrate the database to the newest revision; one that is already there is left alone.

    Raises DatabaseUnusableError when the file was written by a newer version of the program.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    scripts = ScriptDirectory.from_config(config)
    with engine.begin() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
        if found == scripts.get_current_head():
            return
        _refuse_foreign(connection, found, {s.revision for s in scripts.walk_revisions()}, path)
        if found is not None:
            _keep_copy(path, found)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _refuse_foreign(connection: Connection, found: str | None, known: set[str], path: Path) -> None:
    if found is not None and found not in known:
        raise DatabaseUnusableError(
            f"The database '{path}' has schema '{found}', which this version of sdpt-app does not "
            f"know (newest known: '{max(known)}'). Update sdpt-app; the file was not touched."
        )
    tables = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))
    strangers = sorted(row[0] for row in tables)
    if found is None and strangers:
        raise DatabaseUnusableError(
            f"'{path}' is an SQLite file of another program (tables {strangers[:3]}). "
            "Move it away or name another folder with --workspace; it was not touched."
        )


def _keep_copy(path: Path, revision: str) -> None:
    copy = path.with_name(f"{path.stem}.before-{revision}{path.suffix}")
    source, target = sqlite3.connect(path), sqlite3.connect(copy)
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()
