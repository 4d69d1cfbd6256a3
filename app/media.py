"""An image as the browser gets it: the original bytes when it can show them, else a copy made once.

What the browser shows must be what the model sees: upright, first frame only, whatever the file format.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from app.errors import AppError
from app.workspace import Workspace
from storage.types import Image

# Pillow's name of a format -> what browsers call it.
_SHOWN_BY_BROWSERS = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
}
_UPRIGHT = 1
_JPEG_QUALITY = 95
_DEEP_MODES = ("I", "I;16", "I;16L", "I;16B", "F")


class ImageFileError(AppError):
    """The file of a registered image is gone or cannot be read any more."""


@dataclass(frozen=True, slots=True)
class Media:
    """A file to send. `etag` changes whenever the bytes do."""

    path: Path
    media_type: str
    etag: str


def full_image(workspace: Workspace, image: Image) -> Media:
    """The image in full size, upright when shown. Raises ImageFileError."""
    path = existing_file(workspace, image)
    etag = content_tag(path, image)
    media_type = _browser_type(path, image)
    if media_type is not None:
        return Media(path, media_type, etag)
    copy = workspace.thumbs_dir / "upright" / f"{etag}.jpg"
    if not copy.exists():
        write_once(copy, lambda target: _save_jpeg(open_upright(path), target, _JPEG_QUALITY))
    return Media(copy, "image/jpeg", etag)


def existing_file(workspace: Workspace, image: Image) -> Path:
    """Where the image lies; raises ImageFileError when it is gone."""
    path = workspace.image_path(image.relative_path)
    if not path.is_file():
        raise ImageFileError(
            f"The file '{image.relative_path}' is not in the image folder any more. Put it back, "
            "or reload the folder in Project."
        )
    return path


def content_tag(path: Path, image: Image) -> str:
    """The sha256 of the content, or a stand-in when the file was changed since it was taken in."""
    stat = path.stat()
    if (stat.st_size, stat.st_mtime_ns) == (image.size_bytes, image.mtime_ns):
        return image.sha256
    return f"{stat.st_size:x}-{stat.st_mtime_ns:x}"


def open_upright(path: Path, *, at_least_px: int | None = None) -> Pillow.Image:
    """The first frame as upright RGB. `at_least_px` lets JPEG decode a smaller, faster version."""
    try:
        with Pillow.open(path) as opened:
            if at_least_px is not None:
                opened.draft("RGB", (at_least_px, at_least_px))
            turned = ImageOps.exif_transpose(opened)
            return _to_rgb(turned)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise ImageFileError(
            f"The file '{path.name}' cannot be read as an image ({error}). Repair or remove it."
        ) from error


def write_once(target: Path, write: Callable[[Path], None]) -> None:
    """Make a cache file so that a reader never meets half of it, however many threads try."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, suffix=target.suffix)
    os.close(handle)
    try:
        write(Path(name))
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _browser_type(path: Path, image: Image) -> str | None:
    try:
        with Pillow.open(path) as opened:
            kind, frames = opened.format or "", getattr(opened, "n_frames", 1)
    except (OSError, UnidentifiedImageError) as error:
        raise ImageFileError(
            f"The file '{image.relative_path}' cannot be read as an image ({error})."
        ) from error
    # Browsers turn JPEG by its EXIF, but do not agree on the other formats.
    is_turned_alike = kind == "JPEG" or image.exif_orientation == _UPRIGHT
    return _SHOWN_BY_BROWSERS.get(kind) if is_turned_alike and frames == 1 else None


def _to_rgb(image: Pillow.Image) -> Pillow.Image:
    if image.mode in _DEEP_MODES:
        return _stretched(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        ground = Pillow.new("RGBA", image.size, "white")
        return Pillow.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _stretched(image: Pillow.Image) -> Pillow.Image:
    """Deep grey levels spread over 0..255, as viewers of microscopes and scanners do."""
    levels = np.nan_to_num(np.asarray(image, dtype=np.float32))
    low, high = float(levels.min()), float(levels.max())
    scaled = (levels - low) * (255.0 / max(high - low, 1e-6))
    return Pillow.fromarray(scaled.astype(np.uint8)).convert("RGB")


def _save_jpeg(image: Pillow.Image, target: Path, quality: int) -> None:
    image.save(target, "JPEG", quality=quality, subsampling=0)
