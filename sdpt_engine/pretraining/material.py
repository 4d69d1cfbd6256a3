"""Cut-outs by the name of what they show, in two art styles that may be redistributed.

Names are Unicode's own, in lower case, as in `assets/backbones/nano/concepts.txt`: "ball of yarn" is U+1F9F6.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sdpt_engine.errors import MaterialMissingError

Rgba = NDArray[np.uint8]  # [H, W, 4], colours not multiplied by alpha
_FONT_SIZE = 109  # the only size that the bitmaps of the font come in
_FONT_CELL_WH = (136, 128)
_SOLID_ALPHA = 8


@dataclass(frozen=True, slots=True)
class Source:
    """Where pictures come from, under which licence, and how to fetch them by package name."""

    style: str
    title: str
    package: str
    licence: str
    fetch: str
    path: str


NOTO = Source(
    style="noto",
    title="Noto Color Emoji, Google Inc.",
    package="fonts-noto-color-emoji (Debian)",
    licence="font OFL-1.1, art Apache-2.0",
    fetch="apt-get download fonts-noto-color-emoji && dpkg-deb -x fonts-noto-color-emoji_*.deb noto",
    path="noto/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf",
)
FLUENT = Source(
    style="fluent",
    title="Fluent Emoji 3D, Microsoft Corporation, packed by LobeHub",
    package="@lobehub/fluent-emoji-3d 1.1.0 (npm)",
    licence="MIT",
    fetch="npm pack @lobehub/fluent-emoji-3d@1.1.0 && tar xzf lobehub-fluent-emoji-3d-1.1.0.tgz",
    path="package/assets",
)
SOURCES = (NOTO, FLUENT)


@dataclass(frozen=True, slots=True)
class CutOut:
    """One drawing of a concept, trimmed to its opaque part."""

    concept: str
    style: str
    pixels: Rgba


Material = Mapping[str, tuple[CutOut, ...]]


class EmojiMaterial(Mapping[str, tuple[CutOut, ...]]):
    """The drawings of each concept, made when first asked for: at least one, at most one in each style."""

    def __init__(self, concepts: Iterable[str], *, font: Path, fluent: Path) -> None:
        for path, source in ((font, NOTO), (fluent, FLUENT)):
            if not path.exists():
                raise MaterialMissingError(
                    f"{source.title}: '{path}' is not there. Fetch it: {source.fetch}"
                )
        self._font = ImageFont.truetype(str(font), _FONT_SIZE)
        self._fluent = {_code_point(path): path for path in sorted(fluent.glob("*.webp"))}
        self._characters = {concept: _character(concept) for concept in concepts}
        self._drawn: dict[str, tuple[CutOut, ...]] = {}

    def __getitem__(self, concept: str) -> tuple[CutOut, ...]:
        if concept not in self._drawn:
            self._drawn[concept] = self._draw(concept, self._characters[concept])
        return self._drawn[concept]

    def __iter__(self) -> Iterator[str]:
        return iter(self._characters)

    def __len__(self) -> int:
        return len(self._characters)

    def _draw(self, concept: str, character: str) -> tuple[CutOut, ...]:
        pictures = [(NOTO.style, self._from_font(character))]
        if (path := self._fluent.get(f"{ord(character):04x}")) is not None:
            with Image.open(path) as opened:
                pictures.append((FLUENT.style, opened.convert("RGBA")))
        trimmed = [(style, trim(np.asarray(picture))) for style, picture in pictures]
        drawings = tuple(CutOut(concept, style, pixels) for style, pixels in trimmed if pixels.size)
        if not drawings:
            raise MaterialMissingError(
                f"Concept '{concept}' is drawn neither in {NOTO.title}, nor in {FLUENT.title}."
            )
        return drawings

    def _from_font(self, character: str) -> Image.Image:
        cell = Image.new("RGBA", _FONT_CELL_WH)
        ImageDraw.Draw(cell).text((0, 0), character, font=self._font, embedded_color=True)
        # Text on a clear cell comes out multiplied by its alpha: taken as it is, its edges would be dark.
        return Image.frombytes("RGBa", cell.size, cell.tobytes()).convert("RGBA")


def trim(pixels: Rgba) -> Rgba:
    """The part within the outermost pixels that can be seen; empty if none can."""
    solid = pixels[:, :, 3] >= _SOLID_ALPHA
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    if not len(rows):
        return pixels[:0, :0]
    return np.ascontiguousarray(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _code_point(path: Path) -> str:
    return path.stem.removesuffix("-fe0f")


def _character(concept: str) -> str:
    try:
        return unicodedata.lookup(concept.upper())
    except KeyError:
        raise MaterialMissingError(
            f"Concept '{concept}' is no name in Unicode. Write it as in concepts.txt."
        ) from None
