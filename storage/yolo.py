"""YOLO in and out: a text file per image, boxes as centre and size in shares of the image."""

from __future__ import annotations

import hashlib
import math
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from storage.coco_reader import read_text
from storage.errors import ExportError, ImportFileError
from storage.folders import link, swap
from storage.types import Box, ImportedBox, ImportedDataset, ImportedImage, YoloReport

_MARK = "# Written by sdpt-app; exporting here again replaces this folder."


def write_yolo(
    directory: Path,
    document: Mapping[str, Any],
    *,
    data_root: Path,
    val_fraction: float = 0.2,
) -> YoloReport:
    """Write a COCO document (see `coco.export_document`) as a YOLO data set, whole or not at all.

    labels/ holds the boxes, images/ links to the originals (trainers look for labels beside a
    folder of that name), train.txt and val.txt the split, which depends on the paths alone.
    """
    _refuse_collisions(document)
    is_replaced = _refuse_foreign(directory)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
        try:
            report = _fill(scratch, document, directory, data_root.resolve(), val_fraction)
            scratch.chmod(0o755)
            swap(scratch, directory, is_replaced)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise ExportError(
            f"The YOLO folder '{directory}' cannot be written: {error.strerror}. "
            "Name another folder."
        ) from error
    return report


def read_yolo(directory: Path) -> ImportedDataset:
    """Read a YOLO folder: data.yaml or classes.txt, and the label files. Raises ImportFileError."""
    names = _class_names(directory)
    files = _label_files(directory)
    if not files:
        raise ImportFileError(f"'{directory}' holds no label files (*.txt); nothing to import.")
    found: list[ImportedImage] = []
    seen: dict[str, Path] = {}
    for path in files:
        stem = _image_stem(path.relative_to(directory))
        if stem in seen:
            raise ImportFileError(
                f"'{seen[stem]}' and '{path.relative_to(directory)}' both label image '{stem}'."
            )
        seen[stem] = path.relative_to(directory)
        found.append(_read_labels(path, directory, stem, len(names)))
    return ImportedDataset(directory.name, tuple(names), tuple(found))


def _fill(
    scratch: Path,
    document: Mapping[str, Any],
    directory: Path,
    data_root: Path,
    val_fraction: float,
) -> YoloReport:
    index = {c["id"]: place for place, c in enumerate(document["categories"])}
    lines: dict[int, list[str]] = {image["id"]: [] for image in document["images"]}
    sizes = {image["id"]: (image["width"], image["height"]) for image in document["images"]}
    for entry in document["annotations"]:
        lines[entry["image_id"]].append(_line(entry, index, sizes[entry["image_id"]]))
    lists: dict[str, list[str]] = {"train": [], "val": []}
    for image in sorted(document["images"], key=lambda image: image["file_name"]):
        path = PurePosixPath(image["file_name"])
        _write(scratch / "labels" / path.with_suffix(".txt"), "".join(lines[image["id"]]))
        link(scratch / "images" / path, data_root / path)
        lists[_split(str(path), val_fraction)].append(f"./images/{path}\n")
    for name, paths in lists.items():
        # A trainer wants both lists; too few images to divide serve as both.
        _write(scratch / f"{name}.txt", "".join(paths or [*lists["train"], *lists["val"]]))
    _write(scratch / "data.yaml", _data_yaml(document, directory))
    return YoloReport(
        images=len(document["images"]),
        annotations=len(document["annotations"]),
        train=len(lists["train"]),
        val=len(lists["val"]),
    )


def _line(entry: Mapping[str, Any], index: Mapping[int, int], size_wh: tuple[int, int]) -> str:
    x, y, width, height = entry["bbox"]
    centre = ((x + width / 2) / size_wh[0], (y + height / 2) / size_wh[1])
    numbers = (*centre, width / size_wh[0], height / size_wh[1])
    # eight decimals, so that a thousandth of a pixel survives in any image
    return f"{index[entry['category_id']]} " + " ".join(f"{n:.8f}" for n in numbers) + "\n"


def _data_yaml(document: Mapping[str, Any], directory: Path) -> str:
    content = {
        "path": str(directory.resolve()),
        "train": "train.txt",
        "val": "val.txt",
        "names": {place: c["name"] for place, c in enumerate(document["categories"])},
    }
    return f"{_MARK}\n{yaml.safe_dump(content, sort_keys=False, allow_unicode=True)}"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _split(path: str, val_fraction: float) -> str:
    share = int.from_bytes(hashlib.sha256(path.encode()).digest()[:4], "big") / 2**32
    return "val" if share < val_fraction else "train"


