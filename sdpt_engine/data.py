"""Pictures as a person sees them, and their encoded views, worked out once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sdpt_engine.boxes import xyxy_to_cxcywh
from sdpt_engine.errors import ImageUnreadableError
from sdpt_engine.losses import Target
from sdpt_engine.pasting import Cutting, cuttings_of, pasted
from sdpt_engine.spilling import TensorFile
from sdpt_engine.types import Boxes, Example, Pixels
from sdpt_engine.views import PLAIN, ViewKind, looked_at

if TYPE_CHECKING:
    from sdpt_engine.asking import Asked
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
    """An example as the detector takes it: one encoded image per caption that is asked."""

    images: tuple[EncodedImage, ...]
    example: Example
    asked: tuple[Asked, ...]

    def target(self, number: int) -> Target:
        """Labels for caption `number`, whose classes are counted in the caption's own order."""
        places = self.asked[number].places
        size = self.images[number].size_wh
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
            num_in_all_captions=len(self.example.boxes),
        )


class ViewCache:
    """Encoded views of the examples: in memory up to a budget, beyond it in a memory-mapped file.

    `layer` is the first fusion layer that still has to be run: with more than 0, what enters it is kept
    instead of the encoder's own output, one state per caption.
    """

    def __init__(
        self,
        detector: Detector,
        examples: Sequence[Example],
        asked: Sequence[Asked],
        *,
        layer: int = 0,
        budget_bytes: int = DEFAULT_BUDGET_BYTES,
    ):
        self.asked = tuple(asked)
        self._detector = detector
        self._examples = tuple(examples)
        self._layer = layer
        self._budget_bytes = budget_bytes
        self._kept: dict[tuple[int, ViewKind], View] = {}
        self._cuttings: dict[int, tuple[Cutting, ...]] = {}
        self._spill: TensorFile | None = None
        self._num_bytes = 0

    def __len__(self) -> int:
        return len(self._examples)

    @property
    def num_bytes(self) -> int:
        """What the kept views, and objects to paste, take of the memory, in bytes; never above the budget."""
        return self._num_bytes

    @property
    def num_spilled_bytes(self) -> int:
        """What lies in the memory-mapped file, in bytes."""
        return 0 if self._spill is None else self._spill.num_bytes

    def view(self, index: int, kind: ViewKind = PLAIN) -> View:
        if (index, kind) not in self._kept:
            self._kept[index, kind] = self._stored(self._made(index, kind))
        return self._kept[index, kind]

    def subset(self, indices: Sequence[int]) -> ViewCache:
        """A cache over some of the examples that shares what is encoded already, but for what shows others too."""
        part = ViewCache(
            self._detector,
            [self._examples[i] for i in indices],
            self.asked,
            layer=self._layer,
            budget_bytes=self._budget_bytes - self._num_bytes,
        )
        own = {old: new for new, old in enumerate(indices)}
        part._kept = {
            (own[i], kind): view
            for (i, kind), view in self._kept.items()
            if i in own and not kind.has_pasted
        }
        return part

    def adopt(self, part: ViewCache, indices: Sequence[int]) -> None:
        """Keep what a part made by `subset(indices)` has encoded meanwhile, as far as the memory allows.

        Not what has objects pasted into it: of all examples these would be others.
        """
        for (index, kind), view in part._kept.items():
            if not kind.has_pasted and (indices[index], kind) not in self._kept:
                size = sum(image.num_bytes for image in _distinct(view).values())
                if self._num_bytes + size <= self._budget_bytes:
                    self._kept[indices[index], kind] = view
                    self._num_bytes += size

    def _made(self, index: int, kind: ViewKind) -> View:
        example = self._examples[index]
        pixels = load_image_upright(example.image_path)
        if kind.has_pasted:
            chance = np.random.default_rng((kind.seed, index))
            pixels, example = pasted(pixels, example, self._picked_for(example, chance), chance)
        pixels, seen = looked_at(pixels, example, kind)
        (image,) = self._detector.encode_images([pixels])
        if self._layer == 0:
            return View((image,) * len(self.asked), seen, self.asked)
        states = [self._detector.advanced([image], a.text, self._layer)[0] for a in self.asked]
        return View(tuple(states), seen, self.asked)

    def _picked_for(self, example: Example, chance: np.random.Generator) -> list[Cutting]:
        """A few objects of any of the images, up to as many as an image has.

        An image that is labelled to its end gets none of one that is not: what lies beside an object may lack its box.
        """
        usual = round(sum(len(other.boxes) for other in self._examples) / len(self))
        sources = [
            index
            for index, other in enumerate(self._examples)
            if other.is_exhaustive or not example.is_exhaustive
        ]
        picked = []
        for _ in range(int(chance.integers(1, max(usual, 1) + 1))):
            if cuttings := self._cuttings_of(int(chance.choice(sources))):
                picked.append(cuttings[int(chance.integers(len(cuttings)))])
        return picked

    def _cuttings_of(self, index: int) -> tuple[Cutting, ...]:
        """Kept as long as the memory allows."""
        if index in self._cuttings:
            return self._cuttings[index]
        example = self._examples[index]
        cuttings = cuttings_of(load_image_upright(example.image_path), example)
        size = sum(cutting.pixels.nbytes for cutting in cuttings)
        if self._num_bytes + size <= self._budget_bytes:
            self._num_bytes += size
            self._cuttings[index] = cuttings
        return cuttings

    def _stored(self, view: View) -> View:
        distinct = _distinct(view).values()
        size = sum(image.num_bytes for image in distinct)
        if self._num_bytes + size <= self._budget_bytes:
            self._num_bytes += size
            return view
        if self._spill is None:
            self._spill = TensorFile()
        mapped = {id(image): self._spill.put(image) for image in distinct}
        return replace(view, images=tuple(mapped[id(image)] for image in view.images))


def _distinct(view: View) -> dict[int, EncodedImage]:
    """Without entry states all captions share one encoded image."""
    return {id(image): image for image in view.images}


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
