"""The few-shot comparison: what is asked on the command line becomes a plan, and its rows a report."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.bench.sets import set_folders, shipped_set
from app.errors import AppError
from app.progress import OnProgress
from sdpt_engine.baselines import METHODS
from sdpt_engine.bench.driving import measure_peaks, run_plan
from sdpt_engine.bench.few_shot import AS_SHIPPED, Plan
from sdpt_engine.bench.report import accuracy_table, write_report
from sdpt_engine.bench.rows import ROWS_NAME, Row, read_rows

QUICK = Plan(
    sets=(shipped_set("bccd"), shipped_set("microcontrollers")),
    methods=("zero-shot", "exemplar", "sdpt", "text-offsets", "full"),
    shots=(3,),
    seeds=(0,),
    steps=30,
    num_judges=20,
)
ABLATIONS = (
    "sdpt",
    *(f"sdpt:paths={paths}" for paths in ("text_only", "image_only")),
    *(f"sdpt:kind={kind}" for kind in ("independent", "exact_key")),
    *(f"sdpt:num_tokens={number}" for number in (0, 1, 4, 8, 32, 64)),
    *(f"sdpt:layers={layers}" for layers in ("first-1", "last-1", "last-2")),
    "sdpt:layers=last-1,cache=entry",
    *(f"sdpt:init={init}" for init in ("near_zero", "data")),
    "sdpt:is_anchored=no",
    "sdpt:anchors_image=yes",
    "sdpt:fades_in=no",
    "sdpt:logit_bias=-3",
    "sdpt:logit_bias=-3,learns_bias=yes",
    "sdpt:learns_gates=yes",
    *(f"sdpt:rate={rate}" for rate in (0.03, 0.1, 1.0)),
)


@dataclass(frozen=True, slots=True)
class FewShotRequest:
    """A plan, and the command that asks for it again."""

    plan: Plan
    command: str


@dataclass(frozen=True, slots=True)
class FewShotReport:
    """All rows of the plan, and the accuracy table for a person."""

    rows: tuple[Row, ...]
    text: str


def request(
    *,
    sets: Sequence[str] | None,
    methods: str | None,
    shots: str,
    num_seeds: int,
    steps: int,
    backbone: str,
    has_ablations: bool = False,
    is_choosing: bool = False,
    is_quick: bool = False,
) -> FewShotRequest:
    """Raises AppError for shots that are no numbers and sets that are not there."""
    names = tuple(methods.split("|")) if methods else (*METHODS, AS_SHIPPED)
    if is_choosing and not methods:
        names = tuple(name for name, method in METHODS.items() if method.is_trained)
    if has_ablations:
        names = ABLATIONS
    plan = Plan(
        sets=set_folders(sets),
        methods=names,
        shots=_numbers(shots),
        seeds=tuple(range(num_seeds)),
        steps=steps,
        backbone=backbone,
        is_choosing=is_choosing,
        rates=is_choosing and not has_ablations,
    )
    if is_quick:
        plan = replace(QUICK, backbone=backbone)
    words = ["sdpt-app bench few-shot"]
    words += [f"--set {name}" for name in sets or ()]
    words += [f"--methods '{methods}'"] if methods else []
    words += [f"--shots {shots} --seeds {num_seeds} --steps {steps} --backbone {backbone}"]
    flags = {"--ablations": has_ablations, "--choose": is_choosing, "--quick": is_quick}
    words += [flag for flag, is_set in flags.items() if is_set]
    return FewShotRequest(plan, " ".join(words))


def compare_few_shot(
    wanted: FewShotRequest, *, output: Path | None, num_workers: int, on_progress: OnProgress
) -> FewShotReport:
    """Run what is missing in `output` and write the report there; without a folder nothing is kept."""
    if output is None:
        with tempfile.TemporaryDirectory(prefix="sdpt-few-shot-") as scratch:
            return compare_few_shot(
                wanted, output=Path(scratch), num_workers=num_workers, on_progress=on_progress
            )
    rows = run_plan(wanted.plan, output, num_workers=num_workers, on_progress=on_progress)
    everything = read_rows(output / ROWS_NAME)  # an earlier command may have added other methods
    peaks = {} if wanted.plan.is_choosing else measure_peaks(wanted.plan, output)
    write_report(everything, output, command=wanted.command, peaks=peaks)
    return FewShotReport(tuple(rows), accuracy_table(rows))


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise AppError(
            f"--shots must be numbers joined by commas, such as 1,3,5; found '{text}'."
        ) from error
