"""Boxes come out the same whichever way a repository keeps them, and what makes no sense is named."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from sdpt_engine.errors import InvalidExampleError
from sdpt_engine.pretraining.annotations_in import (
    NamedBox,
    coco_reader,
    script_reader,
    voc_reader,
    yolo_names,
    yolo_reader,
)

SIZE_WH = (200, 100)
NUT = NamedBox("nut", (20.0, 10.0, 60.0, 50.0))


@dataclass(frozen=True)
class Files:
    """A tree of texts."""

    texts: dict[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(sorted(self.texts))

    def read(self, path: str) -> bytes:
        return self.texts[path].encode()


@pytest.mark.parametrize("labels", ["train/labels/a.txt", "train/images/a.txt"])
def test_yolo_labels_lie_beside_the_images_or_in_a_folder_of_their_own(labels: str) -> None:
    read = yolo_reader(Files({labels: "1 0.2 0.3 0.2 0.4\n\n"}), ["bolt", "nut"])
    (found,) = read("train/images/a.jpg", SIZE_WH) or []
    assert found.name == "nut"
    assert found.corners == pytest.approx(NUT.corners)
    assert read("train/images/b.jpg", SIZE_WH) is None


def test_a_yolo_polygon_becomes_the_box_around_it() -> None:
    read = yolo_reader(Files({"a.txt": "0 0.1 0.1 0.3 0.2 0.2 0.5"}), ["nut"])
    (found,) = read("a.jpg", SIZE_WH) or []
    assert found.corners == pytest.approx(NUT.corners)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 0.1 0.1 0.3", "needs four numbers"),
        ("7 0.5 0.5 0.1 0.1", "of class 7, but 1 are named"),
        ("nut 0.5 0.5 0.1 0.1", "must hold numbers"),
    ],
)
def test_a_bad_yolo_line_is_named_with_its_place(line: str, said: str) -> None:
    read = yolo_reader(Files({"a.txt": "0 0.5 0.5 0.1 0.1\n" + line}), ["nut"])
    with pytest.raises(InvalidExampleError, match=f"a.txt:2 .*{said}"):
        read("a.jpg", SIZE_WH)


def test_class_names_stand_in_the_nearest_file_above() -> None:
    files = Files({"data.yaml": "names: [far]", "set/data.yaml": "names: {1: nut, 0: bolt}"})
    assert yolo_names(files, "set/train") == ["bolt", "nut"]
    assert yolo_names(files, "") == ["far"]
    assert yolo_names(files, "set", "data.yaml") == ["far"]
    assert yolo_names(Files(), "set") == []
    with pytest.raises(InvalidExampleError, match=r"'other\.yaml', which is not there"):
        yolo_names(files, "set", "other.yaml")


def test_pascal_voc_is_read_from_the_file_beside_the_image() -> None:
    box = "<bndbox><xmin>20</xmin><ymin>10</ymin><xmax>60</xmax><ymax>50</ymax></bndbox>"
    files = Files(
        {
            "a.xml": f"<annotation><object><name>nut</name>{box}</object></annotation>",
            "b.xml": "<annotation><object><name>nut</name></object></annotation>",
            "c.xml": "<annotation>",
        }
    )
    read = voc_reader(files)
    assert read("a.jpg", SIZE_WH) == [NUT]
    assert read("d.jpg", SIZE_WH) is None
    with pytest.raises(InvalidExampleError, match=r"'b\.xml' has an object without four numbers"):
        read("b.jpg", SIZE_WH)
    with pytest.raises(InvalidExampleError, match=r"'c\.xml' is not whole XML"):
        read("c.jpg", SIZE_WH)


def _coco(category: int) -> str:
    return json.dumps(
        {
            "categories": [{"id": 0, "name": "parts"}, {"id": 4, "name": "nut"}],
            "images": [{"id": 9, "file_name": "a.jpg"}, {"id": 10, "file_name": "empty.jpg"}],
            "annotations": [{"image_id": 9, "category_id": category, "bbox": [20, 10, 40, 40]}],
        }
    )


def test_coco_names_its_images_from_the_file_on() -> None:
    files = Files({"set/train/boxes.json": _coco(4), "set/other.json": "[1]", "x.json": "{"})
    read = coco_reader(files, "set")
    assert read("set/train/a.jpg", SIZE_WH) == [NUT]
    assert read("set/train/empty.jpg", SIZE_WH) == []
    assert read("set/a.jpg", SIZE_WH) is None


def test_a_coco_box_of_no_listed_category_is_refused() -> None:
    with pytest.raises(InvalidExampleError, match=r"annotations\[0\] is of an image or category"):
        coco_reader(Files({"boxes.json": _coco(5)}), "")


def test_boxes_in_the_text_of_a_program_are_found_by_the_name_of_the_image() -> None:
    script = "def run():\n    regions = {'nut_12': [0.1, 0.1, 0.2, 0.4]}\n    launch(regions)\n"
    read = script_reader(Files({"run.py": script}), "run.py")
    (found,) = read("images/nut_12.jpg", SIZE_WH) or []
    assert found.name == "nut"
    assert found.corners == pytest.approx(NUT.corners)
    assert read("images/nut_1.jpg", SIZE_WH) is None
