"""Objects of other images laid onto an image: more company and more backgrounds than a few labelled images have.

Cut, Paste and Learn (Dwibedi et al. 2017) and Simple Copy-Paste (Ghiasi et al. 2021) cut along masks. Here boxes are
all that is known, so a little of what lies around an object comes along and fades out towards its border.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sdpt_engine.types import Boxes, Example, Pixels

_MARGIN = 0.06  # of the longer side, around the object
_MOST_PX = 1333  # of the image that is cut from: no detector sees it larger
_LEAST_PX, _MOST_SHARE = 6, 0.95  # of a cutting, and of the image that it is laid on
_SCALES = (0.7, 1.4)
_TRIES = 20
_MOST_HIDDEN = 0.1  # of the smaller of two objects

Chance = np.random.Generator


@dataclass(frozen=True, slots=True)
class Cutting:
    """An object and a little around it: uint8 [h, w, 3], its box in that, and how large the whole image was."""

    pixels: Pixels
    box: Boxes  # [4]
    label: int
    image_wh: tuple[int, int]


def cuttings_of(pixels: Pixels, example: Example) -> tuple[Cutting, ...]:
    """Every labelled object of an image; of a large image they are made smaller, as that is kept in memory."""
    height, width = pixels.shape[:2]
    factor = min(1.0, _MOST_PX / max(width, height))
    image_wh = (round(width * factor), round(height * factor))
    found = []
    for box, label in zip(example.boxes, example.labels, strict=True):
        margin = _MARGIN * float((box[2:] - box[:2]).max())
        low = np.floor(np.maximum(box[:2] - margin, 0)).astype(int)
        high = np.ceil(np.minimum(box[2:] + margin, (width, height))).astype(int)
        around = pixels[low[1] : high[1], low[0] : high[0]]
        if not around.size:
            continue
        small = _resized(around, factor) if factor < 1.0 else around.copy()
        scale = np.tile((small.shape[1], small.shape[0]) / (high - low), 2)
        within = ((box - np.tile(low, 2)) * scale).astype(np.float32)
        found.append(Cutting(small, within, int(label), image_wh))
    return tuple(found)


def pasted(
    pixels: Pixels, example: Example, cuttings: Iterable[Cutting], chance: Chance
) -> tuple[Pixels, Example]:
    """The image with these objects on it too, each somewhat smaller or larger, mirrored or not, where nothing lies.

    What finds no room is left out.
    """
    canvas = pixels.copy()
    boxes, labels = list(example.boxes), list(example.labels)
    for cutting in cuttings:
        changed = _changed(cutting, pixels.shape, chance)
        avoided = np.array([*boxes, *example.negatives], np.float32).reshape(-1, 4)
        corner = None if changed is None else _free_place(changed, pixels.shape, avoided, chance)
        if changed is not None and corner is not None:
            _blend(canvas, changed, corner)
            boxes.append(changed.box + np.tile(np.array(corner, np.float32), 2))
            labels.append(np.int64(cutting.label))
    return canvas, replace(
        example,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.array(labels, np.int64),
    )


def _changed(cutting: Cutting, shape: tuple[int, ...], chance: Chance) -> Cutting | None:
    """As large in this image as in its own, give or take, and perhaps mirrored; None where that does not fit."""
    height, width = shape[:2]
    to_this = min(width / cutting.image_wh[0], height / cutting.image_wh[1])
    scaled = _resized(cutting.pixels, to_this * float(np.exp(chance.uniform(*np.log(_SCALES)))))
    is_mirrored = chance.random() < 0.5
    h, w = scaled.shape[:2]
    if min(h, w) < _LEAST_PX or w > _MOST_SHARE * width or h > _MOST_SHARE * height:
        return None
    box = cutting.box * np.tile((w / cutting.pixels.shape[1], h / cutting.pixels.shape[0]), 2)
    if is_mirrored:
        scaled, box = scaled[:, ::-1], np.array([w - box[2], box[1], w - box[0], box[3]])
    return replace(cutting, pixels=scaled, box=box.astype(np.float32))


def _free_place(
    cutting: Cutting, shape: tuple[int, ...], avoided: Boxes, chance: Chance
) -> tuple[int, int] | None:
    """Upper left corner, x and y, where the object hides none of what is avoided; None after some tries."""
    h, w = cutting.pixels.shape[:2]
    for _ in range(_TRIES):
        corner = int(chance.integers(shape[1] - w)), int(chance.integers(shape[0] - h))
        box = cutting.box + np.tile(np.array(corner, np.float32), 2)
        if not (_hidden(box, avoided) > _MOST_HIDDEN).any():
            return corner
    return None


def _hidden(box: Boxes, others: Boxes) -> NDArray[np.float32]:
    """What one box and each of the others have in common, as a share of the smaller of the two. [4], [N, 4] to [N]."""
    common = (np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])).clip(min=0)
    smaller = np.minimum((box[2:] - box[:2]).prod(), (others[:, 2:] - others[:, :2]).prod(axis=1))
    hidden: NDArray[np.float32] = common.prod(axis=1) / np.maximum(smaller, 1e-6)
    return hidden


def _blend(canvas: Pixels, cutting: Cutting, corner: tuple[int, int]) -> None:
    """Lay the cutting on the canvas, in place: whole on the object, less and less towards its own border."""
    (left, top), (h, w) = corner, cutting.pixels.shape[:2]
    fade = max(1.0, _MARGIN * float((cutting.box[2:] - cutting.box[:2]).max()))
    across, down = _ramp(w, fade), _ramp(h, fade)
    weight = (down[:, None] * across)[..., None]
    below = canvas[top : top + h, left : left + w]
    below[...] = (weight * cutting.pixels + (1 - weight) * below).round().astype(np.uint8)


def _ramp(length: int, fade: float) -> NDArray[np.float64]:
    """1 inside, falling to nearly 0 within `fade` of both ends."""
    steps = np.arange(length)
    ramp: NDArray[np.float64] = np.minimum(np.minimum(steps + 1, length - steps) / fade, 1.0)
    return ramp


def _resized(pixels: Pixels, factor: float) -> Pixels:
    height, width = pixels.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
