"""Exports that are folders: whole or not at all, with links to the images instead of copies."""

from __future__ import annotations

import shutil
from pathlib import Path


def link(path: Path, original: Path) -> None:
    """A link at `path` to the original; a copy where there are no links."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.symlink_to(original)
    except (OSError, NotImplementedError):  # a system or disk without symbolic links
        shutil.copy2(original, path)


def swap(scratch: Path, directory: Path, is_replaced: bool) -> None:
    """Put a finished folder into its place."""
    if not is_replaced:
        scratch.rename(directory)
        return
    old = scratch.with_name(f"{scratch.name}.old")
    directory.rename(old)
    scratch.rename(directory)
    shutil.rmtree(old)
