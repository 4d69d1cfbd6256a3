"""A small repository of labelled photographs, made with git itself."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from sdpt_engine.pretraining.photograph_sources import UPLOADER, PhotographSource

SIZE_WH = (100, 50)
LABEL = "0 0.5 0.5 0.2 0.4"
README = "# Nuts > v1\nhttps://example.org/nuts\nLicense: CC BY 4.0\n"


def picture(shade: int, *, exif_turn: int | None = None) -> bytes:
    stored = io.BytesIO()
    exif = Image.Exif()
    if exif_turn is not None:
        exif[0x0112] = exif_turn
    Image.new("RGB", SIZE_WH, (shade, 90, 40)).save(stored, "JPEG", exif=exif)
    return stored.getvalue()


def labelled(files: Mapping[str, str]) -> dict[str, bytes]:
    """images/NAME.jpg and labels/NAME.txt for each name, with a licence and the class `raw_nut`."""
    found = {"README.dataset.txt": README.encode(), "data.yaml": b"names: [raw_nut]"}
    for shade, (name, text) in enumerate(files.items()):
        found[f"images/{name}.jpg"] = picture(20 * shade)
        found[f"labels/{name}.txt"] = text.encode()
    return found


def commit(clone: Path, files: Mapping[str, bytes]) -> str:
    """Make `clone` a repository that holds the files, and return its commit."""
    for path, data in files.items():
        (clone / path).parent.mkdir(parents=True, exist_ok=True)
        (clone / path).write_bytes(data)
    _git(clone, "init", "--quiet")
    _git(clone, "add", "--all")
    author = (
        "-c",
        "user.name=Ann",
        "-c",
        "user.email=ann@example.org",
        "-c",
        "commit.gpgsign=false",
    )
    _git(clone, *author, "commit", "--quiet", "--message", "Add photographs")
    return _git(clone, "rev-parse", "HEAD")


def source(commit_id: str, **settings: object) -> PhotographSource:
    words: dict[str, object] = {
        "name": "nuts",
        "repository": "ann/nuts",
        "commit": commit_id,
        "licence": "CC-BY-4.0",
        "declared_by": UPLOADER,
        "licence_files": ("README.dataset.txt",),
        "attribution": '"Nuts" by Ann, https://example.org/nuts',
        **settings,
    }
    return PhotographSource(**words)  # type: ignore[arg-type]


def _git(clone: Path, *words: str) -> str:
    asked = ("git", "-C", str(clone), *words)
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
