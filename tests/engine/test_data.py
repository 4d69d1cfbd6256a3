"""Pictures of every kind become upright RGB; views are encoded once and within a budget."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sdpt_engine.backbones.base import Detector
from sdpt_engine.data import ViewCache, load_image_upright, mirrored
from sdpt_engine.errors import ImageUnreadableError
from sdpt_engine.types import Example

RED = (255, 0, 0)


def test_turned_photograph_stands_upright(tmp_path: Path) -> None:
    image = Image.new("RGB", (6, 4))
    image.putpixel((0, 0), RED)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    image.save(tmp_path / "turned.png", exif=exif)
    pixels = load_image_upright(tmp_path / "turned.png")
    assert pixels.shape == (6, 4, 3)
    assert tuple(pixels[0, -1]) == RED


def test_twelve_bits_in_sixteen_are_not_black(tmp_path: Path) -> None:
    values = np.linspace(0, 4095, 64).reshape(8, 8).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    pixels = load_image_upright(tmp_path / "deep.png")
    assert pixels.dtype == np.uint8
    assert (pixels.min(), pixels.max()) == (0, 255)


@pytest.mark.parametrize("mode", ["P", "L", "1", "CMYK", "RGBA", "LA"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / f"image.{'tif' if mode == 'CMYK' else 'png'}"
    Image.new("RGB", (5, 3), (255, 255, 255)).convert(mode).save(path)
    pixels = load_image_upright(path)
    assert pixels.shape == (3, 5, 3)
    assert pixels.min() == 255


def test_transparent_pixels_lie_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert load_image_upright(tmp_path / "clear.png").min() == 255


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n\x00"])
def test_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.png").write_bytes(content)
    with pytest.raises(ImageUnreadableError, match=r"broken\.png"):
        load_image_upright(tmp_path / "broken.png")


def test_mirrored_twice_is_the_same() -> None:
    boxes = np.array([[1, 2, 5, 9]], np.float32)
    example = Example(Path("a.png"), boxes, np.zeros(1, np.int64))
    assert mirrored(example, 20).boxes.tolist() == [[15, 2, 19, 9]]
    assert np.array_equal(mirrored(mirrored(example, 20), 20).boxes, boxes)


def test_views_beyond_the_budget_are_encoded_anew(nano: Detector, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), RED).save(tmp_path / "a.png")
    example = Example(
        tmp_path / "a.png", np.array([[4, 3, 20, 15]], np.float32), np.zeros(1, np.int64)
    )
    kept = ViewCache(nano, [example])
    poor = ViewCache(nano, [example], budget_bytes=1)
    assert kept.view(0).image is kept.view(0).image
    assert torch.equal(poor.view(0).image.levels[0], kept.view(0).image.levels[0])
    assert (poor.num_bytes, kept.num_bytes) == (0, kept.view(0).image.num_bytes)


def test_target_holds_only_the_classes_of_its_caption(nano: Detector, tmp_path: Path) -> None:
    Image.new("RGB", (40, 20)).save(tmp_path / "a.png")
    boxes = np.array([[0, 0, 20, 10], [20, 10, 40, 20]], np.float32)
    view = ViewCache(nano, [Example(tmp_path / "a.png", boxes, np.array([0, 2]))]).view(0)
    target = view.target([2, 1])
    assert target.classes.tolist() == [0]
    assert torch.allclose(target.boxes, torch.tensor([[0.75, 0.75, 0.5, 0.5]]))
