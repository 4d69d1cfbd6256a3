"""Pictures of discs, or of discs and tiles, on a rough ground, whose edges are known to the pixel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from sdpt_engine.types import Boxes, Example, Labels, Pixels

SIZE_WH = (320, 240)


def discs(seed: int, number: int = 4) -> tuple[Pixels, Boxes]:
    """A picture, and the boxes of its discs, one to a cell of a grid."""
    return _picture(seed, ["ellipse"] * number)


def discs_and_tiles(seed: int) -> tuple[Pixels, Boxes, Labels]:
    """A picture of two discs (0) and two tiles (1)."""
    pixels, boxes = _picture(seed, ["ellipse", "rectangle", "rectangle", "ellipse"])
    return pixels, boxes, np.array([0, 1, 1, 0])


def _picture(seed: int, shapes: Sequence[str]) -> tuple[Pixels, Boxes]:
    chance = np.random.default_rng(seed)
    ground = chance.normal(150, 8, (SIZE_WH[1], SIZE_WH[0], 3)).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(ground)
    boxes = []
    for place, shape in enumerate(shapes):
        x, y = 20 + 150 * (place % 2) + chance.integers(20), 15 + 115 * (place // 2)
        width, height = chance.integers(60, 95, 2)
        box = (int(x), int(y), int(x + width), int(y + height))
        draw = getattr(ImageDraw.Draw(image), shape)
        draw(box, fill=tuple(chance.integers(20, 90, 3).tolist()))
        boxes.append(box)
    return np.asarray(image), np.array(boxes, np.float32)


def example(folder: Path, seed: int, *, wider_by: float = 0.0) -> Example:
    """The picture as a file, labelled by who draws each box wider than the disc by a share of its side."""
    pixels, boxes = discs(seed)
    path = folder / f"{seed}.png"
    Image.fromarray(pixels).save(path)
    return Example(path, grown(boxes, wider_by), np.zeros(len(boxes), np.int64))


def example_of_two(folder: Path, seed: int) -> Example:
    """Discs and tiles as a file, labelled exactly."""
    pixels, boxes, labels = discs_and_tiles(seed)
    path = folder / f"two-{seed}.png"
    Image.fromarray(pixels).save(path)
    return Example(path, boxes, labels)


def grown(boxes: Boxes, by: float) -> Boxes:
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.concatenate((boxes[:, :2] - by * sides, boxes[:, 2:] + by * sides), axis=1)
