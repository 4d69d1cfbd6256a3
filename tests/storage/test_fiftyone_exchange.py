"""FiftyOneDataset folders: what goes out comes back, through our reader and through FiftyOne itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image as PillowImage

from storage import images
from storage.coco import export_document
from storage.database import Database
from storage.errors import ExportError, ImportFileError
from storage.fiftyone_bridge.exchange import write_fiftyone
from storage.fiftyone_bridge.reader import read_fiftyone
from storage.imports import import_dataset
from tests.storage.conftest import AT, Project

EMPTY = {"_cls": "Detections"}
BOX = (1.5, 2.345, 30.001, 40.0)


@pytest.fixture
def folder(project: Project, tmp_path: Path) -> Path:
    """An export of one image with a box and one that is done and empty."""
    (tmp_path / "pictures" / "a").mkdir(parents=True)
    for image in project.images:
        PillowImage.new("RGB", (100, 80)).save(tmp_path / "pictures" / image.relative_path)
    project.draw(BOX)
    with project.database.write() as tx:
        images.mark_reviewed(tx, project.images[1].id, AT)
    write_fiftyone(tmp_path / "out", document(project.database), data_root=tmp_path / "pictures")
    return tmp_path / "out"


def document(database: Database) -> dict[str, Any]:
    with database.read() as tx:
        return export_document(tx)


def taken_in_elsewhere(project: Project, folder: Path, tmp_path: Path) -> dict[str, Any]:
    """The document of a new project with the same images that imported the folder."""
    database = Database.open(tmp_path / f"{uuid4().hex}.sqlite")
    with database.write() as tx:
        for image in project.images:
            images.add(
                tx,
                relative_path=image.relative_path,
                sha256=image.sha256,
                width=image.width,
                height=image.height,
                size_bytes=1,
                mtime_ns=1,
                at=AT,
            )
        import_dataset(tx, read_fiftyone(folder), as_human=True, author="tester", at=AT)
    found = document(database)
    database.close()
    return found


def without_origin(found: dict[str, Any]) -> dict[str, Any]:
    """Boxes of a file are 'imported' where they come in; all else must be the same."""
    for entry in found["annotations"]:
        del entry["attributes"]["origin"]
    return found


def test_an_exported_folder_comes_back_without_loss(
    project: Project, folder: Path, tmp_path: Path
) -> None:
    back = taken_in_elsewhere(project, folder, tmp_path)
    assert without_origin(back) == without_origin(document(project.database))


def test_fiftyone_reads_an_export_and_its_own_export_comes_back(
    mongo: None, project: Project, folder: Path, tmp_path: Path
) -> None:
    import fiftyone as fo

    name = f"exchange-{uuid4().hex}"
    loaded = fo.Dataset.from_dir(str(folder), dataset_type=fo.types.FiftyOneDataset, name=name)
    (box,) = loaded.first().human.detections
    assert (box.label, loaded.default_classes) == ("cell", ["cell", "platelet"])
    assert Path(loaded.first().filepath).is_file()
    again = tmp_path / "again"
    loaded.export(export_dir=str(again), dataset_type=fo.types.FiftyOneDataset, progress=False)
    back = taken_in_elsewhere(project, again, tmp_path)
    assert without_origin(back) == without_origin(document(project.database))


def test_a_second_export_is_the_same_to_the_byte(
    project: Project, folder: Path, tmp_path: Path
) -> None:
    before = {path.name: path.read_bytes() for path in folder.glob("*.json")}
    write_fiftyone(folder, document(project.database), data_root=tmp_path / "pictures")
    assert {path.name: path.read_bytes() for path in folder.glob("*.json")} == before


def test_importing_an_export_here_changes_nothing(project: Project, folder: Path) -> None:
    before = document(project.database)
    with project.database.write() as tx:
        report = import_dataset(tx, read_fiftyone(folder), as_human=True, author="t", at=AT)
    assert (report.annotations, report.unchanged) == (0, 1)
    assert document(project.database) == before


def test_a_folder_of_somebody_else_is_not_replaced(project: Project, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(ExportError, match="left alone"):
        write_fiftyone(tmp_path / "mine", document(project.database), data_root=tmp_path)


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ({"filepath": 3, "human": EMPTY}, "'filepath' must be text"),
        ({"filepath": "two.jpg", "a": EMPTY, "b": EMPTY}, "--field"),
        ({"filepath": "two.jpg"}, "0 fields of boxes"),
        (
            {"filepath": "x.jpg", "human": {"_cls": "Detections", "detections": [{"label": "a"}]}},
            "'bounding_box' must be",
        ),
    ],
)
def test_a_slip_is_named_with_its_place(tmp_path: Path, sample: Any, message: str) -> None:
    (tmp_path / "samples.json").write_text(json.dumps({"samples": [sample]}))
    with pytest.raises(ImportFileError, match=message):
        read_fiftyone(tmp_path)
