"""Speed and memory of the engine beside the plain way, on the shipped images or on a folder like theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from sdpt_engine.bench.comparisons import Row
from sdpt_engine.bench.sets import load_set
from sdpt_engine.bench.speed import SpeedReport, measure_speed
from sdpt_engine.types import Example


def measure(
    dataset_dir: Path, *, backbone: str, is_quick: bool, on_row: Callable[[Row], None]
) -> SpeedReport:
    """Every comparison on `dataset_dir` (images/, train.json); the images that have the commonest size are used."""
    chosen = load_set(dataset_dir, is_choosing=True)
    examples = _of_one_size(chosen.train)
    return measure_speed(backbone, chosen.classes, examples, is_quick=is_quick, on_row=on_row)


def _of_one_size(examples: Sequence[Example]) -> list[Example]:
    """Those whose picture has the commonest size."""
    sizes = []
    for example in examples:
        with Image.open(example.image_path) as opened:
            sizes.append(opened.size)
    commonest = max(sorted(set(sizes)), key=sizes.count)
    return [item for item, size in zip(examples, sizes, strict=True) if size == commonest]


def describe(row: Row) -> str:
    """One line of the table."""
    verdict = {True: "met", False: "MISSED", None: ""}[row.is_met]
    wanted = "" if row.wanted is None else f"(at least {row.wanted:.2f}, {verdict})"
    figures = f"{row.ours:>9.3f} {row.rival:>9.3f} {row.unit:<8} x{row.ratio:.2f} {wanted}"
    return f"{row.what}, {row.subject}\n    {figures}\n    {row.note}"
