"""One line of JSON per finished arm, so that a run that is cut off goes on with the next arm."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.bench.effort.checking import Audited
from app.bench.effort.desk import Moment
from app.bench.effort.machine import TuneRun
from app.bench.effort.times import Actions

ROWS_NAME = "rows.jsonl"
MOST_MOMENTS = 60
JUDGED_BY = 20

Key = tuple[str, str, str, float, int]


@dataclass(frozen=True, slots=True)
class Row:
    """One set labelled in one way, from no box to the last finished image."""

    dataset: str
    arm: str
    backbone: str
    damage: float  # 0: the detector as it is, 1: its scores and places are noise
    seed: int
    num_images: int
    num_objects: int
    actions: Actions
    human_s: float
    machine_s: float
    tunings: tuple[TuneRun, ...]
    audited: Audited
    curve: tuple[Moment, ...]

    @property
    def key(self) -> Key:
        return self.dataset, self.arm, self.backbone, self.damage, self.seed

    @property
    def boxes_per_hour(self) -> float:
        return 3600.0 * self.actions.boxes / self.human_s if self.human_s else 0.0

    @property
    def ap50(self) -> float | None:
        """On images that no tuning had seen, after the last one that left `JUDGED_BY` of them or more.

        Of a handful of images AP50 says little. The first tuning's where none left so many; None without one.
        """
        known = [tuning for tuning in self.tunings if tuning.ap50 is not None]
        fair = [t for t in known if self.num_images - t.num_images >= JUDGED_BY]
        chosen = fair[-1:] or known[:1]
        return chosen[0].ap50 if chosen else None


def append_row(path: Path, row: Row) -> None:
    """Add a line in one write; a line that a kill has cut is closed first."""
    is_cut = path.exists() and path.stat().st_size and not path.read_bytes().endswith(b"\n")
    line = ("\n" if is_cut else "") + json.dumps(asdict(row), separators=(",", ":")) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_rows(path: Path) -> list[Row]:
    """All whole lines of the file, none where there is no file; an arm that was written twice counts once."""
    if not path.exists():
        return []
    found: dict[Key, Row] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            document = json.loads(line)
        except json.JSONDecodeError:
            continue  # cut by a kill: that arm is run again
        row = _row(document)
        found.setdefault(row.key, row)
    return list(found.values())


def thinned(curve: Sequence[Moment]) -> tuple[Moment, ...]:
    """At most `MOST_MOMENTS` of them, evenly, the last one always."""
    step = -(-len(curve) // MOST_MOMENTS) or 1
    return tuple(curve[len(curve) - 1 :: -step])[::-1]


def _row(document: dict[str, Any]) -> Row:
    return Row(
        **{
            **document,
            "actions": Actions(**document["actions"]),
            "tunings": tuple(TuneRun(**item) for item in document["tunings"]),
            "audited": Audited(**document["audited"]),
            "curve": tuple(Moment(**item) for item in document["curve"]),
        }
    )
