"""What labelling cost in each way, as a Markdown table and a plot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from statistics import mean, stdev
from typing import TypeVar

from matplotlib.figure import Figure

from app.bench.effort.arms import (
    BY_HAND,
    FULL_LOOP,
    TUNED_ONCE,
    ZERO_SHOT_ONCE,
)
from app.bench.effort.checking import Audited
from app.bench.effort.rows import JUDGED_BY, Row
from app.bench.effort.times import (
    CROWD_CHECKED_DRAW_S,
    CROWD_DRAW_S,
    KEYSTROKE_PRESS_S,
    PUBLISHED_VERDICT_S,
    SOURCES,
    TimeModel,
)

TABLE_NAME, PLOT_NAME = "table.md", "effort.png"
GOOD_AP50, MOST_SHARE = 0.6, 0.4
_COLOURS = {
    BY_HAND: "black",
    ZERO_SHOT_ONCE: "tab:orange",
    TUNED_ONCE: "tab:blue",
}

_MOST_COLUMNS = 4

K = TypeVar("K")
Group = tuple[str, str, float]  # (set, backbone, damage)


@dataclass(frozen=True, slots=True)
class Bar:
    """What is promised of the full loop on one set: `share` of the time by hand, over all seeds the worst."""

    group: Group
    share: float
    ap50: float | None  # of the best seed: the promise counts from there

    @property
    def most(self) -> float:
        return MOST_SHARE if self.ap50 is not None and self.ap50 > GOOD_AP50 else 1.0

    @property
    def is_met(self) -> bool:
        return self.share <= self.most


def bars(rows: Sequence[Row]) -> list[Bar]:
    """One for each set, backbone and damage on which the full loop and drawing by hand were both run."""
    found = []
    for group, mine in _grouped(rows, _group).items():
        hand = {row.seed: row.human_s for row in mine if row.arm == BY_HAND}
        loops = [row for row in mine if row.arm == FULL_LOOP and row.seed in hand]
        if loops:
            known = [row.ap50 for row in loops if row.ap50 is not None]
            worst = max(row.human_s / hand[row.seed] for row in loops)
            found.append(Bar(group, worst, max(known, default=None)))
    return found


def write_report(rows: Sequence[Row], output: Path, *, times: TimeModel, command: str) -> None:
    """`table.md` and `effort.png` in `output`; the command stands on top of the table."""
    parts = [
        f"Made by `{command}`.\n",
        effort_table(rows),
        _audits(rows),
        _bars(rows),
        _other_times(rows, times),
        _sources(times),
    ]
    (output / TABLE_NAME).write_text("\n".join(parts), encoding="utf-8")
    _plot(rows, output / PLOT_NAME)


def effort_table(rows: Sequence[Row]) -> str:
    """One table per set: what each way cost, mean over seeds."""
    parts = []
    for group, mine in _grouped(rows, _group).items():
        hand = {row.seed: row.human_s for row in mine if row.arm == BY_HAND}
        seeds = len({row.seed for row in mine})
        lines = [
            f"### {_title(group)}: {mine[0].num_images} images, {mine[0].num_objects} objects, "
            f"{seeds} seed{'s' if seeds > 1 else ''}\n",
            "| way | human hours | of by hand | boxes an hour | accepted untouched | corrected | pointed at | drawn | "
            "rejected | tunings (adopted) | AP50 tuned | machine seconds | of by hand, if one waits for it |",
            "|---|" + "--:|" * 12,
        ]
        for arm, same in _grouped(mine, lambda row: row.arm).items():
            lines.append(f"| {arm} | " + " | ".join(_cells(same, hand)) + " |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _cells(rows: Sequence[Row], hand: Mapping[int, float]) -> Iterable[str]:
    shares = [100 * row.human_s / hand[row.seed] for row in rows if row.seed in hand]
    known = [100 * row.ap50 for row in rows if row.ap50 is not None]
    boxes = mean(row.actions.boxes for row in rows) or 1.0
    yield f"{mean(row.human_s for row in rows) / 3600:.2f}"
    yield _spread(shares, " %")
    yield f"{mean(row.boxes_per_hour for row in rows):.0f}"
    yield _spread([100 * row.actions.untouched for row in rows], " %")
    yield f"{100 * mean(row.actions.corrected for row in rows) / boxes:.0f} %"
    yield f"{100 * mean(row.actions.pointed for row in rows) / boxes:.0f} %"
    yield f"{100 * mean(row.actions.draws for row in rows) / boxes:.0f} %"
    yield f"{mean(row.actions.turned_down for row in rows):.0f}"
    adopted = mean(sum(t.is_adopted for t in row.tunings) for row in rows)
    yield f"{mean(len(row.tunings) for row in rows):.3g} ({adopted:.3g})"
    yield _spread(known, "")
    yield f"{mean(row.machine_s for row in rows):.0f}"
    waited = [100 * (r.human_s + r.machine_s) / hand[r.seed] for r in rows if r.seed in hand]
    yield _spread(waited, " %")


def _audits(rows: Sequence[Row]) -> str:
    lines = [
        "### What is left wrong, and whether the blind audit says so\n",
        "Objects without a right label (missed, misnamed, badly placed), in per cent of all objects; labels without an "
        "object, in per cent of labels. The first audit with its 95 % interval; coverage is the share of "
        f"{rows[0].audited.num_audits if rows else 0} audits of other samples whose interval holds the truth.\n",
        "| set | way | without a right label, truly | the first audit says | images audited | coverage | "
        "labels without an object |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for (group, arm), mine in _grouped(rows, lambda row: (_group(row), row.arm)).items():
        first = mine[0].audited
        lines.append(
            f"| {_title(group)} | {arm} | {mean(row.audited.true for row in mine):.1%} | "
            f"{_interval(first)} | {first.num_sampled} | "
            f"{mean(row.audited.coverage for row in mine):.0%} | "
            f"{mean(row.audited.surplus for row in mine):.1%} |"
        )
    return "\n".join(lines) + "\n"


def _interval(audited: Audited) -> str:
    if audited.value is None or audited.low is None or audited.high is None:
        return "no object in the sample"
    return f"{audited.value:.1%} ({audited.low:.1%} to {audited.high:.1%})"


def _bars(rows: Sequence[Row]) -> str:
    lines = [
        "### The promise\n",
        f"The full loop never costs more than drawing by hand, and at most {MOST_SHARE:.0%} of it where "
        f"the tuned AP50 is above {GOOD_AP50} (after the last tuning that left {JUDGED_BY} images or more). "
        "Of several seeds the worst counts.\n",
        "| set | AP50 tuned | full loop, of by hand | at most | kept |",
        "|---|--:|--:|--:|---|",
    ]
    for bar in bars(rows):
        ap50 = "" if bar.ap50 is None else f"{100 * bar.ap50:.1f}"
        kept = "yes" if bar.is_met else "**no**"
        lines.append(
            f"| {_title(bar.group)} | {ap50} | {bar.share:.1%} | {bar.most:.0%} | {kept} |"
        )
    return "\n".join(lines) + "\n"


def _other_times(rows: Sequence[Row], times: TimeModel) -> str:
    """The same actions at other prices: what would change if the assumptions were wrong."""
    verdicts = replace(
        times,
        accept_s=PUBLISHED_VERDICT_S,
        reject_s=PUBLISHED_VERDICT_S,
        rename_s=times.rename_s + PUBLISHED_VERDICT_S - times.accept_s,
    )
    prices = {
        "as above": times,
        f"a verdict takes {PUBLISHED_VERDICT_S:g} s": verdicts,
        "another class costs as much as a correction": replace(times, rename_s=times.fix_s),
        "one edge costs as much as a correction": replace(
            times, edge_s=times.fix_s - times.accept_s
        ),
        "each proposal that is turned down costs a key": replace(times, swept_s=times.reject_s),
        f"pressing Tune or Pre-label takes {KEYSTROKE_PRESS_S:g} s": replace(
            times, press_s=KEYSTROKE_PRESS_S
        ),
        "a correction takes as long as drawing": replace(times, fix_s=times.draw_s),
        f"a box takes {CROWD_DRAW_S:g} s to draw": replace(times, draw_s=CROWD_DRAW_S),
        f"and {CROWD_CHECKED_DRAW_S:g} s with its check": replace(
            times, draw_s=CROWD_CHECKED_DRAW_S
        ),
    }
    lines = [
        "### The full loop, in per cent of drawing by hand, at other prices for the same actions\n",
        "| set | " + " | ".join(prices) + " |",
        "|---|" + "--:|" * len(prices),
    ]
    for group, mine in _grouped(rows, _group).items():
        hand = [row.actions for row in mine if row.arm == BY_HAND]
        loop = [row.actions for row in mine if row.arm == FULL_LOOP]
        if hand and loop:
            shares = (
                mean(a.seconds(price) for a in loop) / mean(a.seconds(price) for a in hand)
                for price in prices.values()
            )
            lines.append(f"| {_title(group)} | " + " | ".join(f"{s:.1%}" for s in shares) + " |")
    return "\n".join(lines) + "\n"


def _sources(times: TimeModel) -> str:
    lines = ["### Seconds, and who says so\n", "| action | seconds | source |", "|---|--:|---|"]
    for field in fields(TimeModel):
        name, value = field.name.removesuffix("_s"), getattr(times, field.name)
        lines.append(f"| {name} | {value:g} | {SOURCES[field.name]} |")
    return "\n".join(lines) + "\n"


def _plot(rows: Sequence[Row], path: Path) -> None:
    """Finished boxes over human minutes, one panel per set; a dot where a tuning was done."""
    groups = _grouped(rows, _group)
    columns = min(_MOST_COLUMNS, max(1, len(groups)))
    lines = -(-max(1, len(groups)) // columns)
    figure = Figure(figsize=(4 * columns, 3.6 * lines + 0.4), layout="constrained")
    axes = list(figure.subplots(lines, columns, squeeze=False).flatten())
    for axis in axes[len(groups) :]:
        axis.set_axis_off()
    for axis, (group, mine) in zip(axes, groups.items(), strict=False):
        for row in mine:
            colour = _COLOURS.get(row.arm, "tab:green")
            minutes = [0.0, *(moment.seconds / 60 for moment in row.curve)]
            boxes = [0, *(moment.boxes for moment in row.curve)]
            width = 2.4 if row.arm == FULL_LOOP else 1.2
            style = ":" if row.arm == BY_HAND else "-"
            is_first = row.seed == min(r.seed for r in mine)
            label = row.arm if is_first else None
            axis.plot(minutes, boxes, style, color=colour, linewidth=width, label=label)
            for tuning in row.tunings:
                at = next((m for m in row.curve if m.images >= tuning.num_images), None)
                if at is not None:
                    axis.plot(at.seconds / 60, at.boxes, "o", color=colour, markersize=4)
        axis.set(title=_title(group), xlabel="human minutes", xlim=(0, None), ylim=(0, None))
    axes[0].set_ylabel("finished boxes")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=8, frameon=False)
    figure.savefig(path, dpi=110)


def _group(row: Row) -> Group:
    return row.dataset, row.backbone, row.damage


def _title(group: Group) -> str:
    dataset, backbone, damaged = group
    return f"{dataset}, {backbone}" + (f", {damaged:.0%} damaged" if damaged else "")


def _spread(values: Sequence[float], unit: str) -> str:
    if not values:
        return ""
    spread = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
    return f"{mean(values):.1f}{spread}{unit}"


def _grouped(rows: Sequence[Row], key: Callable[[Row], K]) -> dict[K, list[Row]]:
    found: dict[K, list[Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found
