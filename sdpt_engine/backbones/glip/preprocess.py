"""Pictures to the model's input: resized by Pillow, BGR, normalised, padded right and bottom to one batch.

B images, h and w pixels after resizing, H and W after padding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sdpt_engine.backbones.glip.config import InputSettings
from sdpt_engine.types import Pixels


def resized_hw(size_wh: tuple[int, int], settings: InputSettings) -> tuple[int, int]:
    """(h, w) in pixels after resizing: short side `min_size_px`, long side about `max_size_px` at most.

    The long side is cut to an integer, so it may pass the limit by some pixels.
    """
    width, height = size_wh
    short, long = min(size_wh), max(size_wh)
    target = settings.min_size_px
    if long / short * target > settings.max_size_px:
        target = round(settings.max_size_px * short / long)
    if short == target:
        return height, width
    other = int(target * long / short)
    return (target, other) if height == short else (other, target)


def to_input(image: Pixels, settings: InputSettings) -> Tensor:
    """uint8 RGB [H, W, 3] to float32 BGR [3, h, w], normalised."""
    height, width = image.shape[:2]
    new_height, new_width = resized_hw((width, height), settings)
    picture = Image.fromarray(image)
    if (new_height, new_width) != (height, width):
        picture = picture.resize((new_width, new_height), Image.Resampling.BILINEAR)
    unit = torch.from_numpy(np.asarray(picture, dtype=np.float32)) / 255.0  # as the original rounds
    bgr = unit.permute(2, 0, 1).flip(0) * 255.0
    mean = torch.tensor(settings.pixel_mean_bgr)[:, None, None]
    std = torch.tensor(settings.pixel_std_bgr)[:, None, None]
    return (bgr - mean) / std


def to_batch(inputs: Sequence[Tensor], settings: InputSettings) -> Tensor:
    """[3, h, w] each to [B, 3, H, W]. The padding is 0 and the network sees it: nothing masks it later."""
    height = _rounded_up(max(image.shape[1] for image in inputs), settings.size_divisor)
    width = _rounded_up(max(image.shape[2] for image in inputs), settings.size_divisor)
    batch = inputs[0].new_zeros(len(inputs), 3, height, width)
    for row, image in zip(batch, inputs, strict=True):
        row[:, : image.shape[1], : image.shape[2]] = image
    return batch


def _rounded_up(size: int, divisor: int) -> int:
    """As it is with a divisor of 0, as the original's settings have it."""
    if divisor < 1:
        return size
    return -(-size // divisor) * divisor
