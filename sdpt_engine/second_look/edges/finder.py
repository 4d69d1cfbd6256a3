"""Found boxes in, tighter ones out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from sdpt_engine.backbones import nano_folder
from sdpt_engine.backbones.efficientnet_lite import EfficientNetLite0, in_full_precision
from sdpt_engine.second_look.crops import cut_out, from_shares, regions
from sdpt_engine.second_look.edges.network import EdgeNetwork, Maps, encode, places, scatter
from sdpt_engine.second_look.encoder import load_encoder
from sdpt_engine.types import Boxes, Pixels

_MARGIN = 0.35  # of a side: as far as an edge may be off
_LEAST_PX = 1.0


def shipped_edges() -> dict[str, Tensor]:
    """The weights that nobody has taught yet."""
    tensors: dict[str, Tensor] = load_file(nano_folder() / "edges.safetensors")
    return tensors


class EdgeFinder:
    """The frozen encoder, and a network that may have learnt from a person."""

    def __init__(self, tensors: Mapping[str, Tensor], encoder: EfficientNetLite0) -> None:
        """Raises ValueError for tensors of another network."""
        self._encoder = encoder
        self.device = next(encoder.parameters()).device
        self.network = EdgeNetwork()
        try:
            self.network.load_state_dict(in_full_precision(tensors))
        except RuntimeError as error:
            raise ValueError(str(error).splitlines()[0]) from error
        self.network.to(self.device).eval().requires_grad_(False)

    @staticmethod
    def shipped(device: torch.device) -> EdgeFinder:
        """The one that nobody has taught yet."""
        return EdgeFinder(shipped_edges(), load_encoder(device))

    @property
    def tensors(self) -> dict[str, Tensor]:
        """What `EdgeFinder` is made again from, in half precision on the CPU."""
        state = self.network.state_dict()
        return {name: value.detach().cpu().half().contiguous() for name, value in state.items()}

    def regions(self, boxes: Boxes) -> Boxes:
        """Where it looks for the edges of each box. [N, 4] to [N, 4]."""
        return regions(boxes, _MARGIN)

    def maps(self, pixels: Pixels, boxes: Boxes) -> Maps:
        """What the frozen encoder makes of the cut-out around each box."""
        return encode(self._encoder, cut_out(pixels, self.regions(boxes)).to(self.device))

    def tighten(self, pixels: Pixels, boxes: Boxes) -> Boxes:
        """Each box with its edges where the network sees them; [N, 4] to [N, 4], within the image."""
        return self.look(pixels, boxes)[0] if len(boxes) else boxes

    @torch.no_grad()
    def look(self, pixels: Pixels, boxes: Boxes) -> tuple[Boxes, NDArray[np.float32]]:
        """Tightened boxes [N, 4], and how unclear the four edges of each are [N]: in shares of what was cut out."""
        logits = self.network(self.maps(pixels, boxes))
        shares, unclear = places(logits).cpu().numpy(), scatter(logits).mean(dim=1).cpu().numpy()
        height, width = pixels.shape[:2]
        limits = np.array([width, height, width, height], np.float32)
        found: Boxes = from_shares(shares, self.regions(boxes)).clip(0, limits).astype(np.float32)
        is_real = (found[:, 2:] - found[:, :2]).min(axis=1, keepdims=True) >= _LEAST_PX
        return np.where(is_real, found, boxes), unclear
