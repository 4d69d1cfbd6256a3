"""What is asked on the command line becomes a plan, and its rows a report."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from app.bench.effort.arms import ARMS
from app.bench.effort.report import Bar, bars, effort_table, write_report
from app.bench.effort.rows import ROWS_NAME, Row, read_rows
from app.bench.effort.running import Plan, run_plan
from app.bench.effort.times import TimeModel
from app.bench.sets import set_folders
from app.errors import SettingsError
from app.progress import OnProgress


@dataclass(frozen=True, slots=True)
class EffortRequest:
    """A plan, and the command that asks for it again."""

    plan: Plan
    command: str


@dataclass(frozen=True, slots=True)
class EffortReport:
    """All rows of the plan, what was promised of them, and the table for a person."""

    rows: tuple[Row, ...]
    bars: tuple[Bar, ...]
    text: str


def request(
    *,
    sets: Sequence[str] | None,
    arms: str,
    damages: str,
    num_seeds: int,
    backbone: str,
    device: str,
    most_images: int | None,
    num_first: int,
    steps: int | None,
    times: TimeModel,
) -> EffortRequest:
    """`arms` and `damages` are joined by commas; a set is a shipped one or a folder.

    Raises SettingsError for an unknown way of working, a damage that is no share, or a set that is not there.
    """
    names = list(ARMS) if arms == "all" else arms.split(",")
    unknown = [name for name in names if name not in ARMS]
    if unknown:
        raise SettingsError(
            f"--arms '{unknown[0]}' is not known. Name some of {', '.join(ARMS)}, or all."
        )
    plan = Plan(
        sets=set_folders(sets),
        arms=tuple(names),
        seeds=tuple(range(num_seeds)),
        damages=_shares(damages),
        backbone=backbone,
        device=device,
        most_images=most_images,
        num_first=num_first,
        steps=steps,
        times=times,
    )
    words = ["sdpt-app bench effort", *(f"--set {name}" for name in sets or ())]
    words += [f"--seeds {num_seeds} --backbone {backbone}"]
    words += [f"--arms '{arms}'"] if arms != "all" else []
    words += [f"--damage {damages}"] if damages != "0" else []
    words += [f"--images {most_images}"] if most_images is not None else []
    words += [f"--first {num_first}"]
    words += [f"--steps {steps}"] if steps is not None else []
    for field in fields(TimeModel):
        if getattr(times, field.name) != field.default:
            words.append(f"--{field.name.removesuffix('_s')}-s {getattr(times, field.name):g}")
    return EffortRequest(plan, " ".join(words))


def measure_effort(
    wanted: EffortRequest, *, output: Path | None, on_progress: OnProgress
) -> EffortReport:
    """Run what is missing in `output` and write the report there; without a folder nothing is kept."""
    if output is None:
        with tempfile.TemporaryDirectory(prefix="sdpt-effort-rows-") as scratch:
            return measure_effort(wanted, output=Path(scratch), on_progress=on_progress)
    rows = run_plan(wanted.plan, output, on_progress=on_progress)
    everything = read_rows(output / ROWS_NAME)  # an earlier command may have added other sets
    write_report(everything, output, times=wanted.plan.times, command=wanted.command)
    return EffortReport(tuple(rows), tuple(bars(rows)), effort_table(rows))


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise SettingsError(
            f"--damage must be shares joined by commas, such as 0,0.5,1; found '{text}'."
        ) from error
