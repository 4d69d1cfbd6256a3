"""Stand-ins for the released checkpoints, from the lists of their tensors' names and shapes."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

_KEYS = Path(__file__).with_name("checkpoint_keys")
_NARROWER = {256: 32, 768: 48, 2048: 64, 3072: 64, 30522: 1000, 512: 40, 1024: 128, 64: 8}
_SWIN, _LATERAL = "backbone.body", "backbone.fpn.fpn_inner"
_SWIN_KEPT = (1, 3, 4, 49)  # lengths that are no widths


def released(size: str) -> dict[str, Tensor]:
    """GLIP-T ("t") or GLIP-L ("l"), without memory for the numbers."""
    document = json.loads((_KEYS / f"glip_{size}.json").read_text(encoding="utf-8"))
    return {name: torch.empty(shape, device="meta") for name, shape, _, _ in document["keys"]}


def released_count(size: str) -> int:
    """How many numbers its parameters are."""
    document = json.loads((_KEYS / f"glip_{size}.json").read_text(encoding="utf-8"))
    return int(document["n_parameters"])


def save_small_checkpoint(path: Path) -> Path:
    """GLIP-T with every width cut down and random numbers, wrapped as the trainer wraps it."""
    torch.manual_seed(0)
    tensors = {
        f"module.{name}": 0.1 * torch.randn(_narrowed(name, list(tensor.shape)))
        for name, tensor in released("t").items()
    }
    torch.save({"model": tensors, "model_ema": tensors, "iteration": 3}, path)
    return path


def save_short_vocabulary(path: Path, full: Path) -> Path:
    """As many words as the small checkpoint knows."""
    words = full.read_text(encoding="utf-8").split("\n")[: _NARROWER[30522]]
    path.write_text("\n".join(words) + "\n", encoding="utf-8")
    return path


def _narrowed(name: str, shape: list[int]) -> list[int]:
    if name.startswith(_SWIN):
        is_kept = "relative" in name
        return [n if is_kept or n in _SWIN_KEPT else n // 8 for n in shape]
    small = [_NARROWER.get(length, length) for length in shape]
    if name.startswith(_LATERAL) and name.endswith("weight"):
        small[1] = shape[1] // 8  # from a width of the image encoder
    return small
