"""Pictures as a person sees them, and their encoded views, worked out once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sdpt_engine.boxes import xyxy_to_cxcywh
from sdpt_engine.errors import ImageUnreadableError
from sdpt_engine.losses import Target
from sdpt_engine.types import Boxes, Example, Pixels

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector, EncodedImage

DEFAULT_BUDGET_BYTES = 2 * 1024**3


def load_image_upright(path: Path) -> Pixels:
    """uint8 [H, W, 3] RGB, turned as its EXIF says. Transparency is laid on white."""
    try:
        with Image.open(path) as opened:
            upright = ImageOps.exif_transpose(opened)
            return _as_rgb(upright)
    except FileNotFoundError as error:
        raise ImageUnreadableError(f"Image '{path}' is not there. Was it moved?") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageUnreadableError(
            f"Image '{path}' cannot be decoded: {error}. Replace or remove the file."
        ) from error


def _as_rgb(image: Image.Image) -> Pixels:
    if image.mode.startswith(("I", "F")):
        gray = _stretched(np.asarray(image, dtype=np.float64))
        return np.repeat(gray[:, :, None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, layer)
    return np.ascontiguousarray(np.asarray(image.convert("RGB"), dtype=np.uint8))


def _stretched(values: NDArray[np.float64]) -> Pixels:
    # Microscopes store 10 or 12 bits in 16: fixed scaling would show such a picture black.
    finite = np.nan_to_num(values)
    low, high = float(finite.min()), float(finite.max())
    return ((finite - low) * (255.0 / max(high - low, 1e-9))).round().astype(np.uint8)


@dataclass(frozen=True, slots=True)
class View:
    """An example as the detector takes it, plain or mirrored."""

    image: EncodedImage
    example: Example

    def target(self, places: Sequence[int]) -> Target:
        """Labels for a caption whose classes are the categories at `places`, in that order."""
        size = self.image.size_wh
        boxes, classes = _within(self.example.boxes, self.example.labels, places)
        negatives, negative_classes = _within(
            self.example.negatives, self.example.negative_labels, places
        )
        return Target(
            boxes=_normalised(boxes, size),
            classes=torch.from_numpy(classes),
            is_exhaustive=self.example.is_exhaustive,
            negatives=_normalised(negatives, size),
            negative_classes=torch.from_numpy(negative_classes),
        )


class ViewCache:
    """Encoded views of the examples, kept in memory up to a budget and encoded anew beyond it."""

    def __init__(
        self,
        detector: Detector,
        examples: Sequence[Example],
        *,
        budget_bytes: int = DEFAULT_BUDGET_BYTES,
    ):
        self._detector = detector
        self._examples = tuple(examples)
        self._budget_bytes = budget_bytes
        self._kept: dict[tuple[int, bool], EncodedImage] = {}
        self._num_bytes = 0

    def __len__(self) -> int:
        return len(self._examples)

    @property
    def num_bytes(self) -> int:
        """What the kept views take, in bytes; never above the budget."""
        return self._num_bytes

    def view(self, index: int, *, is_flipped: bool = False) -> View:
        image = self._kept.get((index, is_flipped))
        if image is None:
            image = self._encode(index, is_flipped)
        example = self._examples[index]
        return View(image, mirrored(example, image.size_wh[0]) if is_flipped else example)

    def _encode(self, index: int, is_flipped: bool) -> EncodedImage:
        pixels = load_image_upright(self._examples[index].image_path)
        if is_flipped:
            pixels = np.ascontiguousarray(pixels[:, ::-1])
        (image,) = self._detector.encode_images([pixels])
        if self._num_bytes + image.num_bytes <= self._budget_bytes:
            self._kept[index, is_flipped] = image
            self._num_bytes += image.num_bytes
        return image


def mirrored(example: Example, width: int) -> Example:
    """The example as seen in a mirror, for an image `width` pixels wide."""
    return Example(
        image_path=example.image_path,
        boxes=_mirrored_boxes(example.boxes, width),
        labels=example.labels,
        is_exhaustive=example.is_exhaustive,
        negatives=_mirrored_boxes(example.negatives, width),
        negative_labels=example.negative_labels,
    )


def _mirrored_boxes(boxes: Boxes, width: int) -> Boxes:
    turned = boxes.copy()
    turned[:, 0], turned[:, 2] = width - boxes[:, 2], width - boxes[:, 0]
    return turned


def _within(
    boxes: Boxes, labels: NDArray[np.int64], places: Sequence[int]
) -> tuple[Boxes, NDArray[np.int64]]:
    order = {place: index for index, place in enumerate(places)}
    kept = np.array([int(label) in order for label in labels], dtype=bool)
    renumbered = np.array([order[int(label)] for label in labels[kept]], dtype=np.int64)
    return boxes[kept], renumbered


def _normalised(boxes: Boxes, size_wh: tuple[int, int]) -> torch.Tensor:
    scale = torch.tensor([*size_wh, *size_wh], dtype=torch.float32)
    return xyxy_to_cxcywh(torch.from_numpy(boxes) / scale)
