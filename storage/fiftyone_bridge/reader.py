"""Reading a FiftyOneDataset folder, ours or FiftyOne's own; FiftyOne itself is not needed for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from storage.coco_reader import read_text
from storage.errors import ImportFileError
from storage.fiftyone_bridge.fields import HUMAN
from storage.types import Box, ImportedBox, ImportedDataset, ImportedImage

_USUAL_FIELDS = (HUMAN, "ground_truth")
_DONE_STATE = "done"


def read_fiftyone(directory: Path, *, field: str | None = None) -> ImportedDataset:
    """Read and check the folder. Raises ImportFileError; the images are matched later.

    `field` names the boxes to take; by default 'human', else 'ground_truth', else the only one.
    """
    samples = _samples(directory)
    chosen = field or _chosen_field(samples, directory)
    names = _classes(directory)
    found = tuple(_image(sample, place, chosen, names) for place, sample in enumerate(samples))
    if field is not None and not any(field in sample for sample in samples):
        raise ImportFileError(
            f"'{directory.name}' has no field '{field}'. Its fields of boxes are: "
            f"{', '.join(_box_fields(samples)) or 'none'}."
        )
    return ImportedDataset(directory.name, tuple(names), found)


def _samples(directory: Path) -> list[Mapping[str, Any]]:
    path = directory / "samples.json"
    if not path.is_file():
        raise ImportFileError(
            f"'{directory}' holds no samples.json. Export it as fo.types.FiftyOneDataset, with "
            "use_dirs=False."
        )
    samples = _json(path).get("samples")
    if not isinstance(samples, list) or not all(isinstance(s, dict) for s in samples):
        raise ImportFileError(f"'{path.name}': 'samples' must be a list of objects.")
    return samples


def _classes(directory: Path) -> list[str]:
    """In the order of the dataset; classes that it does not list are added when they are met."""
    path = directory / "metadata.json"
    known = _json(path).get("default_classes") if path.is_file() else None
    return [name for name in known if isinstance(name, str)] if isinstance(known, list) else []


def _json(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(read_text(path))
    except ValueError as error:
        raise ImportFileError(f"'{path.name}' is no whole JSON: {error}.") from error
    if not isinstance(document, dict):
        raise ImportFileError(f"'{path.name}' must hold an object at its top.")
    return document


def _chosen_field(samples: Sequence[Mapping[str, Any]], directory: Path) -> str:
    fields = _box_fields(samples)
    for name in _USUAL_FIELDS:
        if name in fields:
            return name
    if len(fields) == 1:
        return fields[0]
    raise ImportFileError(
        f"'{directory.name}' has {len(fields)} fields of boxes: {', '.join(fields) or 'none'}. "
        "Name one with --field."
    )


def _box_fields(samples: Sequence[Mapping[str, Any]]) -> list[str]:
    found = (
        key
        for sample in samples
        for key, value in sample.items()
        if isinstance(value, dict) and value.get("_cls") == "Detections"
    )
    return list(dict.fromkeys(found))


def _image(sample: Mapping[str, Any], place: int, field: str, names: list[str]) -> ImportedImage:
    where = f"samples.json: samples[{place}]"
    path = sample.get("relative_path") or sample.get("filepath")
    if not isinstance(path, str) or not path:
        raise ImportFileError(f"{where}: 'filepath' must be text; found {path!r:.80}.")
    labels = (sample.get(field) or {}).get("detections") or []
    return ImportedImage(
        where=where,
        file_name=path.removeprefix("data/"),
        size_wh=_size(sample.get("metadata")),
        is_reviewed=_is_reviewed(sample),
        boxes=tuple(
            _box(f"{where}: {field}[{index}]", label, names) for index, label in enumerate(labels)
        ),
    )


def _size(metadata: object) -> tuple[int, int] | None:
    if not isinstance(metadata, dict):
        return None
    width, height = metadata.get("width"), metadata.get("height")
    return (width, height) if isinstance(width, int) and isinstance(height, int) else None


def _is_reviewed(sample: Mapping[str, Any]) -> bool | None:
    if isinstance(sample.get("reviewed"), bool):
        return bool(sample["reviewed"])
    return None if sample.get("state") is None else sample["state"] == _DONE_STATE


def _box(where: str, label: object, names: list[str]) -> ImportedBox:
    if not isinstance(label, dict) or not isinstance(label.get("label"), str):
        raise ImportFileError(f"{where}: every box needs a text 'label'.")
    if label["label"] not in names:
        names.append(label["label"])
    uid, score = label.get("uid"), label.get("confidence")
    return ImportedBox(
        where=where,
        category=names.index(label["label"]),
        box=_corners(where, label.get("bounding_box")),
        is_relative=True,
        score=float(score) if isinstance(score, int | float) and 0 <= score <= 1 else None,
        uid=uid if isinstance(uid, str) and 0 < len(uid) <= 64 else None,
    )


def _corners(where: str, value: object) -> Box:
    is_four = isinstance(value, list) and len(value) == 4
    if not is_four or not all(type(n) in (int, float) for n in value or ()):  # type: ignore[attr-defined]
        raise ImportFileError(
            f"{where}: 'bounding_box' must be [x, y, width, height]; found {value!r:.80}."
        )
    assert isinstance(value, list)
    x, y, width, height = (float(n) for n in value)
    return (x, y, x + width, y + height)
