"""Cut-outs in, chances of each class out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sdpt_engine.backbones.efficientnet_lite import EfficientNetLite0
from sdpt_engine.second_look.crops import cut_out, regions
from sdpt_engine.types import Boxes, Pixels

NUM_FEATURES = 640
Chances = NDArray[np.float32]
_MARGIN = 0.05  # of a side: the object and hardly anything else
_BOTH_WAYS = (0, 2)  # quarter turns: as it is, and upside down
_STAGE = 6  # of the encoder: its last, stride 32 with 320 channels


class Namer:
    """Knows K classes by their ids, and what is none of them."""

    def __init__(self, tensors: Mapping[str, Tensor], encoder: EfficientNetLite0) -> None:
        """`tensors`: "weight" [K + 1, 640], "bias" [K + 1], the last row for none of them; "class_ids" [K].

        Raises ValueError for others.
        """
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        rows = shapes.get("class_ids", (0,))[0] + 1
        wanted: dict[str, Any] = {
            "weight": (rows, NUM_FEATURES),
            "bias": (rows,),
            "class_ids": (rows - 1,),
        }
        if shapes != wanted:
            raise ValueError(f"They have the shapes {shapes}, where {wanted} was expected.")
        self.tensors = dict(tensors)
        self._encoder = encoder
        self._device = next(encoder.parameters()).device
        self._weight, self._bias = (
            tensors[name].float().to(self._device) for name in ("weight", "bias")
        )

    @property
    def class_ids(self) -> list[int]:
        ids: list[int] = self.tensors["class_ids"].tolist()
        return ids

    def chance_of(self, pixels: Pixels, boxes: Boxes, class_id: int) -> NDArray[np.float32]:
        """That each box shows this class [N]; 1 for all when the class is not known."""
        if class_id not in self.class_ids:
            return np.ones(len(boxes), np.float32)
        return self.chances(pixels, boxes)[:, self.class_ids.index(class_id)]

    @torch.no_grad()
    def chances(self, pixels: Pixels, boxes: Boxes) -> Chances:
        """The chance that each box shows each class it knows, or (last) none of them: [N, K + 1], sums of 1.

        By the mean of two looks, which is less noisy than one.
        """
        if not len(boxes):
            return np.zeros((0, len(self._bias)), np.float32)
        looks = features_of(self._encoder, pixels, boxes, quarters=_BOTH_WAYS)
        features = looks.view(len(_BOTH_WAYS), len(boxes), NUM_FEATURES).mean(dim=0)
        logits = features @ self._weight.T + self._bias
        chances: Chances = logits.softmax(dim=-1).cpu().numpy()
        return chances


@torch.no_grad()
def features_of(
    encoder: EfficientNetLite0, pixels: Pixels, boxes: Boxes, *, quarters: Sequence[int]
) -> Tensor:
    """The mean and the largest value of each channel of the last map of each box's cut-out: [Q N, 640].

    First of all boxes turned by the first number of `quarters` of a circle, then by the second, and so on.
    """
    device = next(encoder.parameters()).device
    cut_outs = cut_out(pixels, regions(boxes, _MARGIN)).to(device)
    seen = []
    for quarter in quarters:
        (last,) = encoder.maps(cut_outs.rot90(quarter, (2, 3)), (_STAGE,))
        seen.append(torch.cat((last.mean(dim=(2, 3)), last.amax(dim=(2, 3))), dim=1))
    return torch.cat(seen)
