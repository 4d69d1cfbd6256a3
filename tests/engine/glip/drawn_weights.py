"""The reference's random weights, drawn again instead of stored: all large ones came from one seed.

weights_drawn.json lists every draw in order; weights_kept.safetensors holds the small tensors as they are,
and every `_SAMPLE`-th number of the drawn ones to notice a torch that draws others.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

DRAWN_NAME, KEPT_NAME = "weights_drawn.json", "weights_kept.safetensors"
_SAMPLE_PREFIX, _SAMPLE = "sample of ", 1009


def draw(folder: Path) -> dict[str, Tensor]:
    """The original's whole state dict, but for what follows from the configuration."""
    recipe = json.loads((folder / DRAWN_NAME).read_text(encoding="utf-8"))
    kept = load_file(folder / KEPT_NAME)
    weights = {name: t for name, t in kept.items() if not name.startswith(_SAMPLE_PREFIX)}
    generator = torch.Generator().manual_seed(recipe["seed"])
    for name, shape, kind, scale in recipe["draws"]:
        for _ in range(kind.count("uniform")):
            torch.rand(shape, generator=generator)
        if kind == "normal":
            drawn = torch.randn(shape, generator=generator)
            if scale is not None:
                factor, divisor = scale
                weights[name] = drawn * factor / divisor
                _check(name, weights[name], kept[_SAMPLE_PREFIX + name])
    return weights


def sampled(name: str, tensor: Tensor) -> tuple[str, Tensor]:
    return _SAMPLE_PREFIX + name, tensor.flatten()[::_SAMPLE].clone()


def _check(name: str, drawn: Tensor, sample: Tensor) -> None:
    torch.testing.assert_close(
        drawn.flatten()[::_SAMPLE],
        sample,
        rtol=1e-5,
        atol=1e-7,
        msg=lambda text: (
            f"This torch draws other numbers for {name}; use the full reference. {text}"
        ),
    )