def _refuse_foreign(directory: Path) -> bool:
    """Whether something is to be replaced; raises unless that is empty or an export of ours."""
    if not directory.exists():
        return False
    if not directory.is_dir():
        raise ExportError(f"'{directory}' is a file; a YOLO export needs a folder.")
    if not any(directory.iterdir()):
        return True
    description = directory / "data.yaml"
    is_ours = description.is_file() and description.read_bytes().startswith(_MARK.encode())
    if not is_ours:
        raise ExportError(
            f"'{directory}' holds files that are no YOLO export of sdpt-app; they are left alone. "
            "Name an empty or a new folder."
        )
    return True


def _refuse_collisions(document: Mapping[str, Any]) -> None:
    seen: dict[PurePosixPath, str] = {}
    for image in document["images"]:
        label = PurePosixPath(image["file_name"]).with_suffix(".txt")
        if label in seen:
            raise ExportError(
                f"'{seen[label]}' and '{image['file_name']}' would share the label file "
                f"'labels/{label}'. Rename one of the images, or export COCO."
            )
        seen[label] = image["file_name"]


def _class_names(directory: Path) -> list[str]:
    for name in ("data.yaml", "data.yml", "dataset.yaml"):
        if (directory / name).is_file():
            return _yaml_names(directory / name)
    for name in ("classes.txt", "labels/classes.txt", "obj.names"):
        if (directory / name).is_file():
            return [
                line.strip() for line in read_text(directory / name).splitlines() if line.strip()
            ]
    raise ImportFileError(
        f"'{directory}' has neither data.yaml nor classes.txt, so the class numbers have no names."
    )


def _yaml_names(path: Path) -> list[str]:
    try:
        content = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise ImportFileError(f"'{path}' is no YAML: {error}") from error
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict) and sorted(names, key=str) == sorted(range(len(names)), key=str):
        names = [names[place] for place in range(len(names))]
    if not isinstance(names, list) or not names or not all(isinstance(n, str | int) for n in names):
        raise ImportFileError(
            f"'{path.name}': 'names' must list the classes from 0 on; found {names!r:.80}."
        )
    return [str(name).strip() for name in names]


def _label_files(directory: Path) -> list[Path]:
    lists = {"classes.txt", "train.txt", "val.txt", "test.txt", "README.txt"}
    found = [p for p in directory.rglob("*.txt") if p.is_file() and p.name not in lists]
    in_labels = [p for p in found if "labels" in p.relative_to(directory).parts[:-1]]
    return sorted(in_labels or found)


def _image_stem(relative: Path) -> str:
    """The image's path below the last folder 'labels', without its ending."""
    parts = relative.with_suffix("").parts
    if "labels" in parts[:-1]:
        parts = parts[len(parts) - parts[::-1].index("labels") :]
    return PurePosixPath(*parts).as_posix()


def _read_labels(path: Path, directory: Path, stem: str, num_classes: int) -> ImportedImage:
    where = path.relative_to(directory).as_posix()
    boxes = tuple(
        _read_line(f"{where}: line {number}", line.split(), num_classes)
        for number, line in enumerate(read_text(path).splitlines(), start=1)
        if line.strip()
    )
    return ImportedImage(where, stem, None, None, boxes, has_suffix=False)


def _read_line(where: str, fields: list[str], num_classes: int) -> ImportedBox:
    if len(fields) not in (5, 6):
        raise ImportFileError(
            f"{where}: expected 'class x y width height [score]'; found {len(fields)} values."
        )
    try:
        category, numbers = int(fields[0]), [float(field) for field in fields[1:]]
    except ValueError as error:
        raise ImportFileError(f"{where}: not a number: {error}.") from error
    if not 0 <= category < num_classes:
        raise ImportFileError(
            f"{where}: class {category} has no name; there are {num_classes} classes, from 0 on."
        )
    if not all(math.isfinite(n) and -0.5 <= n <= 1.5 for n in numbers):
        raise ImportFileError(
            f"{where}: values must be shares of the image in 0..1; found {numbers}."
        )
    score = numbers[4] if len(numbers) == 5 else None
    if score is not None and not 0 <= score <= 1:
        raise ImportFileError(f"{where}: the score must lie in 0..1; found {score:g}.")
    return ImportedBox(where, category, _corners(where, numbers), is_relative=True, score=score)


def _corners(where: str, numbers: list[float]) -> Box:
    x, y, width, height = numbers[:4]
    if width <= 0 or height <= 0:
        raise ImportFileError(f"{where}: the box has no area; width and height must be above 0.")
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
