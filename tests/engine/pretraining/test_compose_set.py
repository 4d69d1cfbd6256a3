"""A composed set reads back with pycocotools; the shipped one keeps what its README promises."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from sdpt_engine.backbones.glip import GlipModel
from sdpt_engine.pretraining.compose_set import Part, default_parts, write_set
from tests.engine.glip.scenes import TINY_GLIP
from tests.engine.pretraining.drawings import drawn_material

ASSETS = Path(__file__).parents[3] / "assets"
SHIPPED = ASSETS / "datasets" / "composed"


def _document(part: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((SHIPPED / f"{part}.json").read_text(encoding="utf-8"))
    return document


def _digests(part: str) -> set[str]:
    paths = [SHIPPED / "images" / image["file_name"] for image in _document(part)["images"]]
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_a_set_reads_back_with_pycocotools(tmp_path: Path) -> None:
    parts = [Part("train", 4, 0, ("wood",)), Part("test", 2, 1, ("tiles",))]
    write_set(drawn_material(), ["ball", "box"], ["plate", "box"], parts, tmp_path)
    read = COCO(str(tmp_path / "train.json"))
    assert [category["name"] for category in read.loadCats(read.getCatIds())] == ["ball", "box"]
    assert read.getImgIds() == [1, 2, 3, 4]
    for image in read.loadImgs(read.getImgIds()):
        assert Image.open(tmp_path / "images" / image["file_name"]).size == (
            image["width"],
            image["height"],
        )
    boxes = np.array([a["bbox"] for a in read.loadAnns(read.getAnnIds())])
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] >= 1).all()
    assert len(list((tmp_path / "images").iterdir())) == 6


def test_parts_share_neither_seed_nor_background() -> None:
    photographs = [Path(f"{number}.jpg") for number in range(5)]
    train, test = default_parts(3, num_train=1, num_test=1, photographs=photographs)
    assert train.seed != test.seed
    assert not set(train.backgrounds) & set(test.backgrounds)
    assert sorted(train.photographs + test.photographs) == photographs


def test_shipped_classes_were_held_out_from_nano() -> None:
    held_out = (
        (ASSETS / "backbones/nano/held_out_concepts.txt").read_text(encoding="utf-8").splitlines()
    )
    names = [category["name"] for category in _document("train")["categories"]]
    assert len(names) == 8
    assert set(names) <= set(held_out)
    assert names == (SHIPPED / "classes.txt").read_text(encoding="utf-8").splitlines()
    assert _document("test")["categories"] == _document("train")["categories"]


def test_shipped_parts_share_no_image() -> None:
    assert (len(_digests("train")), len(_digests("test"))) == (120, 80)
    assert not _digests("train") & _digests("test")


@pytest.mark.parametrize("part", ["train", "test"])
def test_shipped_boxes_lie_within_their_images(part: str) -> None:
    document = _document(part)
    sizes = {image["id"]: (image["width"], image["height"]) for image in document["images"]}
    for annotation in document["annotations"]:
        x, y, width, height = annotation["bbox"]
        assert min(x, y) >= 0
        assert min(width, height) >= 1
        assert x + width <= sizes[annotation["image_id"]][0]
        assert y + height <= sizes[annotation["image_id"]][1]


def test_a_set_of_shapes_is_what_the_tiny_glip_can_be_measured_on(tmp_path: Path) -> None:
    words = ("--shapes", "--output", str(tmp_path), "--train", "2", "--test", "1")
    command = (sys.executable, "-m", "sdpt_engine.pretraining.compose_set", *words)
    subprocess.run(command, check=True)
    read = COCO(str(tmp_path / "train.json"))
    names = {category["name"] for category in read.loadCats(read.getCatIds())}
    words_known = set(GlipModel.from_pretrained(TINY_GLIP).vocabulary)
    assert {word for name in names for word in name.split()} <= words_known
