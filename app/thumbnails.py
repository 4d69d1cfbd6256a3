"""Small pictures for the filmstrip, made when first asked for and kept by content."""

from __future__ import annotations

from pathlib import Path

from app.media import Media, content_tag, existing_file, open_upright, write_once
from app.workspace import Workspace
from storage.types import Image

_LONG_SIDE_PX = 224  # sharp on screens with two device pixels per CSS pixel
_QUALITY = 80


def thumbnail(workspace: Workspace, image: Image) -> Media:
    """The thumbnail of an image. Raises ImageFileError when the file is gone or unreadable."""
    source = existing_file(workspace, image)
    etag = content_tag(source, image)
    cached = workspace.thumbs_dir / etag[:2] / f"{etag}.jpg"
    if not cached.exists():
        write_once(cached, lambda target: _shrink(source, target))
    return Media(cached, "image/jpeg", f"{etag}-thumb")


def _shrink(source: Path, target: Path) -> None:
    small = open_upright(source, at_least_px=2 * _LONG_SIDE_PX)
    small.thumbnail((_LONG_SIDE_PX, _LONG_SIDE_PX))
    small.save(target, "JPEG", quality=_QUALITY, optimize=True)
