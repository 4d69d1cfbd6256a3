"""Other looks at a labelled image: mirrored, a part of it enlarged, the whole made smaller, or in other company."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sdpt_engine.boxes import area_xyxy, mirrored_xyxy
from sdpt_engine.types import Boxes, Example, Pixels

_LEAST_VISIBLE = 0.4  # of a box's area; what is cut off more is no longer labelled
GREY = 127
ZOOMS = (1.4, 0.7, 1.2, 0.85)


@dataclass(frozen=True, slots=True)
class ViewKind:
    """How an image is looked at: mirrored or not, `zoom` times as large (a part) or as small (on grey)."""

    is_flipped: bool = False
    zoom: float = 1.0
    seed: int = 0  # which part, or where on the grey; which objects are pasted
    has_pasted: bool = False  # objects of other images


PLAIN = ViewKind()


def view_pool(num_zooms: int, num_pastes: int = 0, *, seed: int) -> tuple[ViewKind, ...]:
    """The plain and the mirrored view, `num_zooms` others at different scales, `num_pastes` with objects of others."""
    zoomed = tuple(
        ViewKind(is_flipped=number % 2 == 1, zoom=ZOOMS[number % len(ZOOMS)], seed=seed + number)
        for number in range(num_zooms)
    )
    with_pasted = tuple(
        ViewKind(is_flipped=number % 2 == 1, seed=seed + number, has_pasted=True)
        for number in range(num_pastes)
    )
    return (PLAIN, ViewKind(is_flipped=True), *zoomed, *with_pasted)


def looked_at(pixels: Pixels, example: Example, kind: ViewKind) -> tuple[Pixels, Example]:
    """Pixels and labels as that kind of view shows them; the picture keeps its size."""
    if kind.zoom != 1.0:
        pixels, example = _zoomed(pixels, example, kind)
    if kind.is_flipped:
        return np.ascontiguousarray(pixels[:, ::-1]), mirrored(example, pixels.shape[1])
    return pixels, example


def mirrored(example: Example, width: int) -> Example:
    """The example as seen in a mirror, for an image `width` pixels wide."""
    boxes, negatives = (mirrored_xyxy(b, width) for b in (example.boxes, example.negatives))
    return replace(example, boxes=boxes, negatives=negatives)


def resized(pixels: Pixels, factor: float) -> Pixels:
    """`factor` times as large, and at least one pixel."""
    height, width = pixels.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))


def visible_part(boxes: Boxes, size_wh: tuple[int, int]) -> tuple[Boxes, NDArray[np.bool_]]:
    """What of boxes lies inside an image, and whether that is enough to be labelled: [N, 4] to [N, 4] and [N]."""
    inside = np.clip(boxes, 0, np.array([*size_wh, *size_wh], np.float32)).astype(np.float32)
    share = area_xyxy(inside) / np.maximum(area_xyxy(boxes), 1e-6)
    is_visible = (share >= _LEAST_VISIBLE) & ((inside[:, 2:] - inside[:, :2]) >= 1).all(1)
    return inside, is_visible


def _zoomed(pixels: Pixels, example: Example, kind: ViewKind) -> tuple[Pixels, Example]:
    height, width = pixels.shape[:2]
    scaled = resized(pixels, kind.zoom)
    size = (scaled.shape[1], scaled.shape[0])
    place = np.random.default_rng(kind.seed).random(2)
    # Where the scaled picture's corner lies in the new one: left of it when enlarged.
    left, top = (round(p * (n - m)) for p, n, m in zip(place, (width, height), size, strict=True))
    canvas = np.full_like(pixels, GREY)
    ours, theirs = _overlap(left, size[0], width), _overlap(top, size[1], height)
    canvas[theirs[0], ours[0]] = scaled[theirs[1], ours[1]]
    return canvas, _moved(example, kind.zoom, (left, top), (width, height))


def _overlap(start: int, length: int, room: int) -> tuple[slice, slice]:
    """Where a stretch from `start` lies in 0..room, and which part of the stretch that is."""
    low, high = max(start, 0), min(start + length, room)
    return slice(low, high), slice(low - start, high - start)


def _moved(
    example: Example, zoom: float, offset: tuple[int, int], size_wh: tuple[int, int]
) -> Example:
    factor, shift = np.float32(zoom), np.tile(np.array(offset, np.float32), 2)
    boxes, is_visible = visible_part(example.boxes * factor + shift, size_wh)
    negatives, is_negative_visible = visible_part(example.negatives * factor + shift, size_wh)
    return replace(
        example,
        boxes=boxes[is_visible],
        labels=example.labels[is_visible],
        negatives=negatives[is_negative_visible],
        negative_labels=example.negative_labels[is_negative_visible],
    )
