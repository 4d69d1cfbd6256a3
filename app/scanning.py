"""Reading a folder of images without trusting it: what is there, and what is wrong with it."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF")
_LARGEST_PIXELS = 178_956_970  # 0.5 GB as RGB: twice Pillow's own mark for a decompression bomb
# What decoders were seen to raise on damaged files besides OSError.
_DAMAGE = (
    *(OSError, ValueError, SyntaxError, EOFError, MemoryError, struct.error, zlib.error),
    *(IndexError, KeyError, TypeError, OverflowError, ZeroDivisionError),
)
_TURNED = frozenset({5, 6, 7, 8})  # EXIF orientations that swap width and height


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file with an image's ending; the path is relative, with '/'."""

    relative_path: str
    path: Path
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file that cannot be taken in, and why, in words for a person."""

    relative_path: str
    reason: str
    size_bytes: int = 0
    mtime_ns: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What a look inside an image says. The size is that after the EXIF turn."""

    found: FoundFile
    sha256: str
    width: int
    height: int
    exif_orientation: int


def scan(data_dir: Path, *, state_dir: Path) -> Iterator[FoundFile | Rejected]:
    """Every file with an image's ending under `data_dir`, in the order of its path.

    Hidden files and folders and the state folder are left out. Nothing outside is followed.
    """
    folders = [data_dir]
    while folders:
        folder = folders.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            yield Rejected(_relative(folder, data_dir), f"folder cannot be read: {error.strerror}")
            continue
        inner: list[Path] = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                inner.extend([path] if path != state_dir else [])
                continue
            looked_at = _look_at(path, data_dir)
            if looked_at is not None:
                yield looked_at
        folders.extend(reversed(inner))


def _look_at(path: Path, data_dir: Path) -> FoundFile | Rejected | None:
    relative = _relative(path, data_dir)
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    if path.is_symlink() and not target.is_relative_to(data_dir):
        if path.suffix.lower() not in ENDINGS and not target.is_dir():
            return None
        return Rejected(relative, f"symbolic link leads outside the folder, to '{target}'")
    if path.suffix.lower() not in ENDINGS or target.is_dir():
        return None
    try:
        relative.encode("utf-8")
        info = target.stat()
    except UnicodeEncodeError:
        return Rejected(_printable(relative), "file name is not UTF-8; rename the file")
    except OSError as error:
        return Rejected(relative, f"file cannot be read: {error.strerror}")
    if not stat.S_ISREG(info.st_mode):
        return Rejected(relative, "is not a regular file")
    if info.st_size == 0:
        return Rejected(relative, "file is empty (0 bytes)")
    return FoundFile(relative, path, info.st_size, info.st_mtime_ns)


def _relative(path: Path, data_dir: Path) -> str:
    return path.relative_to(data_dir).as_posix()


def _printable(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def read_image(found: FoundFile) -> Reading | Rejected:
    """Hash and decode one file. Damage of any kind is a reason, never an exception."""
    try:
        return _read(found)
    except Image.DecompressionBombError:
        reason = "image is too large to be opened safely (decompression bomb)"
    except UnidentifiedImageError:
        reason = "is not a JPEG, PNG, WebP, BMP or TIFF image, whatever its ending"
    except _DAMAGE as error:
        reason = f"image is damaged: {str(error) or type(error).__name__}"
    return Rejected(found.relative_path, reason, found.size_bytes, found.mtime_ns)


def _read(found: FoundFile) -> Reading:
    with found.path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    with Image.open(found.path, formats=_FORMATS) as image:
        width, height = image.size
        if width * height > _LARGEST_PIXELS:
            raise Image.DecompressionBombError(f"{width}x{height}")
        orientation = _orientation(image)
        # A JPEG decoded at an eighth of its size still shows every truncation, eight times
        # faster; other formats ignore the hint and are decoded in full.
        image.draft(None, (max(1, width // 8), max(1, height // 8)))
        image.load()
    if orientation in _TURNED:
        width, height = height, width
    return Reading(found, sha256, width, height, orientation)


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (OSError, ValueError, SyntaxError, KeyError, TypeError):
        return 1  # broken EXIF data is ignored by every viewer, so the pixels are shown as they lie
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
