"""Labels of other tools: all of a file is taken in, or nothing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from app.workspace import Workspace
from storage import projects
from storage.coco import read_coco
from storage.fiftyone_bridge.reader import read_fiftyone
from storage.imports import import_dataset
from storage.types import ImportedDataset, ImportReport
from storage.yolo import read_yolo


def import_coco(
    workspace: Workspace, path: Path, *, as_human: bool, author: str, at: datetime
) -> ImportReport:
    """Take a COCO file in, as boxes of a person or as proposals. Raises ImportFileError."""
    return _import(workspace, read_coco(path), as_human=as_human, author=author, at=at)


def import_yolo(
    workspace: Workspace, folder: Path, *, as_human: bool, author: str, at: datetime
) -> ImportReport:
    """Take a YOLO folder in (data.yaml or classes.txt, and label files). Raises ImportFileError."""
    return _import(workspace, read_yolo(folder), as_human=as_human, author=author, at=at)


def import_fiftyone(
    workspace: Workspace,
    folder: Path,
    *,
    field: str | None = None,
    as_human: bool,
    author: str,
    at: datetime,
) -> ImportReport:
    """Take one field of boxes of a FiftyOneDataset folder in. Raises ImportFileError."""
    dataset = read_fiftyone(folder, field=field)
    return _import(workspace, dataset, as_human=as_human, author=author, at=at)


def _import(
    workspace: Workspace, dataset: ImportedDataset, *, as_human: bool, author: str, at: datetime
) -> ImportReport:
    with workspace.database.write() as tx:
        report = import_dataset(tx, dataset, as_human=as_human, author=author, at=at)
        if report.bundle_id is not None:
            projects.set_prelabel_bundle(tx, report.bundle_id)  # what Review shows from now on
    return report
