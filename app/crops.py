"""A small picture of one box with some of what surrounds it."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image as Pillow
from PIL import ImageDraw

from app.media import content_tag, existing_file, open_upright
from app.workspace import Workspace
from storage.types import Box, Image

SIDE_PX = 160
_MARGIN = 0.25  # of the longer side of the box, on each side
_LEAST_PX = 24  # of the image: a smaller cut would show a few blurred pixels and no surroundings
_QUALITY = 85


@dataclass(frozen=True, slots=True)
class CropSource:
    """The image and the box in its upright pixels."""

    image: Image
    box: Box


def crop_tag(workspace: Workspace, source: CropSource) -> str:
    """Changes whenever the picture does."""
    path = existing_file(workspace, source.image)
    corners = "-".join(f"{value:.1f}" for value in source.box)
    return f"{content_tag(path, source.image)}-{corners}-crop"


def crop_jpeg(workspace: Workspace, source: CropSource) -> bytes:
    """A square JPEG around the box, which is outlined. Raises ImageFileError."""
    x1, y1, x2, y2 = source.box
    half = max((max(x2 - x1, y2 - y1)) * (0.5 + _MARGIN), _LEAST_PX / 2)
    centre = ((x1 + x2) / 2, (y1 + y2) / 2)
    path = existing_file(workspace, source.image)
    # A JPEG can be decoded smaller at once; no smaller than the crop is shown.
    scale = SIDE_PX / (2 * half)
    at_least = int(min(1.0, scale) * max(source.image.size_wh))
    whole = open_upright(path, at_least_px=max(1, at_least))
    shrunk = whole.width / source.image.width
    left, top = (centre[0] - half) * shrunk, (centre[1] - half) * shrunk
    side = 2 * half * shrunk
    cut = whole.crop((round(left), round(top), round(left + side), round(top + side)))
    shown = cut.resize((SIDE_PX, SIDE_PX), Pillow.Resampling.BILINEAR)
    corners = [(v - o) * shrunk * SIDE_PX / side for v, o in _pairs(source.box, left, top, shrunk)]
    ImageDraw.Draw(shown).rectangle(corners, outline=(255, 255, 255), width=1)
    with io.BytesIO() as stream:
        shown.save(stream, "JPEG", quality=_QUALITY)
        return stream.getvalue()


def _pairs(box: Box, left: float, top: float, shrunk: float) -> list[tuple[float, float]]:
    offsets = (left / shrunk, top / shrunk) * 2
    return list(zip(box, offsets, strict=True))
