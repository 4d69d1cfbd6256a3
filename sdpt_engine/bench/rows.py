"""The rows of the few-shot comparison: written one by one, read back, and averaged over seeds."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

Key = tuple[str, str, float, int, int]
ROWS_NAME = "rows.csv"


@dataclass(frozen=True, slots=True)
class Row:
    """One run. AP and AP50 in 0..1 on the judging images; `seconds` is the median step."""

    dataset: str
    method: str
    rate: float
    shots: int
    seed: int
    num_images: int
    ap: float
    ap50: float
    step0_ap: float
    trained: int
    share: float
    steps: int
    seconds: float
    artefact_kb: float
    kept: bool

    @property
    def key(self) -> Key:
        return (self.dataset, self.method, self.rate, self.shots, self.seed)


def append_row(path: Path, row: Row) -> None:
    """Add a line in one write, so that several processes may do it at once."""
    is_new = not path.exists() or path.stat().st_size == 0
    is_cut = not is_new and not path.read_bytes().endswith(b"\n")
    line = ",".join(f'"{v}"' if "," in str(v) else str(v) for v in asdict(row).values()) + "\n"
    header = ",".join(f.name for f in fields(Row)) + "\n" if is_new else ""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, (("\n" if is_cut else "") + header + line).encode())
    finally:
        os.close(descriptor)


def read_rows(path: Path) -> list[Row]:
    """All rows of the file, none where there is none.

    A line cut by a kill is left out, and a run that was written twice counts once.
    """
    if not path.exists():
        return []
    kinds: dict[str, type] = {"dataset": str, "method": str, "shots": int, "seed": int}
    kinds |= {"num_images": int, "trained": int, "steps": int}
    names = [f.name for f in fields(Row) if f.name != "kept"]
    found: dict[Key, Row] = {}
    with path.open(newline="", encoding="utf-8") as stream:
        for line in csv.DictReader(stream):
            if None in line.values() or line["dataset"] == "dataset":
                continue
            values: dict[str, Any] = {name: kinds.get(name, float)(line[name]) for name in names}
            row = Row(**values, kept=line["kept"] == "True")
            found.setdefault(row.key, row)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Summary:
    """Several seeds of one method on one set with one number of shots. `sd` is nan for a single seed."""

    ap: float
    ap_sd: float
    ap50: float
    ap50_sd: float
    num_seeds: int
    trained: int
    share: float
    steps: int
    seconds: float
    artefact_kb: float
    num_kept: int


def summarise(rows: Iterable[Row]) -> Mapping[tuple[str, str, int], Summary]:
    """By (set, method, shots), in the order in which they first appear; where several rates were tried, by rate."""
    rows = list(rows)
    rates: dict[str, set[float]] = {}
    for row in rows:
        rates.setdefault(row.method, set()).add(row.rate)
    groups: dict[tuple[str, str, int], list[Row]] = {}
    for row in rows:
        tried = len(rates[row.method]) > 1
        name = f"{row.method} at {row.rate:g}" if tried else row.method
        groups.setdefault((row.dataset, name, row.shots), []).append(row)
    return {key: _summary(group) for key, group in groups.items()}


def _summary(rows: Sequence[Row]) -> Summary:
    return Summary(
        ap=mean(row.ap for row in rows),
        ap_sd=_spread([row.ap for row in rows]),
        ap50=mean(row.ap50 for row in rows),
        ap50_sd=_spread([row.ap50 for row in rows]),
        num_seeds=len(rows),
        trained=round(mean(row.trained for row in rows)),
        share=mean(row.share for row in rows),
        steps=max(row.steps for row in rows),
        seconds=median(row.seconds for row in rows),
        artefact_kb=mean(row.artefact_kb for row in rows),
        num_kept=sum(row.kept for row in rows),
    )


def _spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else float("nan")
