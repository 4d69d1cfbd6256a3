"""Files with one name a line: concepts, and those of them that are kept back."""

from __future__ import annotations

from pathlib import Path


def read_names(path: Path) -> tuple[str, ...]:
    """The file's lines without blanks, in their order."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return tuple(line for line in lines if line)


def taught_names(concepts: Path, held_out: Path | None) -> tuple[str, ...]:
    """The concepts that may be shown and asked for in training."""
    kept_back = set(read_names(held_out)) if held_out else set()
    return tuple(name for name in read_names(concepts) if name not in kept_back)
