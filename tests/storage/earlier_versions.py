"""Databases as earlier versions made them."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

import storage.migrations


def make_at(path: Path, revision: str) -> None:
    """An empty database with the schema of that revision."""
    config = Config()
    config.set_main_option("script_location", str(Path(storage.migrations.__file__).parent))
    with create_engine(f"sqlite:///{path}").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
