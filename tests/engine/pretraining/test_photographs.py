"""Photographs are cropped and mirrored together with their boxes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sdpt_engine.errors import InvalidExampleError
from sdpt_engine.pretraining.photographs import draw_photograph, read_collection

BOX = (60, 40, 130, 110)


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    image = Image.new("RGB", (200, 150), (90, 90, 90))
    ImageDraw.Draw(image).rectangle((BOX[0], BOX[1], BOX[2] - 1, BOX[3] - 1), fill=(250, 20, 20))
    image.save(tmp_path / "one.png")
    entry = {"file": "one.png", "width": 200, "height": 150, "boxes": [BOX], "names": ["red tile"]}
    (tmp_path / "boxes.json").write_text(json.dumps({"images": [entry]}))
    return tmp_path


def test_a_box_stays_around_its_pixels(collection: Path) -> None:
    photographs = read_collection(collection)
    for index in range(20):
        scene = draw_photograph(photographs, seed=1, index=index, size_wh=(160, 128))
        assert scene.pixels.shape == (128, 160, 3)
        red = scene.pixels[:, :, 0].astype(int) - scene.pixels[:, :, 1] > 60
        y, x = np.nonzero(red)
        for box in scene.boxes:
            seen = (x.min(), y.min(), x.max() + 1, y.max() + 1)
            assert box == pytest.approx(seen, abs=2.5)


def test_what_the_crop_cuts_away_loses_its_name(collection: Path) -> None:
    photographs = read_collection(collection)
    scenes = [draw_photograph(photographs, seed=2, index=i, size_wh=(64, 64)) for i in range(40)]
    for scene in scenes:
        assert len(scene.concepts) == len(scene.boxes) <= 1
        assert (scene.boxes >= 0).all()
        assert (scene.boxes <= 64).all()


def test_a_folder_without_boxes_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidExampleError, match=r"boxes\.json"):
        read_collection(tmp_path)
