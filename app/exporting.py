"""Boxes out, as COCO, YOLO or FiftyOne: the boxes that a person stands behind, and proposals only on demand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import OutputError
from app.workspace import Workspace
from storage import images
from storage.coco import export_document, write_coco
from storage.fiftyone_bridge.exchange import write_fiftyone
from storage.yolo import write_yolo


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written; `path` is absolute."""

    path: Path
    images: int
    annotations: int


def export_coco(
    workspace: Workspace, path: Path, *, accept_above: float | None = None
) -> ExportReport:
    """Write one COCO file. A second export of the same labels is the same to the byte.

    With `accept_above`, pending proposals with at least that score are written too, though not stored.
    """
    target = _output_path(workspace, path)
    if target.is_dir():
        raise OutputError(
            f"'{path}' is a folder. Name the file to write, such as {path}/coco.json."
        )
    document = _document(workspace, accept_above)
    write_coco(target, document)
    return ExportReport(target, len(document["images"]), len(document["annotations"]))


def export_yolo(
    workspace: Workspace, folder: Path, *, accept_above: float | None = None
) -> ExportReport:
    """Write a YOLO folder whose images are links to the originals."""
    target = _output_path(workspace, folder)
    document = _document(workspace, accept_above)
    report = write_yolo(target, document, data_root=workspace.data_dir)
    return ExportReport(target, report.images, report.annotations)


def export_fiftyone(
    workspace: Workspace, folder: Path, *, accept_above: float | None = None
) -> ExportReport:
    """Write a FiftyOneDataset folder whose images are links; proposals are a field of their own."""
    target = _output_path(workspace, folder)
    document = _document(workspace, accept_above)
    write_fiftyone(target, document, data_root=workspace.data_dir)
    return ExportReport(target, len(document["images"]), len(document["annotations"]))


def _document(workspace: Workspace, accept_above: float | None) -> dict[str, Any]:
    with workspace.database.read() as tx:
        return export_document(tx, include_predictions_above=accept_above)


def _output_path(workspace: Workspace, path: Path) -> Path:
    target = path.expanduser().absolute()
    if target.resolve() == workspace.database.path:
        raise OutputError(f"'{path}' is the workspace's own database. Name another file.")
    if _is_registered(workspace, target.resolve()):
        raise OutputError(f"'{path}' is one of the images, which are never written. Name another.")
    if target.is_relative_to(workspace.state_dir):
        target.parent.mkdir(parents=True, exist_ok=True)  # elsewhere a new folder may be a slip
    return target


def _is_registered(workspace: Workspace, target: Path) -> bool:
    if not target.is_relative_to(workspace.data_dir):
        return False
    with workspace.database.read() as tx:
        relative = target.relative_to(workspace.data_dir).as_posix()
        return images.by_path(tx, relative) is not None
