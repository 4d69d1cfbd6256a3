"""Photographs with boxes, cropped and mirrored anew each time they are drawn.

A collection is a folder with boxes.json: {"images": [{"file", "width", "height", "boxes": [[x0, y0, x1, y1]],
"names"}]}, boxes in pixels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageEnhance, ImageOps

from sdpt_engine.data import load_image_upright
from sdpt_engine.errors import InvalidExampleError
from sdpt_engine.pretraining.composer import Scene
from sdpt_engine.types import Boxes, no_boxes

_MIN_VISIBLE = 0.35  # of a box's area, for it to keep its name in a crop
_SMALLEST_SIDE = 0.02  # of the crop: a smaller box is not asked for
_CROP_AREA = (0.25, 1.0)


@dataclass(frozen=True, slots=True)
class Photograph:
    """One image file, its boxes xyxy [N, 4] in pixels, and what each shows."""

    path: Path
    size_wh: tuple[int, int]
    boxes: Boxes
    names: tuple[str, ...]


def read_collection(folder: Path) -> list[Photograph]:
    """All photographs of the collection in `folder`. Raises InvalidExampleError when it has no boxes.json."""
    path = folder / "boxes.json"
    if not path.is_file():
        raise InvalidExampleError(
            f"A collection of photographs needs '{path}', which is not there."
        )
    document = json.loads(path.read_text(encoding="utf-8"))
    return [
        Photograph(
            path=folder / item["file"],
            size_wh=(int(item["width"]), int(item["height"])),
            boxes=np.array(item["boxes"], np.float32).reshape(-1, 4),
            names=tuple(item["names"]),
        )
        for item in document["images"]
    ]


def draw_photograph(
    photographs: Sequence[Photograph], *, seed: int, index: int, size_wh: tuple[int, int]
) -> Scene:
    """A crop of one of the photographs at the aspect of `size_wh`, in other light, as a scene of that size."""
    rng = np.random.default_rng([seed, index, 2])
    taken = photographs[int(rng.integers(len(photographs)))]
    window = _window(rng, taken, size_wh)
    upright = Image.fromarray(load_image_upright(taken.path))
    x0, y0, x1, y1 = window.tolist()
    crop = upright.resize(size_wh, Image.Resampling.BILINEAR, box=(x0, y0, x1, y1))
    boxes, names = _cropped(taken, window, size_wh)
    if rng.random() < 0.5:
        crop = ImageOps.mirror(crop)
        boxes[:, [0, 2]] = size_wh[0] - boxes[:, [2, 0]]
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        crop = enhance(crop).enhance(float(rng.uniform(0.75, 1.25)))
    return Scene(np.asarray(crop), boxes, names)


def _window(rng: Generator, taken: Photograph, size_wh: tuple[int, int]) -> Boxes:
    """xyxy of the crop in pixels of the photograph; often around one of its boxes."""
    width, height = taken.size_wh
    aspect = size_wh[0] / size_wh[1]
    widest = min(width, height * aspect)
    crop_w = widest * float(np.sqrt(rng.uniform(*_CROP_AREA)))
    crop_h = crop_w / aspect
    if len(taken.boxes) and rng.random() < 0.7:
        x0, y0, x1, y1 = taken.boxes[int(rng.integers(len(taken.boxes)))]
        crop_w = min(max(crop_w, 1.1 * (x1 - x0), 1.1 * (y1 - y0) * aspect), widest)
        crop_h = crop_w / aspect
        left = rng.uniform(min(x1 - crop_w, x0), max(x1 - crop_w, x0))
        top = rng.uniform(min(y1 - crop_h, y0), max(y1 - crop_h, y0))
    else:
        left, top = rng.uniform(0, width - crop_w + 1e-6), rng.uniform(0, height - crop_h + 1e-6)
    left, top = float(np.clip(left, 0, width - crop_w)), float(np.clip(top, 0, height - crop_h))
    return np.array([left, top, left + crop_w, top + crop_h], np.float32)


def _cropped(
    taken: Photograph, window: Boxes, size_wh: tuple[int, int]
) -> tuple[Boxes, tuple[str, ...]]:
    if not len(taken.boxes):
        return no_boxes(), ()
    low, high = window[:2], window[2:]
    inside = np.concatenate(
        (np.clip(taken.boxes[:, :2], low, high), np.clip(taken.boxes[:, 2:], low, high)), axis=1
    )
    sides, whole = inside[:, 2:] - inside[:, :2], taken.boxes[:, 2:] - taken.boxes[:, :2]
    keeps = sides.prod(1) >= _MIN_VISIBLE * whole.prod(1)
    keeps &= (sides >= _SMALLEST_SIDE * (high - low)).all(1)
    scale = np.array(size_wh, np.float32) / (high - low)
    boxes = (inside[keeps] - np.tile(low, 2)) * np.tile(scale, 2)
    names = tuple(name for name, kept in zip(taken.names, keeps, strict=True) if kept)
    return boxes.astype(np.float32), names
