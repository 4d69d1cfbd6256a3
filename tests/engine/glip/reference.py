"""What the original code computed: tensors by name, whole or every n-th number of them.

`SDPT_GLIP_REFERENCE` names another folder of the same layout; the committed one is the default.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

COMMITTED = Path(__file__).with_name("reference")
STRIDES = "strides"


def reference_folder() -> Path:
    return Path(os.environ.get("SDPT_GLIP_REFERENCE", COMMITTED))


@dataclass(slots=True)
class Recorded:
    """The tensors of one file. A thinned one holds the numbers 0, n, 2n, ... of the flattened tensor."""

    tensors: dict[str, Tensor]
    thinned: dict[str, tuple[int, list[int]]]  # n, and the shape before thinning
    worst: float = 0.0  # largest deviation seen
    compared: set[str] = field(default_factory=set)

    def __getitem__(self, name: str) -> Tensor:
        assert name not in self.thinned, f"{name} is stored in part only"
        return self.tensors[name]

    def names(self, prefix: str) -> Iterator[str]:
        return (name for name in self.tensors if name.startswith(prefix))

    def check(
        self, name: str, actual: Tensor, *, tolerance: float = 1e-4, is_cut: bool = False
    ) -> None:
        """Fails unless `actual` is within `tolerance`, absolute or relative, of what was recorded.

        `is_cut` says that only the first rows or columns of it were recorded.
        """
        wanted = self.tensors[name]
        step, shape = self.thinned.get(name, (1, list(wanted.shape)))
        if is_cut:
            actual = actual[tuple(slice(length) for length in shape)]
        assert list(actual.shape) == shape, f"{name}: {list(actual.shape)} is not {shape}"
        self.compared.add(name)
        found, wanted = actual.detach().flatten()[::step].double(), wanted.flatten().double()
        if len(wanted):
            self.worst = max(self.worst, float((found - wanted).abs().max()))
        torch.testing.assert_close(
            found, wanted, atol=tolerance, rtol=tolerance, msg=lambda text: f"{name}: {text}"
        )

    def unchecked(self) -> set[str]:
        return self.tensors.keys() - self.compared


def recorded(folder: Path, name: str) -> Recorded:
    with safe_open(folder / f"{name}.safetensors", "pt") as file:
        thinned = json.loads((file.metadata() or {}).get(STRIDES, "{}"))
        return Recorded({key: file.get_tensor(key) for key in file.keys()}, thinned)  # noqa: SIM118


def document(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return found
