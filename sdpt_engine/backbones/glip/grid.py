"""Where an image's tokens lie, and boxes between its pixels and the shares that the engine counts in.

GLIP counts both ends of a box as pixels: its x2 is the last pixel inside, of the picture as it was before resizing.

V image tokens over all levels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sdpt_engine.backbones.glip.anchors import centres_of, pyramid_anchors
from sdpt_engine.backbones.glip.config import GlipConfig
from sdpt_engine.backbones.glip.preprocess import resized_hw
from sdpt_engine.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh


@dataclass(frozen=True, slots=True)
class Grid:
    """The tokens of one image, level by level."""

    shapes: tuple[tuple[int, int], ...]  # (h, w) of each level
    anchors: tuple[Tensor, ...]  # [h * w, 4] of each level, xyxy in pixels of the resized image
    resized_wh: tuple[int, int]
    size_wh: tuple[int, int]  # of the original image

    @classmethod
    def of(
        cls,
        shapes: tuple[tuple[int, int], ...],
        size_wh: tuple[int, int],
        config: GlipConfig,
        device: torch.device,
    ) -> Grid:
        levels = pyramid_anchors(shapes, config.strides_px, config.anchor_sizes_px)
        height, width = resized_hw(size_wh, config.inputs)
        return cls(shapes, tuple(level.to(device) for level in levels), (width, height), size_wh)

    @property
    def num_tokens(self) -> int:
        return sum(height * width for height, width in self.shapes)

    def flat_anchors(self) -> Tensor:
        return torch.cat(self.anchors)

    def centres(self) -> Tensor:
        """Of each token's cell [V, 2], x y in 0..1 of the image; beyond 1 where the map was padded."""
        anchors = self.flat_anchors()
        return (centres_of(anchors) + 0.5) / anchors.new_tensor(self.resized_wh)

    def to_shares(self, boxes: Tensor) -> Tensor:
        """xyxy [..., 4] in pixels of the resized image to cxcywh in 0..1."""
        scale, size = self._scale(boxes), boxes.new_tensor(self.size_wh * 2)
        behind = boxes.new_tensor([0.0, 0.0, 1.0, 1.0])
        return xyxy_to_cxcywh((boxes * scale + behind) / size)

    def to_pixels(self, boxes: Tensor) -> Tensor:
        """The inverse of `to_shares`; a box thinner than a pixel becomes one pixel."""
        size = boxes.new_tensor(self.size_wh * 2)
        corners = cxcywh_to_xyxy(boxes) * size
        last = torch.maximum(corners[..., 2:] - 1, corners[..., :2])
        return torch.cat((corners[..., :2], last), dim=-1) / self._scale(boxes)

    def _scale(self, like: Tensor) -> Tensor:
        return like.new_tensor(self.size_wh * 2) / like.new_tensor(self.resized_wh * 2)
