"""The figures of nano's model card, by one command, beside another folder like it if there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from app.bench.sets import REAL_SETS, shipped_set
from app.demo import ASSETS_DIR
from app.progress import OnProgress
from sdpt_engine.bench.driving import run_plan
from sdpt_engine.bench.nano import (
    Figure,
    Names,
    composed_figures,
    cost_figures,
    few_shot_plan,
    load,
    material_of,
    real_figures,
)
from sdpt_engine.bench.rows import Row

SDPT_SHARE = 0.6
_NANO_DIR = ASSETS_DIR / "backbones" / "nano"


@dataclass(frozen=True, slots=True)
class NanoRequest:
    """What to measure. Without the two places of the drawings, composed scenes are left out."""

    font: Path | None
    fluent: Path | None
    seeds: int
    steps: int
    output: Path


def measure_nano(
    request: NanoRequest,
    backbone: str,
    *,
    on_figure: Callable[[Figure], None],
    on_progress: OnProgress,
) -> list[Figure]:
    """Every figure of `backbone` ("nano", or a folder like it), told as soon as it is known."""
    figures = []
    for figure in _figures(request, backbone, on_progress):
        on_figure(figure)
        figures.append(figure)
    return figures


def _figures(request: NanoRequest, backbone: str, on_progress: OnProgress) -> Iterator[Figure]:
    folders = [shipped_set(name) for name in REAL_SETS]
    detector = load(backbone)
    yield from cost_figures(detector, folders[0])
    yield from real_figures(detector, folders)
    if request.font is not None and request.fluent is not None:
        names = Names.read(_NANO_DIR)
        material = material_of(names, font=request.font, fluent=request.fluent)
        yield from composed_figures(detector, material, names)
    plan = few_shot_plan(folders, backbone, seeds=request.seeds, steps=request.steps)
    rows = run_plan(plan, request.output, num_workers=1, on_progress=on_progress)
    for name in REAL_SETS:
        yield from _few_shot_figures(name, rows)


def _few_shot_figures(name: str, rows: Sequence[Row]) -> Iterator[Figure]:
    def ap50(method: str) -> float:
        return mean(row.ap50 for row in rows if (row.dataset, row.method) == (name, method))

    bound = ap50("full")
    yield Figure(f"{name}, zero-shot: AP50", ap50("zero-shot"), "")
    yield Figure(f"{name}, 5 shots, full fine-tuning: AP50", bound, "")
    yield Figure(f"{name}, 5 shots, SDPT: AP50", ap50("sdpt"), "", SDPT_SHARE * bound)


def describe(figure: Figure) -> str:
    """One line of the table."""
    if figure.wanted is None:
        return f"{figure.what:<52} {figure.value:8.3f} {figure.unit}"
    bound = "at most" if figure.is_cost else "at least"
    verdict = "met" if figure.is_met else "MISSED"
    line = f"{figure.what:<52} {figure.value:8.3f} {figure.unit}"
    return f"{line} ({bound} {figure.wanted:.3g}, {verdict})"
