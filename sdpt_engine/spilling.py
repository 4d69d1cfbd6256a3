"""Encoded images in a memory-mapped file, for sets that do not fit into memory."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import EncodedImage


class TensorFile:
    """A scratch folder that lives as long as this object; what is put there is read page by page."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sdpt-views-")
        self._number = 0
        self.num_bytes = 0

    def put(self, image: EncodedImage) -> EncodedImage:
        """The same image with its tensors in the file."""
        self.num_bytes += image.num_bytes
        return replace(
            image,
            levels=tuple(self._mapped(t) for t in image.levels),
            positions=tuple(self._mapped(t) for t in image.positions),
            words=None if image.words is None else self._mapped(image.words),
        )

    def _mapped(self, tensor: Tensor) -> Tensor:
        path = Path(self._folder.name) / f"{self._number}.bin"
        self._number += 1
        path.write_bytes(tensor.contiguous().numpy().tobytes())
        flat = torch.from_file(str(path), shared=False, size=tensor.numel(), dtype=tensor.dtype)
        with contextlib.suppress(PermissionError):  # Windows keeps a mapped file until it is let go
            path.unlink()  # mapped already; gone from the disk with the last tensor, even after a kill
        return flat.view(tensor.shape)
