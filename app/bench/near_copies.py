"""Copies of an image as people make them without knowing: saved again, cut a little, made smaller or brighter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image, ImageEnhance

Change = Callable[[Image.Image], Image.Image]

_GOOD_QUALITY = 90  # of JPEG, where the saving is not what is tried


def _cut(share: float) -> Change:
    def change(image: Image.Image) -> Image.Image:
        width, height = image.size
        x, y = round(width * share), round(height * share)
        return image.crop((x, y, width - x, height - y))

    return change


def _bright(factor: float) -> Change:
    return lambda image: ImageEnhance.Brightness(image).enhance(factor)


def _sized(factor: float) -> Change:
    def change(image: Image.Image) -> Image.Image:
        size = (round(image.width * factor), round(image.height * factor))
        return image.resize(size, Image.Resampling.BICUBIC)

    return change


def _all(*changes: Change) -> Change:
    def change(image: Image.Image) -> Image.Image:
        for one in changes:
            image = one(image)
        return image

    return change


# What is done, and the JPEG quality that it is saved with.
KINDS: dict[str, tuple[Change, int]] = {
    "JPEG 40": (_all(), 40),
    "3 % cut off each side": (_cut(0.03), _GOOD_QUALITY),
    "25 % brighter": (_bright(1.25), _GOOD_QUALITY),
    "20 % darker": (_bright(0.8), _GOOD_QUALITY),
    "half the size": (_sized(0.5), _GOOD_QUALITY),
    "a little of all": (_all(_cut(0.02), _bright(1.1), _sized(0.6)), 60),
}


def write_copies(original: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """One file of each kind in `folder`, named after the original: (kind, path)."""
    with Image.open(original) as opened:
        image = opened.convert("RGB")
    for number, (kind, (change, quality)) in enumerate(KINDS.items()):
        path = folder / f"{original.stem}-{number}.jpg"
        change(image).save(path, "JPEG", quality=quality)
        yield kind, path
