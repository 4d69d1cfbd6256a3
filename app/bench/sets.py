"""The detection sets that benchmarks run on: those that are shipped, by name, or any folder of the same shape."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.demo import ASSETS_DIR
from app.errors import SettingsError

REAL_SETS = ("bccd", "microcontrollers", "playing_cards")
SETS = (*REAL_SETS, "composed")


def shipped_set(name: str) -> Path:
    return ASSETS_DIR / "datasets" / name


def set_folders(names: Sequence[str] | None) -> tuple[Path, ...]:
    """The folders of `names`, each a shipped set or a folder; all shipped sets for None.

    Raises SettingsError for what is neither.
    """
    return tuple(set_folder(name) for name in names or SETS)


def set_folder(name: str) -> Path:
    """Raises SettingsError when `name` is neither a shipped set nor a folder."""
    if name in SETS:
        return shipped_set(name)
    if not Path(name).is_dir():
        raise SettingsError(
            f"'{name}' is neither a shipped set ({', '.join(SETS)}) nor a folder. "
            "Name a folder with images/, train.json and test.json."
        )
    return Path(name)
