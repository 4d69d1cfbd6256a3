"""Found boxes in, tighter ones out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from sdpt_engine.backbones.efficientnet_lite import in_full_precision, load_folded
from sdpt_engine.decoding import without_duplicates
from sdpt_engine.edges.crops import cut_out, from_shares, regions
from sdpt_engine.edges.network import EdgeNetwork, Maps, encode, places
from sdpt_engine.types import Boxes, Pixels, Prediction

MOST_BOXES = 40  # of an image, surest first: a look costs some milliseconds each
_LEAST_PX = 1.0
_ENCODER_DIR = Path(__file__).resolve().parents[2] / "assets" / "backbones" / "nano"
SHIPPED_EDGES = _ENCODER_DIR / "edges.safetensors"


class EdgeFinder:
    """The frozen encoder of nano, whatever the detector is, and a network that may have learnt from a person."""

    def __init__(self, tensors: Mapping[str, Tensor], device: torch.device) -> None:
        """Raises ValueError for tensors of another network."""
        self.device = device
        encoder = load_folded(_ENCODER_DIR / "image_encoder.safetensors")
        self._encoder = encoder.requires_grad_(False).to(device)
        self.network = EdgeNetwork()
        try:
            self.network.load_state_dict(in_full_precision(tensors))
        except RuntimeError as error:
            raise ValueError(str(error).splitlines()[0]) from error
        self.network.to(device).eval().requires_grad_(False)

    @staticmethod
    def shipped(device: torch.device) -> EdgeFinder:
        """The one that nobody has taught yet."""
        return EdgeFinder(load_file(SHIPPED_EDGES), device)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """What `EdgeFinder` is made again from, in half precision on the CPU."""
        state = self.network.state_dict()
        return {name: value.detach().cpu().half().contiguous() for name, value in state.items()}

    def maps(self, pixels: Pixels, boxes: Boxes) -> Maps:
        """What the frozen encoder makes of the cut-out around each box."""
        return encode(self._encoder, cut_out(pixels, boxes).to(self.device))

    @torch.no_grad()
    def tighten(self, pixels: Pixels, boxes: Boxes) -> Boxes:
        """Each box with its edges where the network sees them; [N, 4] to [N, 4], within the image."""
        if not len(boxes):
            return boxes
        shares = places(self.network(self.maps(pixels, boxes))).cpu().numpy()
        height, width = pixels.shape[:2]
        limits = np.array([width, height, width, height], np.float32)
        found: Boxes = from_shares(shares, regions(boxes)).clip(0, limits).astype(np.float32)
        is_real = (found[:, 2:] - found[:, :2]).min(axis=1, keepdims=True) >= _LEAST_PX
        return np.where(is_real, found, boxes)

    def look_again(
        self, pixels: Pixels, prediction: Prediction, *, nms_iou: float = 0.7
    ) -> Prediction:
        """The surest `MOST_BOXES` tightened, the others as they are; what came to lie on a surer one is gone.

        Only within a class: two classes that fight for one object now lie on it both, and the surer may be wrong.
        """
        boxes = prediction.boxes.copy()
        boxes[:MOST_BOXES] = self.tighten(pixels, boxes[:MOST_BOXES])
        labels = torch.from_numpy(prediction.labels)
        kept = without_duplicates(torch.from_numpy(boxes), labels, nms_iou, math.inf).numpy()
        return Prediction(
            boxes[kept], prediction.scores[kept], prediction.labels[kept], prediction.size_wh
        )
