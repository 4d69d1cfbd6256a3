"""Objects of other images laid onto an image: more company and more backgrounds than a few labelled images have.

Cut, Paste and Learn (Dwibedi et al. 2017) and Simple Copy-Paste (Ghiasi et al. 2021) cut along masks. Here boxes are
all that is known, so a little of what lies around an object comes along and fades out towards its border.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sdpt_engine.boxes import area_xyxy, common_xyxy, mirrored_xyxy
from sdpt_engine.types import Boxes, Example, Pixels
from sdpt_engine.views import resized, visible_part

_MARGIN = 0.06  # of the longer side, around the object
_MOST_PX = 1333  # of an image: no detector sees it larger
_LEAST_PX, _MOST_SHARE = 6, 0.95  # of a cutting, and of the image that it is laid on
_SCALES = (0.7, 1.4)
_TRIES = 20
_MOST_HIDDEN = 0.1  # of the smaller of two objects

Chance = np.random.Generator


@dataclass(frozen=True, slots=True)
class Cutting:
    """An object and a little around it: uint8 [h, w, 3], what is labelled in that, and how large the whole image was.

    The first box is that of the object; the others are of what can be seen of its neighbours.
    """

    pixels: Pixels
    boxes: Boxes  # [N, 4]
    labels: NDArray[np.int64]  # [N]
    image_wh: tuple[int, int]


def _no_larger_than_seen(pixels: Pixels, example: Example) -> tuple[Pixels, Example]:
    """Image and boxes at most as large as any detector looks at them."""
    height, width = pixels.shape[:2]
    if max(width, height) <= _MOST_PX:
        return pixels, example
    small = resized(pixels, _MOST_PX / max(width, height))
    scale = np.tile((small.shape[1] / width, small.shape[0] / height), 2).astype(np.float32)
    return small, replace(example, boxes=example.boxes * scale, negatives=example.negatives * scale)


def cuttings_of(pixels: Pixels, example: Example) -> tuple[Cutting, ...]:
    """The labelled objects of an image, each with what is seen of its neighbours."""
    pixels, example = _no_larger_than_seen(pixels, example)
    height, width = pixels.shape[:2]
    inside, is_visible = visible_part(example.boxes, (width, height))
    boxes, labels = inside[is_visible], example.labels[is_visible]
    found = []
    for place, box in enumerate(boxes):
        margin = _MARGIN * float((box[2:] - box[:2]).max())
        x1, y1 = np.floor(np.maximum(box[:2] - margin, 0)).astype(int)
        x2, y2 = np.ceil(np.minimum(box[2:] + margin, (width, height))).astype(int)
        own_first = np.roll(np.arange(len(boxes)), -place)
        moved = boxes[own_first] - np.array([x1, y1, x1, y1], np.float32)
        within, is_seen = visible_part(moved, (x2 - x1, y2 - y1))
        around = pixels[y1:y2, x1:x2].copy()
        found.append(Cutting(around, within[is_seen], labels[own_first][is_seen], (width, height)))
    return tuple(found)


def pasted(
    pixels: Pixels, example: Example, cuttings: Iterable[Cutting], chance: Chance
) -> tuple[Pixels, Example]:
    """The image with these objects on it too, each somewhat smaller or larger, mirrored or not, where nothing lies.

    What finds no room is left out. A large image is made smaller.
    """
    pixels, example = _no_larger_than_seen(pixels, example)
    canvas, boxes, labels = pixels.copy(), example.boxes, example.labels
    for cutting in cuttings:
        changed = _changed(cutting, pixels.shape, chance)
        avoided = np.concatenate((boxes, example.negatives))
        corner = None if changed is None else _free_place(changed, pixels.shape, avoided, chance)
        if changed is not None and corner is not None:
            _blend(canvas, changed, corner)
            boxes = np.concatenate((boxes, _moved(changed.boxes, corner)))
            labels = np.concatenate((labels, changed.labels))
    return canvas, replace(example, boxes=boxes, labels=labels)


def _changed(cutting: Cutting, shape: tuple[int, ...], chance: Chance) -> Cutting | None:
    """As large in this image as in its own, give or take, and perhaps mirrored; None where that does not fit."""
    height, width = shape[:2]
    to_this = min(width / cutting.image_wh[0], height / cutting.image_wh[1])
    scaled = resized(cutting.pixels, to_this * float(np.exp(chance.uniform(*np.log(_SCALES)))))
    is_mirrored = chance.random() < 0.5
    h, w = scaled.shape[:2]
    if min(h, w) < _LEAST_PX or w > _MOST_SHARE * width or h > _MOST_SHARE * height:
        return None
    scale = np.tile((w / cutting.pixels.shape[1], h / cutting.pixels.shape[0]), 2)
    boxes = (cutting.boxes * scale).astype(np.float32)
    if is_mirrored:
        scaled, boxes = scaled[:, ::-1], mirrored_xyxy(boxes, w)
    return replace(cutting, pixels=scaled, boxes=boxes)


def _free_place(
    cutting: Cutting, shape: tuple[int, ...], avoided: Boxes, chance: Chance
) -> tuple[int, int] | None:
    """Upper left corner, x and y, where the objects hide none of what is avoided; None after some tries."""
    h, w = cutting.pixels.shape[:2]
    for _ in range(_TRIES):
        corner = int(chance.integers(shape[1] - w)), int(chance.integers(shape[0] - h))
        if not _hides_any(_moved(cutting.boxes, corner), avoided):
            return corner
    return None


def _moved(boxes: Boxes, corner: tuple[int, int]) -> Boxes:
    return boxes + np.tile(np.array(corner, np.float32), 2)


def _hides_any(boxes: Boxes, avoided: Boxes) -> bool:
    """Whether one of the boxes [N, 4] has too much in common with one of the others [M, 4]."""
    smaller = np.minimum(area_xyxy(boxes)[:, None], area_xyxy(avoided)[None])
    return bool((common_xyxy(boxes, avoided) > _MOST_HIDDEN * smaller).any())


def _blend(canvas: Pixels, cutting: Cutting, corner: tuple[int, int]) -> None:
    """Lay the cutting on the canvas, in place: whole on the object, less and less from there to its own border."""
    (left, top), (h, w) = corner, cutting.pixels.shape[:2]
    x1, y1, x2, y2 = cutting.boxes[0]
    weight = (_ramp(h, y1, h - y2)[:, None] * _ramp(w, x1, w - x2))[..., None]
    below = canvas[top : top + h, left : left + w]
    below[...] = (weight * cutting.pixels + (1 - weight) * below).round().astype(np.uint8)


def _ramp(length: int, before: float, after: float) -> NDArray[np.float32]:
    """1 on the object, falling to nearly 0 over the pixels `before` and `after` it; float32 [length]."""
    steps = np.arange(length, dtype=np.float32)
    rising, falling = (steps + 1) / max(before, 1.0), (length - steps) / max(after, 1.0)
    ramp: NDArray[np.float32] = np.minimum(np.minimum(rising, falling), 1.0).astype(np.float32)
    return ramp
