"""Pictures of every kind become upright RGB; views are encoded once and within a budget."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sdpt_engine.asking import ask
from sdpt_engine.backbones.base import Detector
from sdpt_engine.data import ViewCache, load_image_upright
from sdpt_engine.errors import ImageUnreadableError
from sdpt_engine.types import Example, ObjectClass
from sdpt_engine.views import ViewKind, looked_at, mirrored, view_pool

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


@pytest.fixture
def example(tmp_path: Path) -> Example:
    Image.new("RGB", (40, 30), RED).save(tmp_path / "a.png")
    boxes = np.array([[4, 3, 20, 15], [20, 10, 40, 20]], np.float32)
    return Example(tmp_path / "a.png", boxes, np.array([0, 2]))


THINGS = tuple(ObjectClass(n, name, name) for n, name in enumerate(("nut", "bolt", "washer")))


def test_views_beyond_the_budget_lie_in_a_memory_mapped_file(
    nano: Detector, example: Example
) -> None:
    kept = ViewCache(nano, [example], ask(nano, THINGS))
    poor = ViewCache(nano, [example], ask(nano, THINGS), budget_bytes=1)
    (image,), (mapped,) = kept.view(0).images, poor.view(0).images
    assert kept.view(0) is kept.view(0)
    assert torch.equal(mapped.levels[0], image.levels[0])
    assert (poor.num_bytes, poor.num_spilled_bytes) == (0, image.num_bytes)
    assert (kept.num_bytes, kept.num_spilled_bytes) == (image.num_bytes, 0)


def test_part_of_a_cache_shares_what_is_encoded(nano: Detector, example: Example) -> None:
    whole = ViewCache(nano, [example, example], ask(nano, THINGS))
    seen = whole.view(1)
    assert whole.subset([1]).view(0) is seen


def test_target_holds_only_the_classes_of_its_caption(nano: Detector, example: Example) -> None:
    (asked,) = ask(nano, THINGS)
    view = ViewCache(nano, [example], [dataclasses.replace(asked, places=(2, 1))]).view(0)
    target = view.target(0)
    assert target.classes.tolist() == [0]
    assert torch.allclose(target.boxes, torch.tensor([[0.75, 0.5, 0.5, 1 / 3]]))


def test_smaller_view_keeps_every_box_around_its_object(example: Example) -> None:
    pixels = np.full((30, 40, 3), 127, np.uint8)
    pixels[3:15, 4:20] = 255
    seen, labels = looked_at(pixels, example, ViewKind(zoom=0.5, seed=3))
    left, top, right, bottom = labels.boxes[0]
    rows, columns = np.nonzero(seen[..., 0] > 200)
    assert len(labels.boxes) == 2
    assert abs(rows.min() - top) <= 1 >= abs(bottom - 1 - rows.max())
    assert abs(columns.min() - left) <= 1 >= abs(right - 1 - columns.max())


def test_larger_view_drops_what_it_cuts_off(example: Example) -> None:
    pixels = np.zeros((30, 40, 3), np.uint8)
    views = [looked_at(pixels, example, ViewKind(zoom=2.5, seed=seed)) for seed in range(8)]
    assert min(len(labels.boxes) for _, labels in views) < 2
    for seen, labels in views:
        assert seen.shape == pixels.shape
        assert (labels.boxes >= 0).all()
        assert (labels.boxes <= [40, 30, 40, 30]).all()


def test_pool_starts_with_the_plain_and_the_mirrored_view() -> None:
    pool = view_pool(2, seed=5)
    assert [kind.is_flipped for kind in pool[:2]] == [False, True]
    assert len(set(pool)) == 4
