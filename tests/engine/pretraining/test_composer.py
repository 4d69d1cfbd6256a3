"""A scene is told by its seed, and its boxes by its pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sdpt_engine.errors import ImageUnreadableError, InvalidExampleError
from sdpt_engine.pretraining.backgrounds import SURFACES, paint_background
from sdpt_engine.pretraining.composer import SceneSettings, compose
from tests.engine.pretraining.drawings import drawn_material

CONCEPTS = ("ball", "box")
SMALL = SceneSettings(sizes_wh=((160, 120), (120, 160)))
PLAIN = SceneSettings(
    sizes_wh=((160, 120),), empty_share=0, single_share=0, crowded_share=0, small_share=0
)


def test_same_seed_same_scene() -> None:
    first, again, other = (
        compose(drawn_material(), CONCEPTS, seed=seed, index=3, settings=SMALL)
        for seed in (7, 7, 8)
    )
    assert np.array_equal(first.pixels, again.pixels)
    assert np.array_equal(first.boxes, again.boxes)
    assert first.concepts == again.concepts
    assert first.pixels.shape != other.pixels.shape or (first.pixels != other.pixels).any()


def test_boxes_lie_within_the_image() -> None:
    settings = replace(PLAIN, crowded_share=0.8, truncated_share=1)
    for index in range(20):
        scene = compose(drawn_material(), CONCEPTS, seed=1, index=index, settings=settings)
        assert scene.boxes.shape == (len(scene.concepts), 4)
        assert (scene.boxes[:, :2] >= 0).all()
        assert (scene.boxes[:, 2:] <= [160, 120]).all()
        assert (scene.boxes[:, 2:] > scene.boxes[:, :2]).all()


def test_a_box_fits_its_pixels_tightly(tmp_path: Path) -> None:
    Image.new("RGB", (60, 60), (128, 128, 128)).save(tmp_path / "grey.png")
    settings = replace(
        PLAIN,
        single_share=1,
        camera_strength=0,
        backgrounds=(),
        photographs=(tmp_path / "grey.png",),
    )
    for index in range(8):
        scene = compose(drawn_material(), ["ball"], seed=2, index=index, settings=settings)
        red, green = scene.pixels[:, :, 0].astype(int), scene.pixels[:, :, 1].astype(int)
        y, x = np.nonzero(red - green > 40)
        assert scene.boxes[0] == pytest.approx(
            (x.min(), y.min(), x.max() + 1, y.max() + 1), abs=1.5
        )


def test_distractors_carry_no_box_and_empty_scenes_none() -> None:
    settings = replace(PLAIN, empty_share=1)
    scenes = [
        compose(
            drawn_material(),
            ["ball"],
            seed=3,
            index=index,
            distractors=["plate"],
            settings=settings,
        )
        for index in range(5)
    ]
    assert [scene.concepts for scene in scenes] == [()] * 5
    assert all(scene.boxes.shape == (0, 4) and scene.boxes.dtype == np.float32 for scene in scenes)


@pytest.mark.parametrize("kind", SURFACES)
def test_every_surface_fills_the_picture(kind: str) -> None:
    canvas = paint_background(np.random.default_rng(5), (90, 70), [kind])
    assert canvas.shape == (70, 90, 3)
    assert canvas.dtype == np.float32
    assert np.isfinite(canvas).all()
    assert 0 <= canvas.min() < canvas.max() <= 255


def test_a_broken_photograph_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(ImageUnreadableError, match=r"broken\.jpg"):
        paint_background(
            np.random.default_rng(0), (9, 9), [], photographs=[tmp_path / "broken.jpg"]
        )


def test_settings_that_no_scene_can_follow_are_refused() -> None:
    with pytest.raises(InvalidExampleError, match="lava"):
        SceneSettings(backgrounds=("lava",))
    with pytest.raises(InvalidExampleError, match="exceed 1"):
        SceneSettings(empty_share=0.9)
