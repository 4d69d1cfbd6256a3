"""Speed and memory of the engine beside transformers' own way, on the shipped images or on a folder like theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from app.errors import AppError
from sdpt_engine.bench.speed import Row, SpeedReport, measure_speed
from sdpt_engine.types import Example, ObjectClass


def measure(
    dataset_dir: Path, *, backbone: str, is_quick: bool, on_row: Callable[[Row], None]
) -> SpeedReport:
    """Every comparison on `dataset_dir` (images/, train.json); the images that have the commonest size are used."""
    if not (dataset_dir / "train.json").is_file():
        raise AppError(
            f"The benchmark needs '{dataset_dir}/train.json', which is not there. "
            "Give a folder with images/ and train.json."
        )
    document: dict[str, Any] = json.loads((dataset_dir / "train.json").read_text("utf-8"))
    classes = [ObjectClass(c["id"], c["name"], c["name"]) for c in document["categories"]]
    examples = _examples(document, dataset_dir / "images", classes)
    return measure_speed(backbone, classes, examples, is_quick=is_quick, on_row=on_row)


def _examples(
    document: dict[str, Any], images_dir: Path, classes: list[ObjectClass]
) -> list[Example]:
    place = {item.id: index for index, item in enumerate(classes)}
    sizes = [(image["width"], image["height"]) for image in document["images"]]
    commonest = max(sorted(set(sizes)), key=sizes.count)
    chosen = [i for i, size in zip(document["images"], sizes, strict=True) if size == commonest]
    boxes: dict[int, list[list[float]]] = {image["id"]: [] for image in chosen}
    labels: dict[int, list[int]] = {image["id"]: [] for image in chosen}
    for annotation in document["annotations"]:
        if annotation["image_id"] in boxes:
            x, y, width, height = annotation["bbox"]
            boxes[annotation["image_id"]].append([x, y, x + width, y + height])
            labels[annotation["image_id"]].append(place[annotation["category_id"]])
    return [
        Example(
            image_path=images_dir / image["file_name"],
            boxes=np.array(boxes[image["id"]], np.float32).reshape(-1, 4),
            labels=np.array(labels[image["id"]], np.int64),
        )
        for image in chosen
    ]


def describe(row: Row) -> str:
    """One line of the table."""
    verdict = {True: "met", False: "MISSED", None: ""}[row.is_met]
    wanted = "" if row.wanted is None else f"(at least {row.wanted:.2f}, {verdict})"
    figures = f"{row.ours:>9.3f} {row.rival:>9.3f} {row.unit:<8} x{row.ratio:.2f} {wanted}"
    return f"{row.what}, {row.subject}\n    {figures}\n    {row.note}"
