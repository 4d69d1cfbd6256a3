"""A box cut out of its image, with a margin, for grids in which a person looks at many boxes of one class."""

from __future__ import annotations

import hashlib
from pathlib import Path

from PIL import Image as Pillow

from app.media import Media, content_tag, existing_file, open_upright, write_once
from app.workspace import Workspace
from storage.types import Box, Image

SIDE_PX = 128
_MARGIN = 0.15  # of the longer side of the box, on each side
_LEAST_MARGIN_PX = 4.0
_QUALITY = 82


def crop(workspace: Workspace, image: Image, box: Box) -> Media:
    """A JPEG of at most SIDE_PX. Raises ImageFileError when the file is gone or unreadable."""
    source = existing_file(workspace, image)
    place = ",".join(f"{value:.3f}" for value in box)
    etag = hashlib.sha256(f"{content_tag(source, image)}|{place}".encode()).hexdigest()
    cached = workspace.thumbs_dir / "crops" / etag[:2] / f"{etag}.jpg"
    if not cached.exists():
        write_once(cached, lambda target: _cut(source, box, target))
    return Media(cached, "image/jpeg", etag)


def _cut(source: Path, box: Box, target: Path) -> None:
    picture = open_upright(source)
    margin = max(_LEAST_MARGIN_PX, _MARGIN * max(box[2] - box[0], box[3] - box[1]))
    part = picture.crop(
        (
            round(max(box[0] - margin, 0)),
            round(max(box[1] - margin, 0)),
            round(min(box[2] + margin, picture.width)),
            round(min(box[3] + margin, picture.height)),
        )
    )
    scale = SIDE_PX / max(part.size)
    size = (max(1, round(part.width * scale)), max(1, round(part.height * scale)))
    part.resize(size, Pillow.Resampling.LANCZOS).save(target, "JPEG", quality=_QUALITY)
