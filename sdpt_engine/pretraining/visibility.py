"""What can still be seen of each layer when others lie on top of it, and the box around that."""

from __future__ import annotations

import numpy as np

from sdpt_engine.pretraining.backgrounds import FloatImage
from sdpt_engine.pretraining.layers import Layer

Box = tuple[float, float, float, float]  # xyxy
_SEEN = 0.25


class Stack:
    """Layers on a canvas, the last on top."""

    def __init__(self, size_wh: tuple[int, int], *, min_visible: float) -> None:
        self.size_wh = size_wh
        self._min_visible = min_visible
        self._visible: list[
            FloatImage
        ] = []  # each [H, W], alpha times what the layers above let through
        self._whole: list[float] = []
        self._peak: list[float] = []

    def has_room_for(self, layer: Layer, *, others_visible: float) -> bool:
        """Whether the layer keeps its box, and each layer that it covers stays visible by this share."""
        outer, inner = layer.windows(self._empty())
        alpha = layer.alpha[inner]
        if alpha.sum() < self._min_visible * layer.alpha.sum():
            return False
        hidden = [float((visible[outer] * alpha).sum()) for visible in self._visible]
        return all(
            lost < 1 or float(visible.sum()) - lost >= others_visible * whole
            for lost, visible, whole in zip(hidden, self._visible, self._whole, strict=True)
        )

    def add(self, layer: Layer) -> None:
        own = self._empty()
        outer, inner = layer.windows(own)
        own[outer] = layer.alpha[inner]
        for visible in self._visible:
            visible[outer] *= 1 - layer.alpha[inner]
        self._visible.append(own)
        self._whole.append(float(layer.alpha.sum()))
        self._peak.append(float(layer.alpha.max()))

    def boxes(self) -> list[Box | None]:
        """For each layer the box around its visible pixels; None when too little of it can be seen."""
        return [self._box(index) for index in range(len(self._visible))]

    def _box(self, index: int) -> Box | None:
        visible = self._visible[index]
        if visible.sum() < self._min_visible * self._whole[index]:
            return None
        seen = visible >= _SEEN * self._peak[index]
        rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
        if not len(rows):
            return None
        return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)

    def _empty(self) -> FloatImage:
        return np.zeros((self.size_wh[1], self.size_wh[0]), np.float32)
