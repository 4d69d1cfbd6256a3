"""The sample images in a folder of their own, for a first look that can break nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from app.classes import add_class, list_classes
from app.errors import StateDirError
from app.settings import NANO
from app.workspace import open_workspace
from storage import projects

ASSETS_DIR = Path(__file__).resolve().parents[1] / "assets"
SAMPLES_DIR = ASSETS_DIR / "samples" / "bccd"
DEMO_CLASSES = ("white blood cell", "red blood cell", "platelet")


def prepare_demo(state_parent: Path | None = None) -> Path:
    """The folder of sample images, made when it is not there yet; boxes of an earlier demo stay.

    The samples' own boxes are not imported; they lie beside the folder as train.json.
    """
    parent = state_parent or default_demo_dir()
    data_dir = parent / "images"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        for image in sorted((SAMPLES_DIR / "images").iterdir()):
            _copy_if_absent(image, data_dir / image.name)
        _copy_if_absent(SAMPLES_DIR / "train.json", parent / "train.json")
    except OSError as error:
        raise StateDirError(
            f"The demo folder '{parent}' cannot be written ({error.strerror}). "
            "Set XDG_DATA_HOME to a folder that can be."
        ) from error
    _name_classes(data_dir)
    return data_dir


def default_demo_dir() -> Path:
    """Where data of the account's programs belongs."""
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "sdpt-app" / "demo"


def _copy_if_absent(source: Path, target: Path) -> None:
    if not target.exists():
        shutil.copyfile(source, target)


def _name_classes(data_dir: Path) -> None:
    with open_workspace(data_dir) as workspace:
        with workspace.database.read() as tx:
            is_new = projects.get(tx).backbone is None
        if is_new and not list_classes(workspace):
            for name in DEMO_CLASSES:
                add_class(workspace, name)
        if is_new:
            with workspace.database.write() as tx:
                projects.set_backbone(tx, NANO, None)
