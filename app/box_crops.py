"""A small square picture of one box with some of what surrounds it, for pages on which many boxes are looked at."""

from __future__ import annotations

import hashlib
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageDraw

from app.media import Media, content_tag, existing_file, open_upright, write_once
from app.workspace import Workspace
from storage.types import Box, Image

SIDE_PX = 160
_MARGIN = 0.25  # of the longer side of the box, on each side
_LEAST_PX = 24  # of the image: a smaller cut would show a few blurred pixels and no surroundings
_QUALITY = 85
_OUTLINE = (255, 255, 255)


def crop(workspace: Workspace, image: Image, box: Box) -> Media:
    """A JPEG around the box, which is outlined; `box` in upright pixels of the image. Raises ImageFileError."""
    source = existing_file(workspace, image)
    place = ",".join(f"{value:.3f}" for value in box)
    etag = hashlib.sha256(f"{content_tag(source, image)}|{place}".encode()).hexdigest()
    cached = workspace.thumbs_dir / "crops" / etag[:2] / f"{etag}.jpg"
    if not cached.exists():
        write_once(cached, lambda target: _cut(source, image, box, target))
    return Media(cached, "image/jpeg", etag)


def _cut(source: Path, image: Image, box: Box, target: Path) -> None:
    x1, y1, x2, y2 = box
    half = max(max(x2 - x1, y2 - y1) * (0.5 + _MARGIN), _LEAST_PX / 2)
    left, top = (x1 + x2) / 2 - half, (y1 + y2) / 2 - half
    scale = SIDE_PX / (2 * half)
    # A JPEG can be decoded smaller at once; no smaller than the crop is shown.
    at_least = int(min(1.0, scale) * max(image.size_wh))
    whole = open_upright(source, at_least_px=max(1, at_least))
    shrunk = whole.width / image.width
    x0, y0, side = round(left * shrunk), round(top * shrunk), round(2 * half * shrunk)
    cut = whole.crop((x0, y0, x0 + side, y0 + side))
    shown = cut.resize((SIDE_PX, SIDE_PX), Pillow.Resampling.BILINEAR)
    corners = [((x - left) * scale, (y - top) * scale) for x, y in ((x1, y1), (x2, y2))]
    ImageDraw.Draw(shown).rectangle(corners, outline=_OUTLINE, width=1)
    shown.save(target, "JPEG", quality=_QUALITY)
