"""The measurements of duplicates as a table for people, as rows, and as the choice that the default follows."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from app.bench.duplicates import (
    COPIES_PER_IMAGE,
    GOOD_RECALL,
    LEAST_PRECISION,
    SPLITS,
    Duplicates,
    Measured,
    choose,
    distances,
)
from app.bench.near_copies import KINDS

CHOICE_NAME, ROWS_NAME, TABLE_NAME = "choice.json", "rows.csv", "table.md"
_SHOWN = (0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1, 0.15, 0.2)


def write_report(done: Duplicates, folder: Path) -> None:
    """choice.json, rows.csv and table.md in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    choice = {"backbone": done.backbone, "distance": done.distance}
    (folder / CHOICE_NAME).write_text(json.dumps(choice) + "\n", encoding="utf-8")
    (folder / TABLE_NAME).write_text(table(done), encoding="utf-8")
    with (folder / ROWS_NAME).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["set", "split", "distance", *KINDS, "recall", "false", "precision"])
        writer.writerows(_row(found, d) for found in done.measured for d in distances())


def _row(found: Measured, distance: float) -> list[str | float | int]:
    recalls = [round(found.recall(distance, kind), 4) for kind in KINDS]
    return [
        found.dataset,
        found.split,
        distance,
        *recalls,
        round(found.recall(distance), 4),
        found.num_false(distance),
        round(found.precision(distance), 4),
    ]


def table(done: Duplicates) -> str:
    """Markdown, with the command on top."""
    parts = [
        f"Made by `sdpt-app bench duplicates --backbone {done.backbone}`.",
        f"Chosen on train.json: **{done.distance:g}**, the largest distance up to which at least "
        f"{LEAST_PRECISION:.0%} of what is called a duplicate is one on every set, when "
        f"{COPIES_PER_IMAGE:.0%} of the images have a copy. {verdict(done)}",
    ]
    for split in reversed(SPLITS):
        chosen_on = " (chosen on these)" if split == "train" else ""
        parts.append(f"### Found at {done.distance:g}, {split}.json{chosen_on}, in per cent")
        parts.append(_found_table(_of(done, split), done.distance))
    parts.append("### Other distances, train.json: copies found / right among what is called one")
    parts.append(_other_distances(_of(done, "train")))
    return "\n\n".join(parts) + "\n"


def verdict(done: Duplicates) -> str:
    """Whether the one distance is good for all sets, in a sentence."""
    poor = [
        f"{found.dataset} ({found.recall(done.distance):.0%})"
        for found in _of(done, "train")
        if found.recall(done.distance) < GOOD_RECALL
    ]
    if not poor:
        return f"It finds at least {GOOD_RECALL:.0%} of the copies on each set."
    return (
        f"No one distance is good for all: this one finds fewer than {GOOD_RECALL:.0%} of the "
        f"copies of {', '.join(poor)}; it was chosen for being right, not for finding all."
    )


def _found_table(measured: Sequence[Measured], distance: float) -> str:
    heads = ["set", "images", "copies", *KINDS, "all copies", "wrongly called", "precision"]
    rows = [
        [
            found.dataset,
            str(found.num_images),
            str(found.num_copies),
            *(f"{100 * found.recall(distance, kind):.0f}" for kind in KINDS),
            f"{100 * found.recall(distance):.0f}",
            f"{found.num_false(distance)} images",
            f"{100 * found.precision(distance):.0f}",
        ]
        for found in measured
    ]
    return _markdown(heads, rows)


def _other_distances(measured: Sequence[Measured]) -> str:
    heads = ["distance", *(found.dataset for found in measured)]
    rows = [
        [f"{d:g}", *(f"{100 * f.recall(d):.0f} / {100 * f.precision(d):.0f}" for f in measured)]
        for d in _SHOWN
    ]
    rows.append(["by the rule, alone", *(f"{choose([found]):g}" for found in measured)])
    return _markdown(heads, rows)


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---", *("--:" for _ in heads[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _of(done: Duplicates, split: str) -> list[Measured]:
    return [found for found in done.measured if found.split == split]
