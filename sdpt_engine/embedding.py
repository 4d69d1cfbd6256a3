"""A vector for a whole image, from the frozen image encoder that is loaded anyway: what looks alike lies close."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sdpt_engine.backbones.base import Detector, EncodedImage
from sdpt_engine.data import load_image_upright
from sdpt_engine.errors import ImageUnreadableError

Vector = NDArray[np.float32]


def embed_each(
    detector: Detector, paths: Sequence[Path]
) -> Iterator[tuple[int, Vector | ImageUnreadableError]]:
    """Yields (index into `paths`, vector or why there is none) in order; vectors have length 1."""
    for index, path in enumerate(paths):
        try:
            pixels = load_image_upright(path)
        except ImageUnreadableError as error:
            yield index, error
            continue
        (encoded,) = detector.encode_images([pixels])
        yield index, pooled(encoded)


@torch.no_grad()
def pooled(image: EncodedImage) -> Vector:
    """The mean over each level, side by side; each level counts the same, whatever its scale."""
    means = [level.float().mean(dim=(1, 2)) for level in image.levels]  # each [d]
    parts = [mean / mean.norm().clamp(min=1e-6) for mean in means]
    joined = torch.cat(parts) / len(parts) ** 0.5  # [levels * d]
    vector: Vector = joined.cpu().numpy().astype(np.float32)
    return vector
