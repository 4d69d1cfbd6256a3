"""The few-shot comparison as a Markdown table and a plot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean

import matplotlib
from matplotlib.figure import Figure

from sdpt_engine.bench.rows import Row, Summary, summarise

TABLE_NAME, PLOT_NAME = "table.md", "ap50.png"
_RIVAL_STYLE = {"linewidth": 1.2, "marker": "o", "markersize": 3}
_OWN_STYLE = {"linewidth": 2.6, "marker": "o", "markersize": 5}


def write_report(
    rows: Sequence[Row], output: Path, *, command: str, peaks: Mapping[str, float]
) -> None:
    """`table.md` and `ap50.png` in `output`; the command stands on top of the table.

    `peaks` is the most memory of each method in MB, in a process of its own.
    """
    summary = summarise(rows)
    parts = [f"Made by `{command}`.\n", _means(summary), _accuracy(summary), _costs(summary, peaks)]
    text = "\n".join(parts)
    (output / TABLE_NAME).write_text(text, encoding="utf-8")
    _plot(summary, output / PLOT_NAME)


def accuracy_table(rows: Sequence[Row]) -> str:
    """AP50 and AP in per cent, mean and standard deviation over seeds; one table per set."""
    return _accuracy(summarise(rows))


def _accuracy(summary: Mapping[tuple[str, str, int], Summary]) -> str:
    parts = []
    for dataset in _distinct(key[0] for key in summary):
        shots = sorted({k for name, _, k in summary if name == dataset and k})
        lines = [
            f"### {dataset}: AP50 (AP), mean ± standard deviation over seeds, in per cent\n",
            "| method | " + " | ".join(f"{k} shot{'s' if k > 1 else ''}" for k in shots) + " |",
            "|---|" + "---|" * len(shots),
        ]
        for method in _distinct(name for owner, name, _ in summary if owner == dataset):
            same = summary.get((dataset, method, 0))  # does not depend on the shots
            found = [summary.get((dataset, method, k), same) for k in shots]
            lines.append(f"| {method} | " + " | ".join(_cell(item) for item in found) + " |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _cell(item: Summary | None) -> str:
    if item is None:
        return ""
    spread = "" if item.num_seeds < 2 else f" ± {item.ap50_sd * 100:.1f}"
    spread_ap = "" if item.num_seeds < 2 else f" ± {item.ap_sd * 100:.1f}"
    return f"{item.ap50 * 100:.1f}{spread} ({item.ap * 100:.1f}{spread_ap})"


def _means(summary: Mapping[tuple[str, str, int], Summary]) -> str:
    """The mean over sets, for methods that were run on all of them."""
    datasets = _distinct(key[0] for key in summary)
    shots = sorted({k for _, _, k in summary if k})
    lines = [
        f"### Mean over {', '.join(datasets)}: AP50 (AP), in per cent\n",
        "| method | " + " | ".join(f"{k} shot{'s' if k > 1 else ''}" for k in shots) + " |",
        "|---|" + "---|" * len(shots),
    ]
    for method in _distinct(key[1] for key in summary):
        cells = [_mean_cell(summary, datasets, method, k) for k in shots]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _mean_cell(
    summary: Mapping[tuple[str, str, int], Summary],
    datasets: Sequence[str],
    method: str,
    shots: int,
) -> str:
    found = [summary.get((d, method, shots), summary.get((d, method, 0))) for d in datasets]
    known = [item for item in found if item is not None]
    if len(known) < len(datasets):
        return ""
    return f"{mean(i.ap50 for i in known) * 100:.1f} ({mean(i.ap for i in known) * 100:.1f})"


def _costs(summary: Mapping[tuple[str, str, int], Summary], peaks: Mapping[str, float]) -> str:
    lines = [
        "### Costs: per method, the middle over all sets and shots\n",
        "| method | trained numbers | share | steps | s per step | peak MB | artefact kB |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for method in _distinct(key[1] for key in summary):
        mine = [item for key, item in summary.items() if key[1] == method]
        middle = sorted(mine, key=lambda item: item.seconds)[len(mine) // 2]
        peak = f"{peaks[method]:.0f}" if method in peaks else ""
        lines.append(
            f"| {method} | {middle.trained:,} | {middle.share:.3%} | {middle.steps} | "
            f"{middle.seconds:.2f} | {peak} | {middle.artefact_kb:.0f} |"
        )
    return "\n".join(lines) + "\n"


def _plot(summary: Mapping[tuple[str, str, int], Summary], path: Path) -> None:
    datasets = _distinct(key[0] for key in summary)
    methods = [m for m in _distinct(key[1] for key in summary) if m != "zero-shot"]
    colours = [matplotlib.colormaps["tab20"](number) for number in range(20)]
    figure = Figure(figsize=(4 * len(datasets), 4.2), layout="constrained")
    axes = figure.subplots(1, len(datasets), squeeze=False)[0]
    for axis, dataset in zip(axes, datasets, strict=True):
        for number, method in enumerate(methods):
            points = sorted(
                (k, item.ap50 * 100, item.ap50_sd * 100)
                for (owner, name, k), item in summary.items()
                if (owner, name) == (dataset, method)
            )
            if points:
                shots, middle, spread = zip(*points, strict=True)
                style = _OWN_STYLE if method in ("sdpt", "tune") else _RIVAL_STYLE
                colour = colours[number % len(colours)]
                axis.errorbar(shots, middle, spread, label=method, color=colour, capsize=2, **style)
        base = summary.get((dataset, "zero-shot", 0))
        if base is not None:
            axis.axhline(base.ap50 * 100, color="black", linestyle=":", label="zero-shot")
        axis.set(title=dataset, xlabel="labelled images per class", xscale="log")
        axis.set_xticks([1, 3, 5, 10], ["1", "3", "5", "10"])
        axis.minorticks_off()
    axes[0].set_ylabel("AP50, %")
    handles, labels = axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, fontsize=8, frameon=False)
    figure.savefig(path, dpi=110)


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
