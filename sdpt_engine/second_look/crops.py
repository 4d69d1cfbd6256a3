"""The cut-out around a box, and the way between its coordinates and the image's.

Boxes are x1 y1 x2 y2 in pixels of the image; shares are x1 y1 x2 y2 in 0..1 of the region that is cut out.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sdpt_engine.types import Boxes, Pixels

Shares = NDArray[np.float32]

CROP_PX = 128


def regions(boxes: Boxes, margin: float) -> Boxes:
    """What is cut out for each box, `margin` of its sides more on both sides; it may reach over the image's border.

    [N, 4] to [N, 4].
    """
    low, high = boxes[:, :2], boxes[:, 2:]
    more = margin * (high - low)
    return np.concatenate((low - more, high + more), axis=1, dtype=np.float32)


def to_shares(boxes: Boxes, within: Boxes) -> Shares:
    """Each box as shares of its region. [N, 4] and [N, 4] to [N, 4]."""
    corner, sides = _corner_and_sides(within)
    return (boxes - corner) / sides


def from_shares(shares: Shares, within: Boxes) -> Boxes:
    """The inverse of `to_shares`."""
    corner, sides = _corner_and_sides(within)
    return corner + shares * sides


def _corner_and_sides(boxes: Boxes) -> tuple[Boxes, Boxes]:
    """Upper left corner and sides, each twice over, to go with x1 y1 x2 y2."""
    low, high = boxes[:, :2], boxes[:, 2:]
    return np.tile(low, 2), np.tile(high - low, 2)


def cut_out(pixels: Pixels, within: Boxes) -> Tensor:
    """Each region, stretched to `CROP_PX` squared: float32 [N, 3, 128, 128], values (x - 127) / 128.

    What lies outside the image is black.
    """
    image = Image.fromarray(pixels)
    crops = [_cut(image, *map(float, region)) for region in within]
    if not crops:
        return torch.zeros(0, 3, CROP_PX, CROP_PX)
    stacked = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
    return (stacked.float() - 127.0) / 128.0


def _cut(image: Image.Image, x1: float, y1: float, x2: float, y2: float) -> Pixels:
    left, top, right, bottom = (math.floor(x1), math.floor(y1), math.ceil(x2), math.ceil(y2))
    whole = image.crop((left, top, right, bottom))
    inner = (x1 - left, y1 - top, x2 - left, y2 - top)
    size = (CROP_PX, CROP_PX)
    small = whole.resize(size, Image.Resampling.BILINEAR, box=inner, reducing_gap=2.0)
    return np.asarray(small, dtype=np.uint8)
