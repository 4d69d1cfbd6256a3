"""COCO and YOLO, out and in again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import supervision
from PIL import Image as PillowImage
from pycocotools.coco import COCO

from storage import annotations, images
from storage.coco import export_document, read_coco, write_coco
from storage.errors import ImportFileError
from storage.imports import import_dataset
from storage.yolo import read_yolo, write_yolo
from tests.storage.conftest import AT, Project

Document = dict[str, Any]


def exported(project: Project) -> Document:
    with project.database.read() as tx:
        return export_document(tx)


def import_file(project: Project, path: Path) -> None:
    with project.database.write() as tx:
        import_dataset(tx, read_coco(path), as_human=True, author="importer", at=AT)


def coco_document(**changes: Any) -> Document:
    box = {"id": 1, "image_id": 1, "category_id": 0, "bbox": [10, 10, 20, 20]}
    return {
        "categories": [{"id": 0, "name": "cell"}],
        "images": [{"id": 1, "file_name": "one.jpg", "width": 100, "height": 80}],
        "annotations": [{**box, **changes}],
    }


def written(folder: Path, document: Document) -> Path:
    path = folder / "labels.json"
    path.write_text(json.dumps(document))
    return path


def test_a_second_export_is_the_same_to_the_byte(project: Project, tmp_path: Path) -> None:
    project.draw((1.125, 2.25, 30.5, 40.75))
    for name in ("first.json", "second.json"):
        write_coco(tmp_path / name, exported(project))
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()


def test_reviewed_images_without_objects_are_exported(project: Project) -> None:
    with project.database.write() as tx:
        images.mark_reviewed(tx, project.images[1].id, AT)
    assert [entry["file_name"] for entry in exported(project)["images"]] == ["two.jpg"]


def test_an_export_loads_in_pycocotools_and_supervision(project: Project, tmp_path: Path) -> None:
    project.draw((1.5, 2.5, 30.0, 40.0))
    write_coco(tmp_path / "boxes.json", exported(project))
    (tmp_path / "a").mkdir()
    PillowImage.new("RGB", (100, 80)).save(tmp_path / "a" / "one.jpg")
    (found,) = COCO(tmp_path / "boxes.json").anns.values()
    assert found["bbox"] == [1.5, 2.5, 28.5, 37.5]
    dataset = supervision.DetectionDataset.from_coco(str(tmp_path), str(tmp_path / "boxes.json"))
    assert dataset.classes == ["cell", "platelet"]


def test_an_export_loads_in_fiftyone(project: Project, tmp_path: Path) -> None:
    from fiftyone.utils.coco import load_coco_detection_annotations

    project.draw((1.5, 2.5, 30.0, 40.0))
    write_coco(tmp_path / "boxes.json", exported(project))
    _, classes, _, pictures, boxes = load_coco_detection_annotations(str(tmp_path / "boxes.json"))
    assert list(classes.values()) == ["cell", "platelet"]
    (picture,) = pictures
    assert [box.bbox for box in boxes[picture]] == [[1.5, 2.5, 28.5, 37.5]]


def test_an_exported_file_imported_again_changes_nothing(project: Project, tmp_path: Path) -> None:
    drawn = project.draw()
    write_coco(tmp_path / "boxes.json", exported(project))
    import_file(project, tmp_path / "boxes.json")
    with project.database.read() as tx:
        assert annotations.for_image(tx, drawn.image_id) == [drawn]


def test_category_id_zero_is_as_good_as_any(project: Project, tmp_path: Path) -> None:
    import_file(project, written(tmp_path, coco_document()))
    (entry,) = exported(project)["annotations"]
    assert entry["bbox"] == [10, 10, 20, 20]
    assert entry["category_id"] == project.cell.id


def bad(change: Callable[[Document], object]) -> Document:
    document = coco_document()
    change(document)
    return document


BROKEN: dict[str, tuple[Document, str]] = {
    "unknown image": (bad(lambda d: d["images"][0].update(file_name="no.jpg")), "images[0]"),
    "box outside": (coco_document(bbox=[90, 10, 40, 20]), "annotations[0]"),
    "zero size": (coco_document(bbox=[10, 10, 0, 20]), "annotations[0]"),
    "not a number": (coco_document(bbox=[float("nan"), 10, 20, 20]), "annotations[0]"),
    "missing category": (coco_document(category_id=7), "annotations[0]"),
    "wrong type": (coco_document(bbox="10 10 20 20"), "annotations[0]"),
    "unknown image id": (coco_document(image_id=5), "annotations[0]"),
    "duplicate id": (bad(lambda d: d["images"].append(d["images"][0])), "images[1]"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_refused_with_its_place_and_nothing_is_stored(
    project: Project, tmp_path: Path, what: str
) -> None:
    document, place = BROKEN[what]
    with pytest.raises(ImportFileError) as refused:
        import_file(project, written(tmp_path, document))
    assert place in str(refused.value)
    assert exported(project)["annotations"] == []


@pytest.mark.parametrize("content", [b"\xff\xfe{", b'{"images": [', b"[]"])
def test_what_is_no_coco_file_is_refused(project: Project, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "labels.json").write_bytes(content)
    with pytest.raises(ImportFileError, match=r"labels\.json"):
        import_file(project, tmp_path / "labels.json")


def test_yolo_out_and_in_gives_the_same_boxes(project: Project, tmp_path: Path) -> None:
    project.draw((1.125, 2.25, 30.5, 40.75))
    before = exported(project)["annotations"][0]["bbox"]
    write_yolo(tmp_path / "yolo", exported(project), data_root=tmp_path)
    with project.database.write() as tx:
        for box in annotations.for_image(tx, project.images[0].id):
            annotations.delete(tx, box.uid, author="tester", at=AT)
        import_dataset(tx, read_yolo(tmp_path / "yolo"), as_human=True, author="x", at=AT)
    (after,) = exported(project)["annotations"]
    assert after["bbox"] == pytest.approx(before, abs=0.001)
